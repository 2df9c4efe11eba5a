"""A camera's way through one room, in the TUM RGB-D benchmark's layout, which SLAM and its evaluation tools read.

rgb/T.png; depth/T.png, 16 bit, 5000 a metre, 0 where farther than 13.1 m; rgb.txt and depth.txt with a line `T file`;
groundtruth.txt with a line `T tx ty tz qx qy qz qw`, camera to world; and beside TUM's own camera.yaml with the
intrinsics. T is in seconds, the same for colour and depth.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path

import cv2
import numpy as np
import yaml
from PIL import Image

from depth_models.data.rooms.camera import Frame
from depth_models.data.rooms.generate import GENERATOR, VERSION, room_seed
from depth_models.data.rooms.layout import Room, sample_room
from depth_models.data.rooms.render import render
from depth_models.data.rooms.sensor import Look, sample_look
from depth_models.data.rooms.views import camera_path
from depth_models.data.rooms.workers import Progress, check_arguments, mapped
from depth_models.files import new_folder
from depth_models.types import Camera

RATE_HZ = 30.0
DEPTH_UNITS_PER_M = 5000


@dataclass(frozen=True)
class Sequence:
    """A smooth motion of one camera through one room, decided by its fields alone.

    Attributes:
        frames: how many, 30 a second.
        size: (height, width) pixels.
        seed: of the room, the way and the camera; 0 or more.
    """

    frames: int
    size: tuple[int, int]
    seed: int

    def frame(self, number: int) -> Frame:
        """Render one."""
        room, camera, poses, look = _stage(self)
        return render(room, camera, poses[number], np.random.default_rng([self.seed, 2, number]), look)

    def motion(self) -> tuple[Camera, list[np.ndarray]]:
        """The camera, and its (4, 4) camera-to-world pose at each frame."""
        _, camera, poses, _ = _stage(self)
        return camera, poses


@lru_cache(maxsize=1)
def _stage(sequence: Sequence) -> tuple[Room, Camera, list[np.ndarray], Look]:
    """What all its frames share; each process builds it once."""
    room, (height, width) = sample_room(room_seed(sequence.seed, 0)), sequence.size
    camera, poses = camera_path(room, sequence.frames, sequence.seed, width, height, RATE_HZ)
    return room, camera, poses, sample_look(np.random.default_rng([sequence.seed, 1])).still()


def write_sequence(
    out: str | Path,
    frames: int,
    size: tuple[int, int] = (480, 640),
    seed: int = 0,
    workers: int = 2,
    progress: Progress = lambda done, frames: None,
) -> Path:
    """Render a `Sequence` into a folder.

    Args:
        out: the folder to make; it appears whole or not at all.
        frames, size, seed: see `Sequence`.
        workers: processes.
        progress: called with frames done and frames in all.

    Returns:
        The folder.

    Raises:
        DepthModelsError: an argument out of range, embreex is missing, the folder is there or cannot be written.
    """
    check_arguments(frames, size, seed, workers)
    out, sequence = Path(out), Sequence(frames, size, seed)
    with new_folder(out) as folder:
        for name in ("rgb", "depth"):
            (folder / name).mkdir(parents=True)
        _write_lists(folder, sequence)
        with mapped(partial(_write_frame, sequence, folder), range(frames), workers) as results:
            for done, _ in enumerate(results, start=1):
                progress(done, frames)
    return out


def _time(number: int) -> str:
    return f"{number / RATE_HZ:.6f}"


def _write_frame(sequence: Sequence, folder: Path, number: int) -> None:
    frame = sequence.frame(number)
    units = np.rint(frame.depth * DEPTH_UNITS_PER_M)
    depth = np.where(units <= np.iinfo(np.uint16).max, units, 0).astype(np.uint16)
    Image.fromarray(frame.rgb).save(folder / "rgb" / f"{_time(number)}.png", compress_level=1)
    Image.fromarray(depth).save(folder / "depth" / f"{_time(number)}.png", compress_level=1)


def _write_lists(folder: Path, sequence: Sequence) -> None:
    camera, poses = sequence.motion()
    times = [_time(number) for number in range(sequence.frames)]
    for name in ("rgb", "depth"):
        lines = [f"{time} {name}/{time}.png" for time in times]
        (folder / f"{name}.txt").write_text("\n".join(["# timestamp filename", *lines]) + "\n")
    lines = [
        f"{time} " + " ".join(f"{v:.7f}" for v in _tum_pose(pose)) for time, pose in zip(times, poses, strict=True)
    ]
    (folder / "groundtruth.txt").write_text("\n".join(["# timestamp tx ty tz qx qy qz qw", *lines]) + "\n")
    about = {"generator": GENERATOR, "version": VERSION, "seed": sequence.seed, "depth_units_per_m": DEPTH_UNITS_PER_M}
    (folder / "camera.yaml").write_text(yaml.safe_dump({**asdict(camera), **about}, sort_keys=False))


def _tum_pose(pose: np.ndarray) -> np.ndarray:
    """(7,) translation in metres and unit quaternion x, y, z, w of a (4, 4) pose."""
    turn = cv2.Rodrigues(pose[:3, :3])[0].ravel()  # axis times angle
    angle = float(np.linalg.norm(turn))
    axis = turn / max(angle, 1e-12)
    return np.concatenate([pose[:3, 3], axis * np.sin(angle / 2), [np.cos(angle / 2)]])
