"""A folder that a .mat file in NYUv2's layout is prepared into, once, so that any frame is read at once.

rgb.npy (N, H, W, 3) uint8; depths.npy and rawDepths.npy (N, H, W) uint16 in steps of 0.2 mm, 0 where invalid; and
prepared.json with everything else. A depth is kept to 0.1 mm up to 13.107 m; beyond that it becomes invalid, and
`beyond` in prepared.json counts such pixels (NYUv2's depths end at 10 m).
"""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from depth_models.data.fetching import located
from depth_models.data.manifest import MANIFEST, METRES_PER_UNIT, VERSION, array_layout, read_manifest, save_manifest
from depth_models.data.nyu import NyuFile, frame_blocks, open_hdf5
from depth_models.errors import DepthModelsError
from depth_models.types import Camera, Sample

FARTHEST_M = METRES_PER_UNIT * np.iinfo(np.uint16).max

Progress = Callable[[int, int], None]


class PreparedFolder:
    """Random access to the frames of a folder that `prepare` wrote; may be sent to another process.

    Args:
        path: the folder.
        depth: 'depths' or 'rawDepths', see `NyuFile`.

    Attributes:
        path, scenes, scene_types, size, content, description: as of the `NyuFile` that it was made from, so that a
            training goes on whether it reads the file or the folder.
        beyond: by depth array, how many pixels became invalid for being too far.
        names: per frame, the name of its picture in NYUv2's raw data; empty where the file had none.

    Raises:
        DepthModelsError: half written, of another version, damaged, or without such depth.
    """

    def __init__(self, path: str | Path, depth: str = "depths") -> None:
        self.path, self._depth = Path(path), depth
        self._manifest = manifest = read_manifest(self.path)
        if manifest["done"] < manifest["frames"]:
            raise DepthModelsError(
                f"{path}: half written, {manifest['done']} of {manifest['frames']} frames; go on with "
                f"depth-models data prepare {manifest['source']['file']} --out {path}"
            )
        if depth not in manifest["truths"]:
            raise DepthModelsError(f"{path}: no {depth} in this folder; it has {', '.join(manifest['truths'])}")
        self.size = (manifest["height"], manifest["width"])
        self.scenes, self.scene_types, self.names = manifest["scenes"], manifest["scene_types"], manifest["names"]
        self.beyond: dict[str, int] = manifest["beyond"]
        self.content: tuple[int, int, int, int] | None = None
        if manifest["content"]:
            top, bottom, left, right = manifest["content"]
            self.content = (top, bottom, left, right)
        about = {name: value for name, value in manifest["source"].items() if name != "bytes"}
        self.description = about | {"depth": depth}
        self._maps()

    @staticmethod
    def recognises(path: Path) -> bool:
        """A folder with a prepared.json."""
        return (path / MANIFEST).is_file()

    def __len__(self) -> int:
        return len(self.scenes)

    def __getitem__(self, index: int) -> Sample:
        """Frame number `index`."""
        maps = self._maps()
        units = maps[self._depth][index]
        depth = units * np.float32(METRES_PER_UNIT)
        height, width = self.size
        fx, fy, cx, cy = self._manifest["intrinsics"][index]
        return Sample(np.array(maps["rgb"][index]), depth, units > 0, Camera(fx, fy, cx, cy, width, height))

    def defects(self, index: int) -> list[str]:
        """Names of the files whose bytes of frame number `index` are not those that were written."""
        sums = self._manifest["crc32"]
        return [f"{name}.npy" for name, array in self._maps().items() if zlib.crc32(array[index]) != sums[name][index]]

    def _maps(self) -> dict[str, np.ndarray]:
        """The memory-mapped arrays, which a process that was sent this object opens anew."""
        if "_opened" not in self.__dict__:
            self._opened = {name: self._map(name) for name in ("rgb", *self._manifest["truths"])}
        return self._opened

    def _map(self, name: str) -> np.ndarray:
        path = self.path / f"{name}.npy"
        shape, dtype = array_layout(self._manifest, name)
        try:
            array = np.load(path, mmap_mode="r")
        except (OSError, ValueError) as error:
            raise DepthModelsError(f"{path}: cannot be read ({error}); remove {self.path}, prepare again") from error
        if (array.shape, array.dtype) != (shape, dtype):
            got = f"{array.dtype} of {array.shape}, expected {dtype} of {shape}"
            raise DepthModelsError(f"{path}: {got}; remove {self.path}, prepare again")
        return array

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_opened"}


def prepare(source_path: str | Path, out: str | Path, progress: Progress = lambda done, frames: None) -> Path:
    """Write a .mat file in NYUv2's layout into a folder for `PreparedFolder`, block by block.

    It goes on where a call that was stopped ended, and does nothing where all is done. Never more than a few hundred
    MB are in memory.

    Args:
        source_path: the .mat file, with `depths` and, if it has them, `rawDepths`; or a name, as `located` takes it.
        out: the folder.
        progress: called with frames done and frames in all, at the start and after each block.

    Returns:
        The folder.

    Raises:
        DepthModelsError: the file cannot be read; the folder holds something else, or cannot be written (what is done
            stays).
    """
    source_path, out = located(source_path), Path(out)
    manifest = _manifest(source_path, out)
    done, frames = manifest["done"], manifest["frames"]
    if done == frames:
        return out
    file = open_hdf5(source_path)
    arrays = {"rgb": "images"} | {name: name for name in manifest["truths"]}
    try:
        out.mkdir(parents=True, exist_ok=True)
        save_manifest(out, manifest)
        progress(done, frames)
        with ExitStack() as stack:
            files = {name: stack.enter_context(_open_array(out / f"{name}.npy", manifest, name)) for name in arrays}
            for block in frame_blocks(file, list(arrays.values()), done):
                for name, array in arrays.items():
                    _write(files[name], _frames(file, array, block), manifest, name)
                done = manifest["done"] = block.stop
                save_manifest(out, manifest)  # after the bytes are on the disk, as it says that they are
                progress(done, frames)
    except OSError as error:
        raise DepthModelsError(
            f"{out}: cannot be written ({error.strerror or error}); {done} of {frames} frames are done, and the same "
            "command goes on from there"
        ) from error
    return out


def is_prepared(source_path: str | Path, out: str | Path) -> bool:
    """Has `prepare` nothing to do? It raises as `prepare` does."""
    manifest = _manifest(located(source_path), Path(out))
    return manifest["done"] == manifest["frames"]


def _write(file: BinaryIO, frames: Iterator[np.ndarray], manifest: dict[str, Any], name: str) -> None:
    sums = manifest["crc32"][name]
    del sums[manifest["done"] :]
    for frame in frames:
        if name != "rgb":
            manifest["beyond"][name] += int(np.count_nonzero(frame > FARTHEST_M))
            frame = encode_depth(frame)
        data = np.ascontiguousarray(frame).data
        file.write(data)
        sums.append(zlib.crc32(data))
    file.flush()
    os.fsync(file.fileno())


def _frames(file: Any, name: str, block: slice) -> Iterator[np.ndarray]:
    """Frames of a block, (H, W, 3) or (H, W)."""
    try:
        array = file[name][block]
    except OSError as error:
        raise DepthModelsError(
            f"{file.filename}: {name} of frames {block.start} to {block.stop - 1} cannot be read ({error}); is the "
            "file whole?"
        ) from error
    yield from (frame.T for frame in array)


def encode_depth(metres: np.ndarray) -> np.ndarray:
    """uint16 in steps of 0.2 mm, of metres of any shape; 0 for what is not finite, not above 0, or beyond 13.107 m."""
    units = np.rint(metres / METRES_PER_UNIT)
    return np.where((units >= 1) & (units <= np.iinfo(np.uint16).max), units, 0).astype(np.uint16)


def _manifest(source_path: Path, out: Path) -> dict[str, Any]:
    """The folder's own, which must be of this file; or the one to begin with."""
    source = NyuFile(source_path)
    about = {name: value for name, value in source.description.items() if name != "depth"}
    about["bytes"] = source_path.stat().st_size
    if (out / MANIFEST).exists():
        manifest = read_manifest(out)
        if manifest["source"] != about:
            raise DepthModelsError(
                f"{out}: holds frames of {manifest['source']}, and not of {about}; choose another folder with --out, "
                "or remove this one"
            )
        return manifest
    for name in ("rgb", *source.truths):
        if (out / f"{name}.npy").exists():
            raise DepthModelsError(f"{out}: has a {name}.npy of something else; choose another folder with --out")
    for name in source.truths:
        NyuFile(source_path, name)  # whose shape must fit
    cameras = [source.camera(index) for index in range(len(source))]
    height, width = source.size
    return {
        "version": VERSION, "source": about, "frames": len(source), "done": 0, "height": height, "width": width,
        "truths": source.truths, "metres_per_unit": METRES_PER_UNIT, "content": source.content,
        "beyond": dict.fromkeys(source.truths, 0), "crc32": {name: [] for name in ("rgb", *source.truths)},
        "scenes": source.scenes, "scene_types": source.scene_types, "names": source.names(),
        "intrinsics": [[c.fx, c.fy, c.cx, c.cy] for c in cameras],
    }  # fmt: skip


def _open_array(path: Path, manifest: dict[str, Any], name: str) -> BinaryIO:
    """An array's file where its next frame goes. Written, not memory-mapped: a full disk would kill the process."""
    shape, dtype = array_layout(manifest, name)
    file = path.open("r+b" if path.exists() else "w+b")
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    place = file.tell() + manifest["done"] * math.prod(shape[1:]) * dtype.itemsize
    if file.seek(0, os.SEEK_END) < place:
        raise DepthModelsError(f"{path}: shorter than its {manifest['done']} frames; remove {path.parent}, begin again")
    file.seek(place)
    file.truncate()
    return file
