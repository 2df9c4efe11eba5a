"""Sequences whose camera's way is known: a folder of the TUM RGB-D benchmark's layout, a frame with its pose.

Poses are those of groundtruth.txt, or of any other file in its layout, as SLAM programs and evo write it: lines
`timestamp tx ty tz qx qy qz qw`, seconds, metres, and a unit quaternion; camera (z forward, y down) to world. A picture
takes the depth image and the pose nearest in time, each within 20 ms, or none.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from depth_models.data.pairs import read_depth
from depth_models.data.tum import associate, read_camera, read_list
from depth_models.errors import DepthModelsError
from depth_models.images import read_image

_QUATERNION_TOLERANCE = 0.01  # of its norm: the benchmark's own files are rounded to four digits


@dataclass(frozen=True)
class PosedFrame:
    """One picture of a sequence.

    Attributes:
        stamp_s: seconds.
        picture, depth: files; `depth` is None where there is none.
        pose: (4, 4) float64 camera to world, rotation and metres; None where it is not known.
    """

    stamp_s: float
    picture: Path
    depth: Path | None
    pose: np.ndarray | None


class PosedSequence:
    """Random access to the frames of a sequence, ascending in time.

    Args:
        folder: has rgb.txt, depth.txt if there is depth, and a camera as `depth_models.data.tum` finds it.
        poses: file of the poses; groundtruth.txt of the folder if None, and if that is missing no frame has a pose.

    Attributes:
        name: of the folder.
        camera: of all pictures.
        units_per_m: of the 16-bit depth images.
        frames: a `PosedFrame` each.

    Raises:
        DepthModelsError: a file is missing or cannot be used, or two pictures have the same stamp.
    """

    def __init__(self, folder: str | Path, poses: str | Path | None = None) -> None:
        folder = Path(folder)
        self.name = folder.absolute().name
        self.camera, self.units_per_m = read_camera(folder)
        times, pictures = read_list(folder / "rgb.txt")
        if not len(times):
            raise DepthModelsError(f"{folder / 'rgb.txt'}: names no picture")
        _refuse_duplicates(times, folder / "rgb.txt")
        depths, way = _depths(folder, times), _way(folder, poses, times)
        self.frames = [
            PosedFrame(float(time), folder / picture, depths.get(i), way.get(i))
            for i, (time, picture) in enumerate(zip(times, pictures, strict=True))
        ]

    def __len__(self) -> int:
        return len(self.frames)

    def rgb(self, index: int) -> np.ndarray:
        """(H, W, 3) uint8 picture of a frame.

        Raises:
            DepthModelsError: it cannot be read, or has not the camera's size.
        """
        path = self.frames[index].picture
        rgb = read_image(path)
        self._check_size(rgb, path)
        return rgb

    def metres(self, index: int) -> np.ndarray:
        """(H, W) float32 measured depth of a frame, metres, NaN where it is not valid.

        Raises:
            DepthModelsError: there is none, it cannot be read, or has not the camera's size.
        """
        frame = self.frames[index]
        if frame.depth is None:
            raise DepthModelsError(f"{frame.picture}: has no depth image within 20 ms in depth.txt")
        metres = read_depth(frame.depth, self.units_per_m).astype(np.float32)
        self._check_size(metres, frame.depth)
        metres[~(np.isfinite(metres) & (metres > 0))] = np.nan
        return metres

    def _check_size(self, image: np.ndarray, path: Path) -> None:
        expected = (self.camera.height, self.camera.width)
        if image.shape[:2] != expected:
            raise DepthModelsError(f"{path}: of {image.shape[:2]} pixels, and the sequence's camera has {expected}")


def read_trajectory(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """The poses of a file in TUM's layout.

    Returns:
        (N,) float64 seconds, ascending, and (N, 4, 4) float64 rigid motions, camera to world, metres.

    Raises:
        DepthModelsError: it cannot be read, a line has not eight finite numbers or no unit quaternion, two have one
            stamp, or there is none.
    """
    path = Path(path)
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DepthModelsError(f"{path}: cannot be read ({error})") from error
    rows = [_row(path, n, line) for n, line in enumerate(lines, start=1) if line.strip()[:1] not in ("", "#")]
    if not rows:
        raise DepthModelsError(f"{path}: holds no pose; expected lines `timestamp tx ty tz qx qy qz qw`")
    table = np.array(sorted(rows))
    _refuse_duplicates(table[:, 0], path)
    poses = np.tile(np.eye(4), (len(table), 1, 1))
    poses[:, :3, :3], poses[:, :3, 3] = _rotations(table[:, 4:]), table[:, 1:4]
    return table[:, 0], poses


def _row(path: Path, number: int, line: str) -> list[float]:
    try:
        row = [float(value) for value in line.split()]
    except ValueError:
        row = []
    if len(row) != 8 or not np.isfinite(row).all():
        raise DepthModelsError(
            f"{path}, line {number}: {line.strip()!r} is not `timestamp tx ty tz qx qy qz qw`, eight finite numbers"
        )
    norm = float(np.linalg.norm(row[4:]))
    if abs(norm - 1) > _QUATERNION_TOLERANCE:
        raise DepthModelsError(
            f"{path}, line {number}: the pose is not rigid: its quaternion has norm {norm:.4g}, which must be 1"
        )
    return row


def _rotations(quaternions: np.ndarray) -> np.ndarray:
    """(N, 3, 3) of (N, 4) quaternions x, y, z, w of about unit norm."""
    x, y, z, w = (quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True)).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), -1, 0)


def _refuse_duplicates(times: np.ndarray, path: Path) -> None:
    """Of two entries with one stamp nobody knows which is meant."""
    if (same := np.flatnonzero(np.diff(times) == 0)).size:
        raise DepthModelsError(f"{path}: the stamp {times[same[0]]:.6f} is there more than once; keep one of its lines")


def _depths(folder: Path, times: np.ndarray) -> dict[int, Path]:
    """Depth file by number of picture."""
    if not (folder / "depth.txt").is_file():
        return {}
    depth_times, depths = read_list(folder / "depth.txt")
    return {i: folder / depths[j] for i, j in associate(times, depth_times)}


def _way(folder: Path, poses: str | Path | None, times: np.ndarray) -> dict[int, np.ndarray]:
    """Pose by number of picture."""
    path = folder / "groundtruth.txt" if poses is None else Path(poses)
    if poses is None and not path.is_file():
        return {}
    stamps, way = read_trajectory(path)
    return {i: way[j] for i, j in associate(times, stamps)}
