"""How the scale of depth changed from one frame to another, told by the surfaces that both show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from depth_models.scale.motion import FEWEST_TRACKS, LEAST_INLIERS, STILL, Motion, corners, fit_motion, followed
from depth_models.scale.views import View

STEP_PX = 6  # every so many pixels are compared, along rows and columns
FEWEST_PIXELS = 100
_INDEPENDENT = 0.05  # of the compared pixels; neighbours err alike


@dataclass(frozen=True)
class Change:
    """A change of scale.

    Attributes:
        log: natural logarithm of the later frame's scale by the reference's.
        sigma: its standard deviation.
        moved: length of the camera's way, as a fraction of the reference's median depth.
        kept: fraction of the reference's corners that still tell the motion.
        shared: fraction of its pixels that the later frame shows too.
    """

    log: float
    sigma: float
    moved: float
    kept: float
    shared: float


class Reference:
    """A frame with which later ones of the same camera and size are compared.

    The reference's depth is moved as the camera moved, so that coming nearer is no change of scale, and is compared
    with the later frame's at the pixels where it comes to lie. The median leaves out what moves by itself or is hidden.

    Args:
        view: the frame.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        places = corners(view.grey)
        points = view.surface_points(places.pixels)
        known = np.isfinite(points[:, 2])
        self._places, self._points = places[known], points[known]
        self._last, self._motion = self._places.pixels, STILL  # where the next search begins
        self._count = len(self._places)
        lattice = view.points(view.lattice(STEP_PX))
        self._lattice = lattice[np.isfinite(lattice[:, 2])]
        self._depth = float(np.median(self._lattice[:, 2])) if len(self._lattice) else np.inf

    def change(self, view: View) -> Change | None:
        """The change of scale up to a later frame; None where the two do not show enough of one static scene.

        Frames should come in order: the search for one begins where the one before was found.
        """
        motion = self.motion_to(view)
        if motion is None:
            return None
        ratios = log_ratios(view, motion.moved(self._lattice))
        if ratios.size < FEWEST_PIXELS:
            return None
        log = float(np.median(ratios))
        spread = 1.4826 * float(np.median(np.abs(ratios - log)))
        sigma = 1.25 * spread / np.sqrt(_INDEPENDENT * ratios.size)
        moved = float(np.linalg.norm(motion.translation)) / self._depth
        return Change(log, sigma, moved, len(self._places) / self._count, ratios.size / len(self._lattice))

    def motion_to(self, view: View) -> Motion | None:
        """The camera's motion up to a later frame, as `change`."""
        end, found = followed(self._view, view, self._places.pixels, self._last)
        if np.count_nonzero(found) < FEWEST_TRACKS:
            return None
        places, points, end = self._places[found], self._points[found], end[found]
        motion, inlier = fit_motion(points, end, places.trust, view.camera, self._motion)
        if places.weights @ inlier < LEAST_INLIERS * places.weights.sum():
            return None
        self._places, self._points, self._last = places[inlier], points[inlier], end[inlier]
        self._motion = motion
        return motion


def log_ratios(view: View, points: np.ndarray) -> np.ndarray:
    """Logarithms of a view's depth by that of (N, 3) points in its camera's frame, at the pixels where these are seen;
    float64, of those that are seen and have a depth.
    """
    overlap = overlap_of(points, view)
    ratios = np.log(view.metres.ravel()[overlap.pixels] / overlap.z)
    return ratios[np.isfinite(ratios)]


@dataclass(frozen=True)
class Overlap:
    """Which of some points a view shows, unless something hides them there.

    Attributes:
        points: (M,) their indices.
        pixels: (M,) indices of the pixels at which they are, in the view's raveled images.
        z: (M,) float64, their depth, metres.
    """

    points: np.ndarray
    pixels: np.ndarray
    z: np.ndarray


def overlap_of(points: np.ndarray, view: View) -> Overlap:
    """Where (N, 3) points in the camera's frame are seen; NaN is nowhere."""
    camera, ahead = view.camera, np.flatnonzero(points[:, 2] > 0)
    x, y, z = points[ahead].T
    columns = np.rint(x / z * camera.fx + camera.cx)
    rows = np.rint(y / z * camera.fy + camera.cy)
    inside = (columns >= 0) & (columns < camera.width) & (rows >= 0) & (rows < camera.height)
    pixels = (rows[inside] * camera.width + columns[inside]).astype(int)
    return Overlap(ahead[inside], pixels, z[inside])
