"""Numbers that need a trained network's predictions: detail, position prior, spread."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import cv2
import numpy as np

from depth_models.types import Depth, Sample

Predictor = Callable[..., Depth]
GRID = (60, 80)  # height and width at which maps are compared, about what the networks resolve


def on_grid(metres: np.ndarray, valid: np.ndarray | None = None) -> np.ndarray:
    """Mean depth of the valid pixels of every cell of `GRID`.

    Args:
        metres: (H, W), anything where not `valid`.
        valid: (H, W) bool; None for all that is finite.

    Returns:
        `GRID` float64 metres, NaN where a cell has no valid pixel.
    """
    mask = np.isfinite(metres) if valid is None else valid & np.isfinite(metres)
    weight = cv2.resize(mask.astype(np.float64), GRID[::-1], interpolation=cv2.INTER_AREA)
    total = cv2.resize(np.where(mask, metres, 0.0).astype(np.float64), GRID[::-1], interpolation=cv2.INTER_AREA)
    return np.where(weight > 0.01, total / np.maximum(weight, 0.01), np.nan)


def predict(predictor: Predictor, sample: Sample, rgb: np.ndarray | None = None) -> np.ndarray:
    """`on_grid` of the prediction for a sample, or for another picture by its camera."""
    return on_grid(predictor(sample.rgb if rgb is None else rgb, fx=sample.camera.fx, fy=sample.camera.fy).metres)


def mean_depth(samples: Iterable[Sample]) -> np.ndarray:
    """`GRID` metres: the mean over samples of their true depth; NaN where none has any."""
    total, count = np.zeros(GRID), np.zeros(GRID)
    for sample in samples:
        depth = on_grid(sample.depth, sample.valid)
        total += np.nan_to_num(depth)
        count += np.isfinite(depth)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def constant_error(samples: Iterable[Sample]) -> float:
    """Mean over images of the mean absolute error, metres, of the one depth that makes it smallest.

    That depth is the median of all, each image with the same weight.
    """
    maps = [on_grid(sample.depth, sample.valid) for sample in samples]
    depths = [depth[np.isfinite(depth)] for depth in maps]
    values = np.concatenate(depths)
    weights = np.concatenate([np.full(len(d), 1 / len(d)) for d in depths if len(d)])
    order = np.argsort(values)
    middle = values[order][np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)]
    return float((weights * np.abs(values - middle)).sum() / weights.sum())


def detail(predictor: Predictor, samples: Iterable[Sample]) -> float:
    """How much of the truth's relief a prediction has: the slope of its log depth's gradient over the truth's.

    1 for the truth, 0.5 where every step in log depth is half as high, 0 for a constant or for noise of its own.
    """
    product = square = 0.0
    for sample in samples:
        truth, ours = np.log(on_grid(sample.depth, sample.valid)), np.log(predict(predictor, sample))
        for axis in (0, 1):
            t, p = np.diff(truth, axis=axis), np.diff(ours, axis=axis)
            both = np.isfinite(t) & np.isfinite(p)
            product += float((t[both] * p[both]).sum())
            square += float((t[both] ** 2).sum())
    return product / square if square else float("nan")


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Of two maps where both are finite; 0 where either is constant."""
    both = np.isfinite(first) & np.isfinite(second)
    a, b = first[both] - first[both].mean(), second[both] - second[both].mean()
    size = float(np.sqrt((a**2).sum() * (b**2).sum()))
    # A constant map's differences from its mean are rounding, not zero.
    flat = min(np.abs(a).max(initial=0.0), np.abs(b).max(initial=0.0)) < 1e-5
    return 0.0 if flat else float((a * b).sum()) / size


def blank(sample: Sample, mean: Sequence[float]) -> np.ndarray:
    """(H, W, 3) uint8 RGB of one colour, the mean one (0 to 1 per channel), of a sample's size."""
    picture = np.empty_like(sample.rgb)
    picture[:] = np.rint(np.multiply(mean, 255)).astype(np.uint8)
    return picture


def mirror_prior(predictor: Predictor, samples: Iterable[Sample]) -> float:
    """How much of a prediction stays in place when its image is mirrored.

    With P the prediction and Q that of the mirrored image, Q = P + f (mirrored P - P) by least squares over all
    samples; this is 1 - f. Principal points in the middle are assumed.

    Returns:
        1 for a predictor that ignores the image, 0 for one that follows it; NaN where every prediction is symmetric.
    """
    product = square = 0.0
    for sample in samples:
        straight = predict(predictor, sample)
        turned = predict(predictor, sample, np.ascontiguousarray(sample.rgb[:, ::-1]))
        goal, moved = straight[:, ::-1] - straight, turned - straight
        both = np.isfinite(goal) & np.isfinite(moved)
        product += float((moved[both] * goal[both]).sum())
        square += float((goal[both] ** 2).sum())
    return 1 - product / square if square > 1e-9 else float("nan")


def spread(predictor: Predictor, samples: Iterable[Sample]) -> float:
    """Standard deviation of all predictions over that of all truth: 1 where as wide, 0 where all is one depth."""
    ours, theirs = list[np.ndarray](), list[np.ndarray]()
    for sample in samples:
        truth, prediction = on_grid(sample.depth, sample.valid), predict(predictor, sample)
        both = np.isfinite(truth) & np.isfinite(prediction)
        ours.append(prediction[both])
        theirs.append(truth[both])
    wide = float(np.std(np.concatenate(theirs)))
    return float(np.std(np.concatenate(ours))) / wide if wide else float("nan")
