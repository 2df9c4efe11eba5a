"""What is wrong with a data set: every defect, not only the first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from depth_models.data.fetching import located
from depth_models.data.nyu import NYU_CAMERA, TRUTHS, frame_blocks, open_hdf5, read_strings
from depth_models.data.prepared import PreparedFolder
from depth_models.data.sources import Source, open_source
from depth_models.data.splits import NYU_FRAMES
from depth_models.errors import DepthModelsError

Progress = Callable[[int, int], None]
Found = dict[str, list[int]]  # frames by defect

_STRINGS = ("scenes", "sceneTypes")


def check(path: str | Path, progress: Progress = lambda done, frames: None) -> list[str]:
    """Read all of a data set of any known layout.

    Args:
        path: file or folder; or a name, as `located` takes it.
        progress: called with frames done and frames in all.

    Returns:
        Its defects in words; empty where it is sound.

    Raises:
        DepthModelsError: nothing there, or of no known layout.
    """
    path = located(path)
    if path.is_file():
        return _check_file(path, progress)
    try:
        source = open_source(path)
    except DepthModelsError as error:
        return [str(error)]
    found: Found = defaultdict(list)
    for index in range(len(source)):
        for defect in _frame_defects(source, index):
            found[defect].append(index)
        progress(index + 1, len(source))
    return _in_words(found)


def _frame_defects(source: Source, index: int) -> Iterator[str]:
    try:
        sample = source[index]
    except DepthModelsError as error:
        yield str(error)
        return
    if not sample.rgb.any():
        yield "the picture is all black"
    if not sample.valid.any():
        yield "no valid depth"
    if isinstance(source, PreparedFolder):
        for name in source.defects(index):
            yield f"{name}: another checksum than when it was written"


def _check_file(path: Path, progress: Progress) -> list[str]:
    """Of a .mat file in NYUv2's layout."""
    try:
        file = open_hdf5(path)
    except DepthModelsError as error:
        return [str(error)]
    missing = [name for name in ("images", *TRUTHS, *_STRINGS) if name not in file]
    defects = [f"{name}: missing" for name in missing]
    if "images" in missing:
        return defects
    shape = file["images"].shape
    if len(shape) != 4 or shape[1] != 3 or file["images"].dtype != np.uint8:
        return [*defects, f"images: {file['images'].dtype} of {shape}, expected uint8 of (N, 3, W, H)"]
    if not shape[0]:
        return [*defects, "images: no frame"]
    arrays = ["images"]
    for name in (name for name in TRUTHS if name not in missing):
        if file[name].shape != (shape[0], *shape[2:]) or file[name].dtype.kind != "f":
            got, expected = f"{file[name].dtype} of {file[name].shape}", (shape[0], *shape[2:])
            defects.append(f"{name}: {got}, expected floating point of {expected}")
        else:
            arrays.append(name)
    defects += [defect for name in _STRINGS if name not in missing for defect in _string_defects(file, name, shape[0])]
    defects += _camera_defects(file, path, shape)
    found: Found = defaultdict(list)
    for block in frame_blocks(file, arrays):
        for name in arrays:
            _check_block(file[name], name, block, found)
        progress(block.stop, shape[0])
    return defects + _in_words(found)


def _string_defects(file: Any, name: str, frames: int) -> Iterator[str]:
    try:
        count = len(read_strings(file, name))
    except DepthModelsError as error:
        yield str(error)
    else:
        if count != frames:
            yield f"{name}: {count} of them, and {frames} frames"


def _camera_defects(file: Any, path: Path, shape: tuple[int, ...]) -> Iterator[str]:
    """Intrinsics; a file without them, or of that name, is taken for NYUv2's and has its size and number of frames."""
    frames, _, width, height = shape
    if "intrinsics" in file:
        intrinsics = file["intrinsics"]
        if intrinsics.shape != (frames, 4):
            yield f"intrinsics: of {intrinsics.shape}, expected {(frames, 4)}"
        elif not (np.isfinite(intrinsics[:]).all() and (intrinsics[:, :2] > 0).all()):
            yield "intrinsics: not finite, or a focal length that is not positive"
    elif (height, width) != (NYU_CAMERA.height, NYU_CAMERA.width):
        yield f"no intrinsics, and frames of {height}x{width} are not NYUv2's 480x640"
    if frames != NYU_FRAMES and ("intrinsics" not in file or path.name == "nyu_depth_v2_labeled.mat"):
        yield f"{frames} frames, and NYU Depth V2 has {NYU_FRAMES}"


def _check_block(array: Any, name: str, block: slice, found: Found) -> None:
    try:
        frames = array[block]
    except OSError as error:
        if block.stop - block.start == 1:
            found[f"{name}: cannot be read ({error})"].append(block.start)
            return
        for index in range(block.start, block.stop):  # which ones
            _check_block(array, name, slice(index, index + 1), found)
        return
    for index, frame in enumerate(frames, block.start):
        if not frame.any():
            found[f"{name}: all zero"].append(index)
        if name == "images":
            continue
        for defect, bad in (("NaN", np.isnan(frame)), ("infinite", np.isinf(frame)), ("negative", frame < 0)):
            if bad.any():
                found[f"{name}: {defect} values"].append(index)


def _in_words(found: Found) -> list[str]:
    return [f"{defect}: frames {_ranges(frames)}" for defect, frames in found.items()]


def _ranges(numbers: list[int]) -> str:
    """'0, 3-5' of ascending [0, 3, 4, 5]."""
    ends = np.flatnonzero(np.diff(numbers, append=numbers[-1] + 2) != 1)
    texts, start = [], 0
    for end in ends.tolist():
        texts.append(str(numbers[start]) if start == end else f"{numbers[start]}-{numbers[end]}")
        start = end + 1
    return ", ".join(texts)
