"""The scale of depth against known poses: corners seen from two places have a depth in the poses' metres."""

from __future__ import annotations

import numpy as np

from depth_models.scale.motion import FEWEST_TRACKS, INLIER_PX, Motion, corners, followed
from depth_models.scale.views import View

LEAST_PARALLAX_PX = 8.0
LEAST_TRUST = 0.5  # along the parallax: an edge that points that way does not show it


def log_scale_by_poses(view: View, other: View, motion: Motion) -> float:
    """Median log ratio of a view's depth to triangulated depth; NaN where too few corners can be triangulated.

    Args:
        view: whose depth is measured.
        other: another picture of the same camera.
        motion: from `view` to `other`, in the poses' metres.
    """
    places = corners(view.grey)
    points = view.surface_points(places.pixels)
    known = np.isfinite(points[:, 2])
    start, trust, points = places.pixels[known], places.trust[known], points[known]
    guess = _projected(view, motion.moved(points))
    end, found = followed(view, other, start, guess.astype(np.float32))
    rays = points / points[:, 2:]
    # By the depth that is measured, as the picture's own errors would choose points that seem to move the more.
    far = _projected(view, rays @ motion.rotation.T)  # where points without end would be
    parallax = guess - far
    length = np.linalg.norm(parallax, axis=1)
    visible = np.linalg.norm((trust @ parallax[..., None])[..., 0], axis=1) > LEAST_TRUST * length
    z = _depth_of(rays, _rays(view, end), motion)
    seen = _projected(view, motion.moved(rays * z[:, None]))
    right = found & visible & (length > LEAST_PARALLAX_PX) & (z > 0) & (np.linalg.norm(seen - end, axis=1) < INLIER_PX)
    if np.count_nonzero(right) < FEWEST_TRACKS:
        return float("nan")
    return float(np.median(np.log(points[right, 2] / z[right])))


def _depth_of(rays: np.ndarray, seen: np.ndarray, motion: Motion) -> np.ndarray:
    """(N,) depth along (N, 3) rays of the first frame so that the points are on the rays `seen` of the second:
    z (R ray) + t is parallel to `seen`, by least squares.
    """
    across = np.cross(seen, rays @ motion.rotation.T)
    offset = np.cross(seen, motion.translation)
    return -(across * offset).sum(axis=1) / np.maximum((across**2).sum(axis=1), 1e-12)


def _rays(view: View, pixels: np.ndarray) -> np.ndarray:
    camera = view.camera
    x, y = (pixels[:, 0] - camera.cx) / camera.fx, (pixels[:, 1] - camera.cy) / camera.fy
    return np.stack([x, y, np.ones_like(x)], axis=1)


def _projected(view: View, points: np.ndarray) -> np.ndarray:
    camera, z = view.camera, np.maximum(points[:, 2], 1e-6)
    return np.stack([points[:, 0] / z * camera.fx + camera.cx, points[:, 1] / z * camera.fy + camera.cy], axis=1)
