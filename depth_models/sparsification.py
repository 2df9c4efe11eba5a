"""Is a standard deviation worth its name: do its intervals cover, and are the pixels that it doubts the wrong ones?

The sparsification curve is the AbsRel of what is left after the most doubtful pixels have been taken out, over the
part that is left; the oracle takes out the largest errors first. AUSE is the area between the two (Ilg et al. 2018,
arXiv 1802.07095; for depth Poggi et al. 2020, arXiv 2005.06209), in AbsRel: 0 is perfect.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

# Part of the truth within so many standard deviations, of a normal distribution.
INTERVALS = {0.68: 0.9945, 0.95: 1.9600}
_EDGES = np.geomspace(1e-4, 10, 255)  # of scores; two more bins are below and above
_KEPT = np.linspace(0.05, 1, 20)  # of the pixels


def confidence_sums(metres: np.ndarray, sigma: np.ndarray, truth: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """What one image adds to the sums that the figures are made of.

    Args:
        metres: (H, W) predicted, positive where `seen`.
        sigma: (H, W) metres, their standard deviation.
        truth: (H, W) metres, positive where `seen`.
        seen: (H, W) bool, the pixels that count.

    Returns:
        (4, 256, 2) float64: for sigma / depth, for the gradient of log depth and for AbsRel itself, the pixels and the
        sum of AbsRel by bin of that score; then, in [3, :2, 0], the pixels within each of `INTERVALS`.
    """
    sums = np.zeros((4, len(_EDGES) + 1, 2))
    abs_rel = (np.abs(metres - truth) / np.where(seen, truth, 1))[seen]
    gradient = np.hypot(*np.gradient(np.log(np.where(seen, metres, 1))))[seen]
    for number, score in enumerate((sigma[seen] / metres[seen], gradient, abs_rel)):
        bins = np.searchsorted(_EDGES, score)
        sums[number, :, 0] = np.bincount(bins, minlength=len(_EDGES) + 1)
        sums[number, :, 1] = np.bincount(bins, abs_rel, len(_EDGES) + 1)
    misses = np.abs(metres - truth)[seen] / sigma[seen]
    for number, width in enumerate(INTERVALS.values()):
        sums[3, number, 0] = np.count_nonzero(misses <= width)
    return sums


def confidence_figures(sums: np.ndarray) -> dict[str, float]:
    """From such sums, of one image or of several.

    Returns:
        'coverage_68' and 'coverage_95', the part of the pixels whose truth lies in the interval; 'ause' of sigma and,
        for comparison, 'ause_gradient' of the gradient of log depth. NaN without a pixel.
    """
    pixels = sums[0, :, 0].sum()
    if not pixels:
        return dict.fromkeys(("coverage_68", "coverage_95", "ause", "ause_gradient"), float("nan"))
    sigma, gradient, oracle = (_curve(one) for one in sums[:3])
    return {
        "coverage_68": float(sums[3, 0, 0] / pixels),
        "coverage_95": float(sums[3, 1, 0] / pixels),
        "ause": float(np.mean(sigma - oracle)),
        "ause_gradient": float(np.mean(gradient - oracle)),
    }


def confidence_averages(images: Iterable[np.ndarray]) -> dict[str, dict[str, float]]:
    """Each of `confidence_figures` as the mean over images ('per_image') and of all pixels together ('pooled').

    Args:
        images: `confidence_sums` of each; one without pixels does not count. Empty where none is left.
    """
    sums = [one for one in images if one.any()]
    if not sums:
        return {}
    each, pooled = [confidence_figures(one) for one in sums], confidence_figures(np.sum(sums, axis=0))
    return {
        name: {"per_image": float(np.mean([image[name] for image in each])), "pooled": pooled[name]} for name in pooled
    }


def _curve(histogram: np.ndarray) -> np.ndarray:
    """AbsRel of each part in `_KEPT`, the surest first; within a bin the order is random."""
    pixels, total = (np.concatenate([[0], np.cumsum(column)]) for column in histogram.T)
    kept = _KEPT * pixels[-1]
    return np.interp(kept, pixels, total) / kept
