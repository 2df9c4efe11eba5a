"""Reader of NYU Depth V2's labelled file, and of any other in its layout (what `depth-models data rooms` writes).

The file is MATLAB v7.3, which is HDF5 with the axes in column-major order: as h5py sees it, images (N, 3, W, H) uint8,
depths and rawDepths (N, W, H) float32 metres (0 where the sensor saw nothing), and cell arrays of strings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from depth_models.errors import DepthModelsError
from depth_models.types import Camera, Sample

# The Kinect's colour camera, at 640 x 480 (`camera_params.m` of NYU's toolbox).
NYU_CAMERA = Camera(fx=518.857901, fy=519.469611, cx=325.582449, cy=253.736166, width=640, height=480)
# Around this part of NYUv2's frames lies a border, white in the picture and invented in `depths`. Rows and columns
# (top, bottom, left, right) of `get_projection_mask.m` of NYU's toolbox: 45:471 and 41:601, there counted from 1.
NYU_CONTENT = (44, 471, 40, 601)
TRUTHS = ("depths", "rawDepths")

_BLOCK_FRAMES, _BLOCK_BYTES = 64, 256 << 20  # what is read at once: least frames, most bytes


class NyuFile:
    """Random access to the frames of a file; `file[i]` is a `Sample`. May be sent to another process;
    a forked one shares its place in the file, so spawn.

    Args:
        path: the .mat file.
        depth: 'depths' (NYU: holes filled in; rooms: exact) or 'rawDepths' (as measured, with holes).

    Attributes:
        path: the file.
        scenes: per frame, the name of its scene, such as `kitchen_0004`.
        scene_types: per frame, the kind of scene, such as `kitchen`.
        size: (height, width) of every frame, pixels.
        truths: the depth arrays that the file has.
        content: (top, bottom, left, right) of the part of every frame inside NYUv2's border; None in other files.
        description: what the file says of itself, for a training record: its name, frames, and generator if any.

    Raises:
        DepthModelsError: no such file; not HDF5, or truncated; no frame; arrays missing or of a shape that does not
            fit.
    """

    def __init__(self, path: str | Path, depth: str = "depths") -> None:
        self.path, self._depth = Path(path), depth
        file = self._open()
        self.truths = tuple(name for name in TRUTHS if name in file)
        names = {"images", depth, "scenes", "sceneTypes"}
        if missing := sorted(names - set(file)):
            raise DepthModelsError(f"{path}: no {', '.join(missing)} in this file; it has {', '.join(sorted(file))}")
        shape = file["images"].shape
        if len(shape) != 4 or shape[1] != 3 or file[depth].shape != (shape[0], *shape[2:]):
            raise DepthModelsError(
                f"{path}: images {file['images'].shape} and {depth} {file[depth].shape} do not fit; expected "
                "(N, 3, W, H) and (N, W, H), as MATLAB stores them"
            )
        frames, _, width, height = shape
        if not frames:
            raise DepthModelsError(f"{path}: has no frame; was what wrote it stopped?")
        self.size = (height, width)
        self.scenes, self.scene_types = read_strings(file, "scenes"), read_strings(file, "sceneTypes")
        if len(self.scenes) != frames or len(self.scene_types) != frames:
            raise DepthModelsError(f"{path}: {frames} frames, {len(self.scenes)} scenes; is the file damaged?")
        if "intrinsics" not in file and self.size != (NYU_CAMERA.height, NYU_CAMERA.width):
            raise DepthModelsError(
                f"{path}: no intrinsics in this file, and its size {self.size} is not NYUv2's 480x640"
            )
        self._intrinsics = file["intrinsics"][:] if "intrinsics" in file else None
        self.content = NYU_CONTENT if self._intrinsics is None else None
        own = {name: np.asarray(value).astype("O").tolist() for name, value in file.attrs.items()}
        own = {name: value.decode() if isinstance(value, bytes) else value for name, value in own.items()}
        self.description = {"file": self.path.name, "frames": frames, "depth": depth, **own}

    @staticmethod
    def recognises(path: Path) -> bool:
        """Any file: its suffix may have been lost, and what is wrong with it is said on opening."""
        return path.is_file()

    def __len__(self) -> int:
        return len(self.scenes)

    def __getitem__(self, index: int) -> Sample:
        """Frame number `index`.

        Raises:
            DepthModelsError: the frame cannot be read.
        """
        file = self._open()
        try:
            rgb = np.ascontiguousarray(file["images"][index].transpose(2, 1, 0))
            depth = np.ascontiguousarray(file[self._depth][index].T, np.float32)
        except OSError as error:
            raise DepthModelsError(
                f"{self.path}: frame {index} cannot be read ({error}); is the file whole?"
            ) from error
        return Sample(rgb, depth, np.isfinite(depth) & (depth > 0), self.camera(index))

    def names(self) -> list[str]:
        """Per frame, the name of its picture in NYUv2's raw data; empty where the file has none."""
        file = self._open()
        return read_strings(file, "rawRgbFilenames") if "rawRgbFilenames" in file else []

    def camera(self, index: int) -> Camera:
        """Of frame number `index`."""
        if self._intrinsics is None:
            return NYU_CAMERA
        fx, fy, cx, cy = map(float, self._intrinsics[index])
        return Camera(fx, fy, cx, cy, width=self.size[1], height=self.size[0])

    def _open(self) -> Any:
        """The open file, which a process that was sent this object opens anew."""
        if "_file" not in self.__dict__:
            self._file = open_hdf5(self.path)
        return self._file

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_file"}


def open_hdf5(path: Path) -> Any:
    """The open h5py.File.

    Raises:
        DepthModelsError: no such file, or not a whole HDF5 file; what it is instead is said where that can be told.
    """
    try:
        import h5py
    except ImportError as error:
        raise DepthModelsError(f"reading {path} needs h5py: pip install 'depth_estimation_ros[train]'") from error
    if path.is_dir():
        raise DepthModelsError(f"{path}: a folder, and one .mat file is needed; train and evaluate take such folders")
    if not path.is_file():
        raise DepthModelsError(f"{path}: no such data file")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        with path.open("rb") as file:
            start = file.read(512).lstrip().lower()
        if start.startswith(b"<"):
            reason = "it is a web page saved under that name; download NYUv2's nyu_depth_v2_labeled.mat (2.8 GB) again"
        elif start.startswith(b"matlab 5.0"):
            reason = "it is of MATLAB v7 or older; load it in MATLAB and save it with save(file, '-v7.3')"
        else:
            reason = f"{error}; NYUv2's nyu_depth_v2_labeled.mat has 2.8 GB, was the download cut short?"
        raise DepthModelsError(f"{path}: not a whole MATLAB v7.3 (HDF5) file: {reason}") from error


def frame_blocks(file: Any, names: Sequence[str], first: int = 0) -> Iterator[slice]:
    """The frames from `first` on, cut into blocks that read fast and fit into memory.

    MATLAB's chunks reach over many frames, and reading one of these costs as much as reading all. A block holds all
    frames of the largest chunk, but no more than 256 MB of any array.

    Args:
        file: an open file in NYUv2's layout.
        names: the arrays that will be read, one after the other; each has the frames first.
    """
    arrays = [file[name] for name in names]
    frames = len(arrays[0])
    largest = max(array.nbytes // frames for array in arrays)
    reach = max([_BLOCK_FRAMES, *(array.chunks[0] for array in arrays if array.chunks)])
    step = max(1, min(reach, _BLOCK_BYTES // largest))
    while first < frames:
        end = min((first // step + 1) * step, frames)
        yield slice(first, end)
        first = end


def read_strings(file: Any, name: str) -> list[str]:
    """A cell array of strings of an open file in NYUv2's layout.

    Raises:
        DepthModelsError: the array is not one of references to strings.
    """
    try:
        return ["".join(map(chr, np.ravel(file[ref]))) for ref in np.ravel(file[name])]
    except (TypeError, ValueError, KeyError) as error:
        raise DepthModelsError(
            f"{file.filename}: {name} is not a MATLAB cell array of strings ({error}); is the file in NYUv2's layout?"
        ) from error
