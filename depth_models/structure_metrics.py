"""Whether a prediction keeps a scene's structure: its edges in their place, its planes flat.

AbsRel and its like hardly see either: edges are few pixels, and a wall with a bump has the right mean depth.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from depth_models.types import Camera

EDGE_RATIOS = np.linspace(1.05, 1.25, 10)  # of neighbours' depths; Depth Pro's thresholds
TILES_DOWN = 8  # square tiles in a column of the image
FLATTEST = 0.005  # a tile of the truth is planar where the residual is below this part of its depth


def edge_counts(prediction: np.ndarray, truth: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Count the depth edges of an image, for `boundary_f1`.

    Two neighbours in a row or in a column have an edge between them where their depths differ by more than a ratio. It
    is found where truth and prediction both have it, at the same place and with the same side nearer. Only places of
    which both pixels are valid count.

    Args:
        prediction, truth: (H, W) metres, positive where `valid`.
        valid: (H, W) bool.

    Returns:
        (10, 3) int64: for each of `EDGE_RATIOS`, the edges found, predicted, and true.
    """
    counts = np.zeros((len(EDGE_RATIOS), 3), np.int64)
    log_x, log_y = (
        np.log(depth.astype(np.float64), out=np.zeros(depth.shape), where=valid) for depth in (prediction, truth)
    )
    for axis in (0, 1):
        place = np.logical_and(*_neighbours(valid, axis))
        steps_x, steps_y = (np.subtract(*_neighbours(log, axis))[place] for log in (log_x, log_y))
        # How many ratios each step exceeds; one that exceeds k of them is an edge of the first k.
        levels_x, levels_y = (np.searchsorted(np.log(EDGE_RATIOS), np.abs(s)) for s in (steps_x, steps_y))
        found = np.where(steps_x * steps_y > 0, np.minimum(levels_x, levels_y), 0)
        for column, levels in enumerate((found, levels_x, levels_y)):
            exceeding = np.bincount(levels, minlength=len(EDGE_RATIOS) + 1)[::-1].cumsum()[::-1]
            counts[:, column] += exceeding[1:]
    return counts


def boundary_f1(counts: np.ndarray) -> float:
    """F1 of edges: 1 where every edge is in its place to the pixel, 0 where none is.

    The scale-invariant boundary F1 of Depth Pro (Bochkovskii et al. 2024, `boundary_metrics.py`): the mean over ten
    ratios, weighted by the ratio, of the harmonic mean of precision and recall. Unlike there, the four directions of
    edges are counted together, and ratios that neither truth nor prediction exceeds do not count, so that a perfect
    prediction gives 1 whatever edges the image has.

    Args:
        counts: (10, 3) of `edge_counts`, or its sum over images.

    Returns:
        0 to 1; NaN where neither truth nor prediction has an edge.
    """
    found, predicted, true = counts.T
    there = predicted + true > 0
    if not there.any():
        return float("nan")
    return float(np.average(2 * found[there] / (predicted + true)[there], weights=EDGE_RATIOS[there]))


def plane_sums(prediction: np.ndarray, truth: np.ndarray, valid: np.ndarray, camera: Camera) -> np.ndarray:
    """Fit planes to a prediction where the truth has some, for `plane_rms`.

    As iBims-1's planarity error PE-fla (Koch et al. 2018): the predicted depth of a planar patch is scaled to the
    median of the truth, and a plane is fitted to its points in space by least squares of the distances. Planes are not
    annotated here, so patches are square tiles, eight to a column, of which every pixel is valid and whose true points
    lie within 0.5 % of their depth (root of the mean square) of a plane.

    Args:
        prediction, truth: (H, W) metres, positive where `valid`.
        valid: (H, W) bool.
        camera: of these images.

    Returns:
        (2,) float64: sum of the squared distances, square metres; points.
    """
    side = max(truth.shape[0] // TILES_DOWN, 2)
    whole = _tiles(valid, side).all(axis=1)
    x, y = (_tiles(depth, side)[whole].astype(np.float64) for depth in (prediction, truth))
    pixels = camera.pixels().reshape(*truth.shape, 2)
    columns, rows = (_tiles(pixels[..., i], side)[whole] for i in (0, 1))
    rays = np.stack([(columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy, np.ones_like(rows)], axis=2)
    planar = np.sqrt(_residual(rays * y[..., None])) < FLATTEST * y.mean(axis=1)
    x, y, rays = x[planar], y[planar], rays[planar]
    x *= (np.median(y, axis=1) / np.median(x, axis=1))[:, None]
    return np.array([_residual(rays * x[..., None]).sum() * side**2, x.size])


def plane_rms(sums: np.ndarray) -> float:
    """Root of the mean squared distance of predicted points to their planes, metres; 0 is flat.

    A perfect prediction has the truth's own residual, which is the sensor's noise.

    Args:
        sums: (2,) of `plane_sums`, or its sum over images.

    Returns:
        Metres; NaN where the truth has no planar tile.
    """
    squares, points = sums
    return float(np.sqrt(squares / points)) if points else float("nan")


def _neighbours(image: np.ndarray, axis: int) -> Iterator[np.ndarray]:
    """All pixels but the first, and their neighbours before them, along an axis."""
    yield image[1:] if axis == 0 else image[:, 1:]
    yield image[:-1] if axis == 0 else image[:, :-1]


def _tiles(image: np.ndarray, side: int) -> np.ndarray:
    """(H, W) cut into (tiles, side * side); what is left over at the bottom and the right is dropped."""
    down, across = image.shape[0] // side, image.shape[1] // side
    cut = image[: down * side, : across * side].reshape(down, side, across, side)
    return cut.swapaxes(1, 2).reshape(down * across, side * side)


def _residual(points: np.ndarray) -> np.ndarray:
    """(T,) mean squared distance of (T, N, 3) points to their best planes: the least eigenvalue of their covariance."""
    centred = points - points.mean(axis=1, keepdims=True)
    covariance = centred.swapaxes(1, 2) @ centred / points.shape[1]
    return np.linalg.eigvalsh(covariance)[:, 0].clip(0)
