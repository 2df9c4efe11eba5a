"""Where cameras stand and look, like those that people and robots carry. Nothing here knows Blender.

Camera axes: x right, y down, z forward. Pitch up is positive, roll clockwise about the optical axis.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from depth_models.data.rooms.camera import look_at
from photoreal.plan import Rect

Rng = np.random.Generator
PITCH_DEG = (-35.0, 10.0)
HEIGHT_M = (0.3, 1.8)


@dataclass(frozen=True)
class View:
    """A camera: (4, 4) float64 camera-to-world pose and horizontal field of view, degrees."""

    pose: np.ndarray
    fov_deg: float


def sample_fov(rng: Rng) -> float:
    """Degrees: mostly like a Kinect's colour camera, some from 50 to 90."""
    if rng.random() < 0.65:
        return float(rng.uniform(56.0, 64.0))
    return float(rng.uniform(50.0, 90.0))


def sample_roll(rng: Rng) -> float:
    """Degrees: a robot's camera is level, a hand is not."""
    return 0.0 if rng.random() < 0.3 else float(np.clip(rng.normal(0.0, 2.5), -8, 8))


def room_view(rng: Rng, room: Rect, ceiling: float) -> View:
    """From somewhere in a room, looking across it."""
    position = np.array([rng.uniform(room.x0 + 0.25, room.x1 - 0.25), rng.uniform(room.y0 + 0.25, room.y1 - 0.25), 0.0])
    position[2] = min(_height(rng), ceiling - 0.3)
    far = np.array([rng.uniform(room.x0, room.x1), rng.uniform(room.y0, room.y1)])
    yaw = np.arctan2(*(far - position[:2])[::-1]) + rng.normal(0.0, 0.15)
    pitch = np.clip(rng.normal(-10.0 if position[2] > 0.9 else -2.0, 8.0), *PITCH_DEG)
    return View(look_at(position, float(yaw), np.radians(pitch), np.radians(sample_roll(rng))), sample_fov(rng))


def near_view(rng: Rng, target: np.ndarray, facing: float | None) -> View | None:
    """Of something close: 0.4 to 2 m from a point, which need not be in the middle of the picture.

    Args:
        rng: random source.
        target: (3,) metres, such as a point on a desk or between the boards of a shelf.
        facing: yaw from which the point is seen (out of a shelf), radians; None for any side.

    Returns:
        None where the camera would have to be outside `HEIGHT_M` or `PITCH_DEG`.
    """
    distance = float(rng.uniform(0.4, 2.0))
    side = rng.uniform(0, 2 * np.pi) if facing is None else facing + rng.normal(0.0, 0.45)
    down = np.radians(rng.uniform(5.0, 38.0)) if facing is None else np.radians(rng.normal(5.0, 10.0))
    offset = distance * np.array([np.cos(down) * np.cos(side), np.cos(down) * np.sin(side), np.sin(down)])
    position = target + offset
    pitch = -np.degrees(down) + rng.normal(0.0, 6.0)
    if not HEIGHT_M[0] <= position[2] <= HEIGHT_M[1] or not PITCH_DEG[0] <= pitch <= PITCH_DEG[1]:
        return None
    yaw = side + np.pi + np.radians(rng.normal(0.0, 9.0))
    return View(look_at(position, float(yaw), np.radians(pitch), np.radians(sample_roll(rng))), sample_fov(rng))


def rays(view: View, columns: int, rows: int, aspect: float) -> np.ndarray:
    """(rows * columns, 3) float64 world directions over the picture, scaled so that a ray's length is depth Z."""
    half = np.tan(np.radians(view.fov_deg) / 2)
    x, y = np.meshgrid(np.linspace(-half, half, columns), np.linspace(-half, half, rows) * aspect)
    local = np.stack([x.ravel(), y.ravel(), np.ones(x.size)], axis=1)
    return local @ view.pose[:3, :3].T


def good(depth: np.ndarray, rng: Rng) -> bool:
    """Whether a picture with these depths is worth rendering.

    Args:
        depth: (N,) metres over the picture, inf outside; nothing is nearer than a camera would be brought, not much is
            outside, and a flat wall alone is kept only now and then.
        rng: random source.
    """
    seen = depth[np.isfinite(depth)]
    if seen.size < 0.75 * depth.size or seen.min() < 0.22 or np.median(seen) < 0.45:
        return False
    return bool(np.log(seen).std() > 0.18 or rng.random() < 0.1)


def _height(rng: Rng) -> float:
    """Metres: of a low robot, of a hand or a head."""
    return float(rng.uniform(0.3, 0.9) if rng.random() < 0.4 else rng.uniform(0.9, 1.8))
