"""How the scale of depth changed from one frame to the next, told by the surfaces that both show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from depth_models.scale.motion import Motion, motion_between
from depth_models.scale.views import View

STEP_PX = 4  # every so many pixels are compared, along rows and columns
FEWEST_PIXELS = 100
_INDEPENDENT = 0.05  # of the compared pixels; neighbours err alike


@dataclass(frozen=True)
class Change:
    """A change of scale.

    Attributes:
        log: natural logarithm of the second frame's scale by the first's.
        sigma: its standard deviation.
        motion: of the camera, in metres of the first frame's depth.
    """

    log: float
    sigma: float
    motion: Motion


def scale_change(first: View, second: View) -> Change | None:
    """The change of scale, None where the frames do not show enough of one static scene.

    The first frame's depth is moved as the camera moved, so that coming nearer is no change of scale, and is compared
    with the second's at the pixels where it comes to lie. The median leaves out what moves by itself or is hidden.

    Args:
        first, second: of one camera, of one size.
    """
    motion = motion_between(first, second)
    if motion is None:
        return None
    ratios = log_ratios(first, second, motion)
    if ratios.size < FEWEST_PIXELS:
        return None
    log = float(np.median(ratios))
    spread = 1.4826 * float(np.median(np.abs(ratios - log)))
    return Change(log, 1.25 * spread / np.sqrt(_INDEPENDENT * ratios.size), motion)


def log_ratios(first: View, second: View, motion: Motion) -> np.ndarray:
    """(N,) float64 logarithms of the second depth by the first's after a motion, at the pixels that both show."""
    overlap = overlap_of(first, motion, STEP_PX)
    ratios = np.log(second.metres.ravel()[overlap.second] / overlap.moved_z)
    return ratios[np.isfinite(ratios)]


@dataclass(frozen=True)
class Overlap:
    """Pixels of a frame that another one shows too, unless something hides them there.

    Attributes:
        first: (N,) indices of pixels of the first frame, of its raveled images.
        second: (N,) indices of the pixels at which they are in the second.
        moved_z: (N,) float64, depth of the first after the motion, metres.
    """

    first: np.ndarray
    second: np.ndarray
    moved_z: np.ndarray


def overlap_of(first: View, motion: Motion, step: int) -> Overlap:
    """Where a frame's pixels come to lie in a second frame of the same camera.

    Args:
        first: its depth says how far pixels move.
        motion: to the second frame.
        step: every so many pixels are taken, along rows and columns.
    """
    camera, pixels = first.camera, first.lattice(step)
    moved = motion.moved(first.points(pixels))
    ahead = moved[:, 2] > 0  # false for NaN
    pixels, moved = pixels[ahead], moved[ahead]
    columns = np.rint(moved[:, 0] / moved[:, 2] * camera.fx + camera.cx)
    rows = np.rint(moved[:, 1] / moved[:, 2] * camera.fy + camera.cy)
    inside = (columns >= 0) & (columns < camera.width) & (rows >= 0) & (rows < camera.height)
    first_index = pixels[inside] @ [1, camera.width]
    second_index = (rows[inside] * camera.width + columns[inside]).astype(int)
    return Overlap(first_index, second_index, moved[inside, 2])
