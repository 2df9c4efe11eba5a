"""Two frames compared where they show the same surfaces."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from depth_models.scale.change import FEWEST_PIXELS, Overlap, overlap_of
from depth_models.scale.motion import Motion
from depth_models.scale.views import View

STEP_PX = 2  # every so many pixels are compared, along rows and columns
EDGE_RATIO = 1.1  # neighbours' depths differ by more at an edge
EDGE_REACH_PX = 2
INLIER = 0.05  # relative difference of depths that agree
HIDDEN = 0.02  # true depths of one surface differ by less


@dataclass(frozen=True)
class Pair:
    """Two frames of one camera.

    Attributes:
        first, second: the depth that is judged.
        true: their true depths where both are known, else None.
        motion: from the first to the second, in metres of the truth or of the poses.
    """

    first: View
    second: View
    true: tuple[View, View] | None
    motion: Motion

    def _seen(self, view: View) -> Overlap:
        """Where pixels of the first frame are in the second by the depth of `view`; indices of pixels of both."""
        lattice = view.lattice(STEP_PX)
        overlap = overlap_of(self.motion.moved(view.points(lattice)), view)
        return Overlap((lattice @ [1, view.camera.width])[overlap.points], overlap.pixels, overlap.z)

    def true_change(self) -> float:
        """Change of log scale against the truth, over the surfaces that both frames show; NaN if there are few."""
        assert self.true is not None
        first, second = self.first.metres.ravel(), self.second.metres.ravel()
        before, after = (view.metres.ravel() for view in self.true)
        overlap = self._seen(self.true[0])
        there = np.abs(after[overlap.pixels] / overlap.z - 1) < HIDDEN
        i, j = overlap.points[there], overlap.pixels[there]
        ratios = np.log(second[j] / after[j]) - np.log(first[i] / before[i])
        ratios = ratios[np.isfinite(ratios)]
        return float(np.median(ratios)) if ratios.size >= FEWEST_PIXELS else float("nan")

    def visible(self) -> Overlap:
        """Where the first frame's pixels are in the second by the judged depth, without those that the truth hides."""
        overlap = self._seen(self.first)
        keep = np.isfinite(self.second.metres.ravel()[overlap.pixels])
        if self.true is not None:
            by_truth = self._seen(self.true[0])
            after = self.true[1].metres.ravel()[by_truth.pixels]
            seen = np.zeros(self.first.metres.size, bool)
            seen[by_truth.points] = np.abs(after / by_truth.z - 1) < HIDDEN
            keep &= seen[overlap.points]
        return Overlap(overlap.points[keep], overlap.pixels[keep], overlap.z[keep])

    def reprojection(self) -> tuple[float, float, int]:
        """Sum of the relative differences of the first depth, moved, to the second's; count within `INLIER`; count."""
        overlap = self.visible()
        error = np.abs(overlap.z / self.second.metres.ravel()[overlap.pixels] - 1)
        return float(error.sum()), int((error < INLIER).sum()), error.size

    def flicker(self) -> tuple[np.ndarray, np.ndarray]:
        """Sums and counts, (2,) each, of absolute changes of log depth near edges of the first frame and elsewhere.

        The pair's own change of scale is taken out. Near an edge the second depth may be any of its 3 x 3 pixels'
        neighbourhood, or every edge that moved by part of a pixel would count.
        """
        overlap = self.visible()
        nearest, farthest = _extremes(self.second.metres)
        z = np.log(overlap.z)
        ratios = np.log(self.second.metres.ravel()[overlap.pixels]) - z
        common = np.median(ratios) if ratios.size else 0.0
        low, high = (np.log(depth.ravel()[overlap.pixels]) - z - common for depth in (nearest, farthest))
        beyond = np.maximum(0, np.maximum(low, -high))
        is_edge = _near_edges(self.first.metres).ravel()[overlap.points]
        plain = np.abs(ratios - common)[~is_edge]
        return np.array([beyond[is_edge].sum(), plain.sum()]), np.array([is_edge.sum(), plain.size])


def _extremes(metres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest of each pixel's 3 x 3 neighbours, of those that are valid."""
    window, valid = np.ones((3, 3), np.uint8), np.isfinite(metres)
    nearest = cv2.erode(np.where(valid, metres, np.float32(np.inf)), window)
    return nearest, cv2.dilate(np.where(valid, metres, np.float32(0)), window)


def _near_edges(metres: np.ndarray) -> np.ndarray:
    """(h, w) bool: within `EDGE_REACH_PX` of neighbours whose depths differ by `EDGE_RATIO`."""
    nearest, farthest = _extremes(metres)
    edge = farthest / nearest > EDGE_RATIO  # 0 where nothing is valid
    side = 2 * EDGE_REACH_PX - 1  # the neighbourhood has one pixel of the reach already
    return cv2.dilate(edge.astype(np.uint8), np.ones((side, side), np.uint8)) > 0
