"""Reader of NYU Depth V2's labelled file, and of any other in its layout (what `depth-models data rooms` writes).

The file is MATLAB v7.3, which is HDF5 with the axes in column-major order: as h5py sees it, images (N, 3, W, H) uint8,
depths and rawDepths (N, W, H) float32 metres (0 where the sensor saw nothing), and cell arrays of strings.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from depth_models.errors import DepthModelsError
from depth_models.types import Camera, Sample

# The Kinect's colour camera, at 640 x 480 (`camera_params.m` of NYU's toolbox).
NYU_CAMERA = Camera(fx=518.857901, fy=519.469611, cx=325.582449, cy=253.736166, width=640, height=480)


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
        description: what the file says of itself, for a training record: its name, frames, and generator if any.

    Raises:
        DepthModelsError: no such file; not HDF5, or truncated; arrays missing or of a shape that does not fit.
    """

    def __init__(self, path: str | Path, depth: str = "depths") -> None:
        self.path, self._depth = Path(path), depth
        file = self._open()
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
        self.size = (height, width)
        self.scenes, self.scene_types = read_strings(file, "scenes"), read_strings(file, "sceneTypes")
        if len(self.scenes) != frames or len(self.scene_types) != frames:
            raise DepthModelsError(f"{path}: {frames} frames, {len(self.scenes)} scenes; is the file damaged?")
        if "intrinsics" not in file and self.size != (NYU_CAMERA.height, NYU_CAMERA.width):
            raise DepthModelsError(
                f"{path}: no intrinsics in this file, and its size {self.size} is not NYUv2's 480x640"
            )
        self._intrinsics = file["intrinsics"][:] if "intrinsics" in file else None
        own = {name: value.item() if isinstance(value, np.generic) else value for name, value in file.attrs.items()}
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
        return Sample(rgb, depth, np.isfinite(depth) & (depth > 0), self._camera(index))

    def _camera(self, index: int) -> Camera:
        if self._intrinsics is None:
            return NYU_CAMERA
        fx, fy, cx, cy = map(float, self._intrinsics[index])
        return Camera(fx, fy, cx, cy, width=self.size[1], height=self.size[0])

    def _open(self) -> Any:
        """The open file, which a process that was sent this object opens anew."""
        if "_file" not in self.__dict__:
            self._file = _open(self.path)
        return self._file

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_file"}


def _open(path: Path) -> Any:
    try:
        import h5py
    except ImportError as error:
        raise DepthModelsError(f"reading {path} needs h5py: pip install 'depth_estimation_ros[train]'") from error
    if not path.is_file():
        raise DepthModelsError(f"{path}: no such data file")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise DepthModelsError(
            f"{path}: not a whole MATLAB v7.3 (HDF5) file ({error}). NYUv2's nyu_depth_v2_labeled.mat has 2.8 GB; "
            "was the download cut short, or is it a web page saved under that name?"
        ) from error


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
