"""Flying pixels with and without the node's edge filter, the true pixels that it costs, and its time.

python benchmarks/edge_filter.py ROOMS.mat [CHECKPOINT] [FRAMES]

Rooms (320 x 240, of `depth-models data rooms`) are enlarged to 640 x 480, so the network has half the image's size.

Exact depth, blurred as a network blurs (Gaussian of log depth, standard deviation in the network's pixels): a pixel
flies if it is more than 5 % away from every true depth in its 3 x 3 neighbourhood.

Prediction: its scale and tilt would count as flying, so only pixels within 2 px of a true boundary are judged, and by
the prediction's own levels of both surfaces, 8 to 12 px away: a pixel flies if it is more than a fifth of their ratio
(in log depth) away from both. Boundaries whose surfaces do not reach so far, or that the prediction does not show, are
left out. Lost are pixels that are taken out and not within 12 px of a boundary.
"""

from __future__ import annotations

import sys
import time
import warnings
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from depth_estimation_ros.edge_filter import without_flying_pixels
from depth_models import DepthPredictor
from depth_models.data.sources import open_source
from depth_models.enlarging import upsample_depth
from depth_models.types import Sample

JUMP = 0.1
BLURS = (0.0, 0.7, 1.0, 1.5, 2.0)
REACH = 12  # pixels from a boundary to where the levels of its surfaces are read
MOST_BOUNDARY_PIXELS = 2000  # of a frame


@dataclass
class Sums:
    """Counts of pixels over frames; `milliseconds` of one CPU."""

    boundary: int = 0
    flying: int = 0
    taken: int = 0
    true: int = 0
    lost: int = 0
    milliseconds: float = 0.0
    frames: int = 0

    def filtered(self, depth: np.ndarray) -> np.ndarray:
        """(H, W) bool: what the filter takes out."""
        start_s = time.thread_time()
        out = without_flying_pixels(depth, JUMP)
        self.milliseconds += (time.thread_time() - start_s) * 1e3
        self.frames += 1
        return np.isnan(out)

    def add(self, flying: np.ndarray, of_flying: np.ndarray, of_true: np.ndarray) -> None:
        """Count: bool of the judged pixels, whether those that fly were taken out, and whether true ones were."""
        self.boundary += flying.size
        self.flying += int(flying.sum())
        self.taken += int(of_flying.sum())
        self.true += of_true.size
        self.lost += int(of_true.sum())

    def row(self, name: str) -> str:
        """One line of the table."""
        before, after = self.flying / self.boundary, (self.flying - self.taken) / self.boundary
        return (
            f"{name:<28}{before:>9.3%}{after:>9.3%}{self.lost / self.true:>9.3%}{self.milliseconds / self.frames:>9.1f}"
        )


def square(reach: int) -> np.ndarray:
    """Window of OpenCV's morphology."""
    return np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)


def blurred(depth: np.ndarray, deviation: float) -> np.ndarray:
    """(2 H, 2 W) float32 metres: exact (H, W) depth, blurred, then enlarged as the predictor does it."""
    smooth = np.exp(cv2.GaussianBlur(np.log(depth), (0, 0), deviation)) if deviation > 0 else depth
    height, width = depth.shape
    return upsample_depth(smooth, 2 * height, 2 * width)


def add_blurred(sums: Sums, sample: Sample, deviation: float) -> None:
    """Count every pixel of a frame's blurred depth."""
    truth, depth = sample.depth.repeat(2, axis=0).repeat(2, axis=1), blurred(sample.depth, deviation)
    around = sliding_window_view(np.pad(truth, 1, mode="edge"), (3, 3))
    flying = (np.abs(depth[..., None, None] / around - 1) > 0.05).all(axis=(2, 3))
    removed = sums.filtered(depth)
    sums.add(flying, removed[flying], removed[~flying])


def add_prediction(sums: Sums, sample: Sample, predictor: DepthPredictor) -> None:
    """Count the pixels at the boundaries of a frame, and those far from any."""
    rgb = cv2.resize(sample.rgb, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    truth = sample.depth.repeat(2, axis=0).repeat(2, axis=1)
    depth = predictor(rgb, fx=2 * sample.camera.fx, fy=2 * sample.camera.fy).metres
    removed = sums.filtered(depth)
    rows, columns, near, far = boundary_levels(depth, truth)
    where = np.log(depth[rows, columns] / near) / np.log(far / near)
    flying = (where > 0.2) & (where < 0.8)
    is_far_away = cv2.dilate(truth, square(REACH)) < (1 + JUMP) * cv2.erode(truth, square(REACH))
    sums.add(flying, removed[rows, columns][flying], removed[is_far_away])


def boundary_levels(depth: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Rows and columns of pixels at boundaries, and the predicted levels of the near and the far surface, metres."""
    near, far = cv2.erode(truth, square(2)), cv2.dilate(truth, square(2))
    inner = np.zeros(truth.shape, bool)
    inner[REACH:-REACH, REACH:-REACH] = True
    rows, columns = np.nonzero((far > 1.15 * near) & inner)
    chosen = np.random.default_rng(0).permutation(len(rows))[:MOST_BOUNDARY_PIXELS]
    rows, columns = rows[chosen], columns[chosen]
    corner, window = (rows - REACH, columns - REACH), (2 * REACH + 1, 2 * REACH + 1)
    true, predicted = (sliding_window_view(m, window)[corner] for m in (truth, depth))  # (N, 25, 25)
    offsets = np.abs(np.mgrid[-REACH : REACH + 1, -REACH : REACH + 1]).max(axis=0)

    def level(surface: np.ndarray) -> np.ndarray:
        is_it = (np.abs(true / surface[rows, columns, None, None] - 1) < 0.05) & (offsets >= REACH - 4)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of surfaces without a pixel there
            return np.nanmedian(np.where(is_it, predicted, np.nan), axis=(1, 2))

    levels = level(near), level(far)
    shown = levels[1] > (1 + JUMP) * levels[0]  # False for NaN
    return rows[shown], columns[shown], levels[0][shown], levels[1][shown]


def main() -> None:
    """Print the table."""
    path, checkpoint, frames = (*sys.argv[1:], *("", "unet", "40")[len(sys.argv) - 1 :])
    source, predictor = open_source(path), DepthPredictor.from_checkpoint(checkpoint)
    cv2.setNumThreads(1)
    samples = [source[i] for i in np.linspace(0, len(source) - 1, int(frames)).astype(int)]
    print(f"{frames} frames, 640x480, jump {JUMP}")
    print(f"{'':28}{'flying':>9}{'after':>9}{'lost':>9}{'CPU ms':>9}")
    for deviation in BLURS:
        sums = Sums()
        for sample in samples:
            add_blurred(sums, sample, deviation)
        print(sums.row(f"exact, blurred by {deviation} px"))
    sums = Sums()
    for sample in samples:
        add_prediction(sums, sample, predictor)
    print(sums.row(f"prediction of {checkpoint}"))


if __name__ == "__main__":
    main()
