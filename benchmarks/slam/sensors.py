"""Simulated sensors that know metres: what each would have told beside the camera, by the truth of a rendered frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from depth_models.data.posed import PosedSequence
from depth_models.scale.anchors import Beam, height_error, point_errors, range_error
from depth_models.scale.consensus import Reading
from depth_models.types import Camera

BEAM = Beam((0.05, 0.03, 0.0), (0.0, 0.0, 1.0), 0.2, is_nearest=False)
POINTS = 60


@dataclass(frozen=True)
class Seen:
    """What is before the sensors of one frame.

    Attributes:
        truth: (H, W) float32 metres, NaN where it is not known.
        up: (3,) against gravity, in the camera's optical frame.
        height_m: of the camera over the floor.
    """

    truth: np.ndarray
    up: tuple[float, float, float]
    height_m: float

    @classmethod
    def of(cls, sequence: PosedSequence, index: int) -> Seen | None:
        """Of a frame, in a world with z up and its floor at z = 0, as rooms have it; None without depth or pose."""
        frame = sequence.frames[index]
        if frame.depth is None or frame.pose is None:
            return None
        x, y, z = (float(part) for part in frame.pose[2, :3])
        return cls(sequence.metres(index), (x, y, z), float(frame.pose[2, 3]))


# Of a frame, the depth predicted for it, and its camera.
Sensor = Callable[[Seen, np.ndarray, Camera, np.random.Generator], Reading]


def by_range(seen: Seen, metres: np.ndarray, camera: Camera, rng: np.random.Generator) -> Reading:
    """A narrow beam ahead, 1 % of noise."""
    rows, columns = (slice(n // 2 - n // 16, n // 2 + n // 16) for n in seen.truth.shape)  # about what the beam sees
    ahead = seen.truth[rows, columns]
    if not np.isfinite(ahead).any():
        return Reading("range", np.empty(0), None)
    told = float(np.nanmedian(ahead) * rng.normal(1, 0.01))
    return Reading("range", range_error(metres, camera, told, BEAM), float(np.log(told)))


def by_points(seen: Seen, metres: np.ndarray, camera: Camera, rng: np.random.Generator) -> Reading:
    """Points anywhere in the picture, 2 % of noise."""
    x, y = rng.integers(0, camera.width, POINTS), rng.integers(0, camera.height, POINTS)
    z = seen.truth[y, x] * rng.normal(1, 0.02, POINTS)
    points = np.stack([(x - camera.cx) / camera.fx * z, (y - camera.cy) / camera.fy * z, z], axis=1)
    errors, places = point_errors(metres, camera, points)
    return Reading("points", errors, float(np.log(np.nanmedian(points[:, 2]))), places)


def by_height(seen: Seen, metres: np.ndarray, camera: Camera, rng: np.random.Generator) -> Reading:
    """The camera's height, with its true tilt."""
    return Reading("camera_height", height_error(metres, camera, seen.height_m, seen.up), None)
