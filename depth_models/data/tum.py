"""Sequences of the TUM RGB-D benchmark, and what `depth-models data sequence` writes in its layout.

A sequence is a folder with rgb.txt and depth.txt, each a list of lines `timestamp file`, and 16-bit depth images of
5000 units a metre, 0 where invalid. A colour image takes the depth image nearest in time, within 20 ms. Intrinsics are
those of camera.yaml, where there is one, and else the benchmark's own, which a name with `freiburg1`, `freiburg2` or
`freiburg3` chooses.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from depth_models.data.pairs import make_sample, read_depth, scene_type
from depth_models.errors import DepthModelsError
from depth_models.images import read_image
from depth_models.types import Camera, Sample

MOST_APART_S = 0.02
UNITS_PER_M = 5000.0
# fx, fy, cx, cy of the benchmark's page "File Formats", calibration of the colour camera.
INTRINSICS = {
    "freiburg1": (517.3, 516.5, 318.6, 255.3),
    "freiburg2": (520.9, 521.0, 325.1, 249.7),
    "freiburg3": (535.4, 539.2, 320.1, 247.6),
}


class TumFolder:
    """Random access to the frames of a sequence, or of all sequences in a folder; each is a scene.

    Args:
        path: the folder.
        depth: which truth, where a data set has two; this layout has one.

    Attributes:
        path, scenes, scene_types, content, description: see `Source`.

    Raises:
        DepthModelsError: a list that cannot be read, no frame, or a camera that is not known.
    """

    content: tuple[int, int, int, int] | None = None

    def __init__(self, path: str | Path, depth: str = "depths") -> None:
        self.path = Path(path)
        sequences = [self.path] if (self.path / "rgb.txt").is_file() else [p.parent for p in _lists(self.path)]
        self._cameras = {sequence: read_camera(sequence) for sequence in sequences}
        self._frames = [(sequence, *pair) for sequence in sequences for pair in _pairs(sequence)]
        self.scenes = [sequence.absolute().name for sequence, _, _ in self._frames]
        self.scene_types = [scene_type(scene) for scene in self.scenes]
        self.description: dict[str, Any] = {"file": self.path.absolute().name, "frames": len(self._frames)}

    @staticmethod
    def recognises(path: Path) -> bool:
        """A folder with an rgb.txt, or with folders that have one."""
        return (path / "rgb.txt").is_file() or bool(_lists(path))

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int) -> Sample:
        """Frame number `index`.

        Raises:
            DepthModelsError: a file cannot be read, or has not the camera's size.
        """
        sequence, picture, depth_path = self._frames[index]
        camera, units_per_m = self._cameras[sequence]
        rgb = read_image(picture)
        if rgb.shape[:2] != (camera.height, camera.width):
            raise DepthModelsError(
                f"{picture}: of {rgb.shape[:2]}, and its camera has {(camera.height, camera.width)} pixels; give the "
                f"images' own in {sequence / 'camera.yaml'}"
            )
        return make_sample(rgb, read_depth(depth_path, units_per_m), camera, depth_path)


def _lists(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/rgb.txt"))


def associate(first: np.ndarray, second: np.ndarray, most_apart: float = MOST_APART_S) -> list[tuple[int, int]]:
    """Index pairs of two lists of times (seconds, ascending), nearest first, each index once, as TUM's associate.py."""
    candidates = []
    for i, time in enumerate(first):
        low, high = np.searchsorted(second, time - most_apart), np.searchsorted(second, time + most_apart, "right")
        candidates += [(abs(second[j] - time), i, j) for j in range(low, high)]
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for _, i, j in sorted(candidates):
        if i not in pairs and j not in taken:
            pairs[i] = j
            taken.add(j)
    return sorted(pairs.items())


def _pairs(folder: Path) -> list[tuple[Path, Path]]:
    """(picture, depth) of each frame of a sequence."""
    times, pictures = read_list(folder / "rgb.txt")
    depth_times, depths = read_list(folder / "depth.txt")
    pairs = associate(times, depth_times)
    if not pairs:
        raise DepthModelsError(
            f"{folder}: none of {len(pictures)} pictures has one of {len(depths)} depth images within {MOST_APART_S} s"
        )
    return [(folder / pictures[i], folder / depths[j]) for i, j in pairs]


def read_list(path: Path) -> tuple[np.ndarray, list[str]]:
    """What a list says: times in seconds, ascending, and a file's name for each.

    Raises:
        DepthModelsError: it cannot be read, or a line is not `timestamp file`.
    """
    try:
        lines = [line.split(maxsplit=1) for line in path.read_text().splitlines() if line.strip()[:1] not in ("", "#")]
        entries = sorted((float(time), name.strip()) for time, name in lines)
        if not np.isfinite([time for time, _ in entries]).all():
            raise ValueError("a timestamp is not finite")
    except (OSError, ValueError) as error:
        raise DepthModelsError(f"{path}: not a list of lines `timestamp file` ({error})") from error
    return np.array([time for time, _ in entries]), [name for _, name in entries]


def read_camera(folder: Path) -> tuple[Camera, float]:
    """The camera of a sequence, and its depth units per metre.

    Raises:
        DepthModelsError: its camera.yaml is none, or there is none and the folder's name tells no camera.
    """
    path = folder / "camera.yaml"
    if path.is_file():
        try:
            values = yaml.safe_load(path.read_text())
            fx, fy, cx, cy = (float(values[name]) for name in ("fx", "fy", "cx", "cy"))
            camera = Camera(fx, fy, cx, cy, int(values["width"]), int(values["height"]))
            return camera, float(values.get("depth_units_per_m", UNITS_PER_M))
        except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
            raise DepthModelsError(f"{path}: not a camera with fx, fy, cx, cy, width and height ({error})") from error
    for name, intrinsics in INTRINSICS.items():
        if name in folder.absolute().name:
            return Camera(*intrinsics, 640, 480), UNITS_PER_M
    raise DepthModelsError(
        f"{folder}: the camera is not known: no camera.yaml (fx, fy, cx, cy, width, height), and its name has none of "
        f"{', '.join(INTRINSICS)}"
    )
