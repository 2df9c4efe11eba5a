"""The demo's own frames: a walk through a rendered room that no network was trained on, with exact depth.

Run as a module it is one of several workers that render the walk into the cache.
"""

from __future__ import annotations

import os
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from depth_estimation_ros.demo.frames import RATE_HZ, Calibration, CameraFrame, Source
from depth_estimation_ros.demo.processes import tell
from depth_models.errors import DepthModelsError
from depth_models.files import PACKAGE, written_whole
from depth_models.types import Camera

DATASET_SEED = 7  # no training data have it
ROOM, PATH, LOOK = 11, 1, 2  # a bright living room, chosen by eye


@dataclass(frozen=True)
class RoomTour(Source):
    """A walk to and fro, rendered once and kept in the user's cache.

    Attributes:
        length: frames one way.
        size: (height, width) pixels.
    """

    length: int = 75
    size: tuple[int, int] = (480, 640)
    has_truth: ClassVar[bool] = True
    description: str = "a walk through a rendered room"

    @property
    def folder(self) -> Path:
        """Where its frames are kept; everything that changes them is in the name."""
        from depth_models.data.rooms.generate import VERSION

        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        height, width = self.size
        name = f"room_{DATASET_SEED}_{ROOM}_{PATH}_{LOOK}_{self.length}_{width}x{height}_v{VERSION}"
        return cache / PACKAGE / name

    def missing(self) -> list[int]:
        """Numbers of the frames that are not rendered yet."""
        return [number for number in range(self.length) if not self._path(number).is_file()]

    def render(self, numbers: list[int]) -> None:
        """Render frames into the cache, each file whole or absent.

        Raises:
            DepthModelsError: the cache cannot be written, or embreex is missing.
        """
        from depth_models.data.rooms import camera_path, render, sample_look, sample_room
        from depth_models.data.rooms.generate import room_seed

        room = sample_room(room_seed(DATASET_SEED, ROOM))
        height, width = self.size
        camera, poses = camera_path(room, self.length, PATH, width, height, RATE_HZ)
        look = sample_look(np.random.default_rng([DATASET_SEED, LOOK])).still()
        for number in numbers:
            frame = render(room, camera, poses[number], np.random.default_rng([DATASET_SEED, number]), look)
            self.store(number, frame.rgb, frame.depth, camera)

    def store(self, number: int, rgb: np.ndarray, depth: np.ndarray, camera: Camera) -> None:
        """Keep a frame.

        Raises:
            DepthModelsError: the cache cannot be written.
        """
        intrinsics = np.array([camera.fx, camera.fy, camera.cx, camera.cy])
        with written_whole(self._path(number)) as path, path.open("wb") as file:
            np.savez_compressed(file, rgb=rgb, depth=depth, intrinsics=intrinsics)

    def frames(self) -> Iterator[CameraFrame]:
        """See `Source`."""
        for number in [*range(self.length), *range(self.length - 2, 0, -1)]:
            yield self._load(self._path(number))

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:04d}.npz"

    def _load(self, path: Path) -> CameraFrame:
        try:
            with np.load(path) as file:
                rgb, depth, intrinsics = file["rgb"], file["depth"], file["intrinsics"]
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise DepthModelsError(f"{path}: cannot be read ({error}); remove {path.parent}") from error
        fx, fy, cx, cy = intrinsics.tolist()
        camera = Camera(fx, fy, cx, cy, width=rgb.shape[1], height=rgb.shape[0])
        return CameraFrame(rgb, depth, Calibration.pinhole(camera))


def main() -> int:
    """Render what worker number sys.argv[1] of sys.argv[2] has to."""
    import cv2

    cv2.setNumThreads(1)  # one process on each core
    worker, workers = (int(argument) for argument in sys.argv[1:])
    tour = RoomTour()
    try:
        tour.render([number for number in tour.missing() if number % workers == worker])
    except DepthModelsError as error:
        tell(error=f"{error}. Pictures of your own need no room: make demo INPUT=folder, image, video or bag")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
