"""Depth metrics as sums and counts over pixels, divided once.

Definitions: Eigen et al. 2014 (AbsRel, SqRel, RMSE, RMSElog, deltas), KITTI's depth benchmark (SILog), the paper's
section 4.1 (MAE, MSE, Smooth L1).
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from depth_models.losses import BETA_M

# Per-pixel terms; all else is made of their sums.
_TERMS = (
    "pixels", "abs_rel", "sq_rel", "abs", "square", "smooth_l1", "log", "log_square", "log_abs",
    "delta1", "delta2", "delta3", "abs_rel_scaled",
)  # fmt: skip


def pixel_terms(prediction: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """What each pixel of one image adds to the sums that metrics are made of.

    Args:
        prediction, truth: (N,) metres, positive; all compared pixels of the image, whose median depths the terms hold.

    Returns:
        (terms, N) float64; row 0 is ones, so that its sum counts the pixels.
    """
    x, y = prediction.astype(np.float64), truth.astype(np.float64)
    if not x.size:
        return np.zeros((len(_TERMS), 0))
    difference, ratio = np.abs(x - y), np.maximum(x / y, y / x)
    log = np.log(x) - np.log(y)
    smooth = np.where(difference < BETA_M, difference**2 / (2 * BETA_M), difference - BETA_M / 2)
    scaled = x * (np.median(y) / np.median(x))
    terms = [
        np.ones_like(x), difference / y, difference**2 / y, difference, difference**2, smooth,
        log, log**2, np.abs(log), ratio < 1.25, ratio < 1.25**2, ratio < 1.25**3, np.abs(scaled - y) / y,
    ]  # fmt: skip
    return np.stack(terms)


class Metrics:
    """Collects images, then reports two averages.

    `pooled` counts every pixel of the data set alike; `per_image` is the mean over images of each image's own value,
    which most published code reports.

    Args:
        sums: (terms,) for each image, sums of `pixel_terms` over pixels of the image; what `add` makes of an image. One
            whose pixels are none does not count.
    """

    def __init__(self, sums: Iterable[np.ndarray] = ()) -> None:
        self._sums = [one for one in sums if one[0] > 0]

    def __len__(self) -> int:
        """Images that had a valid pixel."""
        return len(self._sums)

    @property
    def pixels(self) -> int:
        """Valid pixels of all images."""
        return int(sum(one[0] for one in self._sums))

    def add(self, prediction: np.ndarray, truth: np.ndarray, valid: np.ndarray) -> None:
        """Count one image.

        Args:
            prediction: (H, W) metres, positive wherever `valid`.
            truth: (H, W) metres, positive wherever `valid`.
            valid: (H, W) bool; an image without a valid pixel does not count.
        """
        self.merge(Metrics([pixel_terms(prediction[valid], truth[valid]).sum(axis=1)]))

    def merge(self, other: Metrics) -> None:
        """Count all images of `other` too, such as another process' share."""
        self._sums += other._sums

    def pooled(self) -> dict[str, float]:
        """Every metric over all pixels together; NaN where nothing was added."""
        return _metrics(np.sum(self._sums, axis=0) if self._sums else np.zeros(len(_TERMS)))

    def per_image(self) -> dict[str, float]:
        """The mean over images of each metric; NaN where nothing was added."""
        images = [_metrics(sums) for sums in self._sums] or [self.pooled()]
        return {name: float(np.mean([image[name] for image in images])) for name in images[0]}


def _metrics(sums: np.ndarray) -> dict[str, float]:
    """From the terms' sums; rmse and mae in metres, sq_rel metres, mse square metres, silog per cent, others pure."""
    pixels = sums[0] or math.nan
    mean = dict(zip(_TERMS, map(float, sums / pixels), strict=True))
    return {
        "abs_rel": mean["abs_rel"],
        "abs_rel_scaled": mean["abs_rel_scaled"],  # after each image's median was brought to the truth's
        "sq_rel": mean["sq_rel"],
        "rmse": math.sqrt(mean["square"]),
        "rmse_log": math.sqrt(mean["log_square"]),
        "log10": mean["log_abs"] / math.log(10),
        "silog": 100 * math.sqrt(abs(mean["log_square"] - mean["log"] ** 2)),  # below 0 only by rounding
        "delta1": mean["delta1"],
        "delta2": mean["delta2"],
        "delta3": mean["delta3"],
        "mae": mean["abs"],
        "mse": mean["square"],
        "smooth_l1": mean["smooth_l1"],
    }
