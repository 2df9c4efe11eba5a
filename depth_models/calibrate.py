"""Brings a network's depth to true metres by a few known depths, of a sensor or of a tape measure."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from depth_models.checkpoint import Checkpoint
from depth_models.data.sources import Source, open_source
from depth_models.data.splits import spread
from depth_models.errors import DepthModelsError
from depth_models.images import read_image
from depth_models.predictor import DepthPredictor
from depth_models.types import Calibration

FRAMES, PIXELS = 64, 2000  # at most so many frames, and pixels of each
COLUMNS = ("image", "x", "y", "metres")
_ROUNDS = 60  # of reweighting
# By `Calibration.space`: f of depth, and whether there is a shift beside the scale.
_CANDIDATES: dict[str, tuple[Callable[[np.ndarray], np.ndarray], bool]] = {
    "metres": (np.asarray, False), "log": (np.log, True), "inverse": (np.reciprocal, True)
}  # fmt: skip


@dataclass(frozen=True)
class Known:
    """Known depths of one image.

    Attributes:
        raw: (n,) the network's depth there, before any calibration, at the canonical focal length.
        truth: (n,) metres, also at the canonical focal length.
    """

    raw: np.ndarray
    truth: np.ndarray


@dataclass(frozen=True)
class Fitted:
    """A calibration and how good it is; every error is the mean of |depth - truth| / truth, images counting alike.

    Attributes:
        calibration: fitted to all that is known.
        before: error without it (with the one that the checkpoint had); None where that gives no metres.
        after: error with it, of what it was fitted to.
        held_out: error of each image with what was fitted to all others.
        choices: `held_out` of every kind that was tried, by its name.
    """

    calibration: Calibration
    before: float | None
    after: float
    held_out: float
    choices: dict[str, float]


def known_depths(
    checkpoint: Checkpoint,
    path: Path,
    focal: tuple[float, float] | None = None,
    progress: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> list[Known]:
    """What the network says where the depth is known.

    Args:
        checkpoint: of the network.
        path: data of any known layout (`depth_models.data.sources`), of which at most `FRAMES` frames are taken, evenly
            spaced; or a .csv of measured points with the columns `COLUMNS`: an image's path from the file's folder, a
            pixel, and its depth along the optical axis.
        focal: focal lengths fx, fy of the .csv's images in their pixels; None where they are not known, and of no use
            with other data, which has them.
        progress: yields the numbers given to it, such as `tqdm.tqdm`.

    Raises:
        DepthModelsError: the data cannot be read or has no known depth.
    """
    raw = replace(checkpoint, preprocess=replace(checkpoint.preprocess, calibration=Calibration("metres", 1.0)))
    predictor = DepthPredictor(raw)
    if path.suffix == ".csv":
        known = _points(predictor, _read_points(path), focal)
    else:
        source = open_source(path)
        frames = progress(spread(range(len(source)), FRAMES))
        known = [one for index in frames if len((one := _frame(predictor, source, index)).raw)]
    if len(known) == 1:  # of one image, each point is held out in its turn
        known = [Known(known[0].raw[i : i + 1], known[0].truth[i : i + 1]) for i in range(len(known[0].raw))]
    if len(known) < 2:
        raise DepthModelsError(f"{path}: {len(known)} known depths; a calibration needs two or more")
    return known


def fit(checkpoint: Checkpoint, known: Sequence[Known]) -> Fitted:
    """Fit a scale, a scale and shift in log depth, and both in inverse depth; the least held-out error chooses."""
    choices, fitted = {}, {}
    for space in _CANDIDATES:
        folds = [_fit(space, [*known[:i], *known[i + 1 :]]) for i in range(len(known))]
        errors = [_error(c.metres(k.raw), k.truth) for c, k in zip(folds, known, strict=True) if c is not None]
        if (whole := _fit(space, known)) is not None and len(errors) == len(known):
            fitted[space], choices[space] = whole, float(np.mean(errors))
    best = min(choices, key=lambda space: choices[space])
    pre = checkpoint.preprocess
    before = [_error(pre.calibrated(k.raw), k.truth) for k in known] if pre.metric or pre.calibration else None
    after = float(np.mean([_error(fitted[best].metres(k.raw), k.truth) for k in known]))
    return Fitted(fitted[best], None if before is None else float(np.mean(before)), after, choices[best], choices)


def _frame(predictor: DepthPredictor, source: Source, index: int) -> Known:
    sample = source[index]
    depth = predictor(sample.rgb)
    rows, columns = np.nonzero(sample.valid & depth.valid & (sample.depth > 0))
    chosen = np.random.default_rng(index).permutation(len(rows))[:PIXELS]
    at = rows[chosen], columns[chosen]
    return Known(
        depth.metres[at], sample.depth[at] / _factor(predictor, sample.rgb, sample.camera.fx, sample.camera.fy)
    )


def _points(
    predictor: DepthPredictor, images: dict[Path, np.ndarray], focal: tuple[float, float] | None
) -> list[Known]:
    known = []
    for path, points in images.items():
        rgb = read_image(path)
        x, y = np.rint(points[:, :2]).astype(int).T
        height, width = rgb.shape[:2]
        if not ((x >= 0) & (x < width) & (y >= 0) & (y < height)).all():
            raise DepthModelsError(f"{path}: a point lies outside its {width} x {height} pixels: {points.tolist()}")
        known.append(
            Known(predictor(rgb).metres[y, x], points[:, 2] / _factor(predictor, rgb, *(focal or (None, None))))
        )
    return known


def _factor(predictor: DepthPredictor, rgb: np.ndarray, fx: float | None, fy: float | None) -> float:
    pre = predictor.checkpoint.preprocess
    return pre.metres_per_output(pre.letterbox(*rgb.shape[:2]), fx, fy)


def _read_points(path: Path) -> dict[Path, np.ndarray]:
    """(n, 3) x, y, metres by image."""
    rows: dict[Path, list[list[float]]] = {}
    try:
        with path.open(newline="") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            if not set(COLUMNS) <= set(reader.fieldnames or ()):
                raise ValueError(f"its columns are {reader.fieldnames}")
            for row in reader:
                point = [float(row[name]) for name in COLUMNS[1:]]
                if not 0 < point[2] < np.inf:
                    raise ValueError(f"line {reader.line_num}: {point[2]} is no depth in metres")
                rows.setdefault(path.parent / row["image"], []).append(point)
    except (OSError, TypeError, ValueError) as error:
        raise DepthModelsError(
            f"{path}: not measured points ({error}); expected the header {','.join(COLUMNS)} and a line a point, x and "
            "y in pixels"
        ) from error
    return {image: np.array(points) for image, points in rows.items()}


def _error(depth: np.ndarray, truth: np.ndarray) -> float:
    """Mean of |depth - truth| / truth; depth that is none counts as 0 m."""
    return float(np.mean(np.abs(np.where(np.isfinite(depth) & (depth > 0), depth, 0) - truth) / truth))


def _fit(space: str, known: Sequence[Known]) -> Calibration | None:
    """The least mean absolute error, relative to the truth to first order; None where depth does not grow with it."""
    raw, truth = (np.concatenate([getattr(k, name) for k in known]).astype(np.float64) for name in ("raw", "truth"))
    weights = np.concatenate([np.full(len(k.raw), 1 / len(k.raw)) for k in known])  # images count alike
    f, is_shifted = _CANDIDATES[space]
    slope = {"metres": 1 / truth, "log": np.ones_like(truth), "inverse": truth}[space]  # of the relative error by f
    columns = np.stack([f(raw), np.ones_like(raw)], axis=1)[:, : 1 + is_shifted]
    solution = _least_absolute(columns * slope[:, None], f(truth) * slope, weights)
    try:
        return Calibration(space, *map(float, solution))
    except DepthModelsError:
        return None


def _least_absolute(columns: np.ndarray, target: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The x of the least sum of weights * |columns @ x - target|, by iteratively reweighted least squares."""
    scaled = np.sqrt(weights)
    for _ in range(_ROUNDS):
        solution = np.linalg.lstsq(columns * scaled[:, None], target * scaled, rcond=None)[0]
        scaled = np.sqrt(weights / np.maximum(np.abs(columns @ solution - target), 1e-6))
    return solution
