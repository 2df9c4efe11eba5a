"""What a frame's depth is wrong by, as told by something that knows metres.

Each function gives natural logarithms of predicted by known distance: 0.1 is 10 % too far. All points and directions
are in the camera's optical frame (x right, y down, z forward), metres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from depth_models.types import Camera

NEAREST_SHARE = 0.05  # of the pixels in a beam: where a sensor that hears the first echo is
ACROSS = 160  # pixels along a row that are looked at
LEAST_BEAM_PX = 4
MOST_POINTS = 500
FLOOR_TOLERANCE = 0.05  # of the log height
LEAST_FLOOR = 0.15  # of the picture's lower half
MOST_BELOW_FLOOR = 0.05  # likewise
FEWEST_FLOOR_POINTS = 100


@dataclass(frozen=True)
class Beam:
    """Where a range sensor is and looks.

    Attributes:
        position: (3,) of the sensor, metres.
        direction: (3,) of its axis.
        fov_rad: full angle of its cone.
        is_nearest: it tells the nearest surface in the cone (ultrasound), and not a typical one (infrared).
    """

    position: tuple[float, float, float]
    direction: tuple[float, float, float]
    fov_rad: float
    is_nearest: bool


def range_error(metres: np.ndarray, camera: Camera, range_m: float, beam: Beam) -> np.ndarray:
    """(1,) log error by one range; empty where the beam sees nothing that the picture does.

    Args:
        metres: (H, W) float32, NaN where invalid.
        camera: of (H, W).
        range_m: from the sensor to the surface.
        beam: of the sensor.
    """
    points = _points(metres, camera)
    offset, axis = np.array(beam.position), np.array(beam.direction) / np.linalg.norm(beam.direction)
    away = points - offset
    inside = away @ axis > np.cos(max(beam.fov_rad, 0.02) / 2) * np.linalg.norm(away, axis=1)
    points = points[inside]
    if len(points) < LEAST_BEAM_PX:
        return np.empty(0)
    # The factor a after which a point is at that range from the sensor: |a p - offset| = range.
    square, along = (points**2).sum(axis=1), points @ offset
    root = along**2 - square * (offset @ offset - range_m**2)
    factors = ((along + np.sqrt(root[root > 0])) / square) if (root > 0).all() else np.empty(0)
    if not factors.size:
        return np.empty(0)
    factor = np.quantile(factors, 1 - NEAREST_SHARE) if beam.is_nearest else np.median(factors)
    return -np.log(np.array([factor])) if factor > 0 else np.empty(0)


def point_errors(metres: np.ndarray, camera: Camera, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(M,) log errors by (N, 3) points of known place, of those that the picture sees, and (M, 2) where it sees them:
    x, y as fractions of its width and height, from its upper left corner.
    """
    points = points[np.isfinite(points).all(axis=1) & (points[:, 2] > 0)]
    points = points[:: max(1, len(points) // MOST_POINTS)]
    columns = np.rint(points[:, 0] / points[:, 2] * camera.fx + camera.cx)
    rows = np.rint(points[:, 1] / points[:, 2] * camera.fy + camera.cy)
    inside = (columns >= 0) & (columns < camera.width) & (rows >= 0) & (rows < camera.height)
    depth = metres[rows[inside].astype(int), columns[inside].astype(int)].astype(np.float64)
    logs = np.log(depth / points[inside, 2])
    places = np.stack([(columns[inside] + 0.5) / camera.width, (rows[inside] + 0.5) / camera.height], axis=1)
    known = np.isfinite(logs)
    return logs[known], places[known]


def height_error(metres: np.ndarray, camera: Camera, height_m: float, up: tuple[float, float, float]) -> np.ndarray:
    """(1,) log error by the camera's height over the floor; empty where no floor is seen.

    The floor is the plane across `up` that has a good part of the picture's lower half on it and next to nothing
    below it. Table tops are planes too; what is under them tells.

    Args:
        metres: (H, W) float32, NaN where invalid.
        camera: of (H, W).
        height_m: of the camera over the floor.
        up: (3,) against gravity. A free fit would take it from the predicted floor, whose tilt errs by degrees, and
            a degree at 3 m is 4 % of a height of 1.4 m.
    """
    points = _points(metres, camera, top=camera.height // 2)
    drops = -points @ np.array(up) / np.linalg.norm(up)  # below the camera
    logs = np.sort(np.log(drops[drops > 0]))
    if len(logs) < LEAST_FLOOR * max(len(points), FEWEST_FLOOR_POINTS):
        return np.empty(0)
    # On each plane, as many points as are within the tolerance of it; the lowest with enough of them is the floor.
    support = np.searchsorted(logs, logs + FLOOR_TOLERANCE) - np.searchsorted(logs, logs - FLOOR_TOLERANCE)
    below = len(logs) - np.searchsorted(logs, logs + 3 * FLOOR_TOLERANCE)
    fits = (support > LEAST_FLOOR * len(points)) & (below < MOST_BELOW_FLOOR * len(points))
    if not fits.any():
        return np.empty(0)
    best = logs[np.argmax(np.where(fits, support, 0))]
    return np.array([np.median(logs[np.abs(logs - best) < FLOOR_TOLERANCE]) - np.log(height_m)])


def _points(metres: np.ndarray, camera: Camera, top: int = 0) -> np.ndarray:
    """(N, 3) points of a lattice of pixels from row `top` on, `ACROSS` of them in a row, of those that are valid."""
    step = max(1, camera.width // ACROSS)
    y, x = np.mgrid[top + step // 2 : camera.height : step, step // 2 : camera.width : step]
    z = metres[y, x].astype(np.float64)
    y, x, z = (values[np.isfinite(z)] for values in (y, x, z))
    return np.stack([(x - camera.cx) / camera.fx * z, (y - camera.cy) / camera.fy * z, z], axis=1)
