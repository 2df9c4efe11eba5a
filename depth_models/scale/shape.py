"""What depth is wrong by from place to place, told by points of known depth.

A network's depth errs by one factor for the whole frame, which `steadying` takes away, and by another from surface to
surface. The logarithm of the latter is taken for a smooth random field over the picture (a Gaussian process: Rasmussen
and Williams, Gaussian Processes for Machine Learning, 2006, chapter 2, with its leave-one-out errors of section 5.4.2)
on the nodes of a coarse grid, bilinear between them, so that any number of points costs about the same.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

ROWS, COLUMNS = 8, 10  # of the nodes
REACH = 0.2  # of the picture's sides: surfaces that far apart err nearly independently
FIELD_SIGMA = 0.12  # of the log error from place to place
POINT_SIGMA = 0.03  # of that of one point: its own noise, and what is finer than the grid
LARGEST = 0.3  # a point that differs by more in log depth from its frame's scale is taken for wrong
FEWEST = 8  # points
LEAST_GAIN = 0.1  # of the median error at points that were left out; below, the field is not worth its own
_ROUNDS = 3  # of weighting points by how well they fit


def shape_errors(places: np.ndarray, log_errors: np.ndarray) -> np.ndarray | None:
    """The logarithm of predicted by true depth, over the picture.

    Wrong points are left out by how far they are from the others' field. Whether the field is right is asked of each
    point by a field that is made without it.

    Args:
        places: (N, 2) x, y of the points, fractions of the picture's width and height from its upper left corner.
        log_errors: (N,) natural logarithms of predicted by known depth there, the frame's own scale taken out.

    Returns:
        (ROWS, COLUMNS) float64 at the nodes, the first and last of which are on the picture's borders; None where the
        points are too few or tell nothing but the scale.
    """
    usable = np.abs(log_errors) < LARGEST
    if np.count_nonzero(usable) < FEWEST:
        return None
    errors, weights_of = log_errors[usable], _interpolation(places[usable])
    trust = np.ones(len(errors))
    for _ in range(_ROUNDS):
        precision = trust / POINT_SIGMA**2
        covariance = np.linalg.inv(_prior_precision() + (weights_of.T * precision) @ weights_of)
        nodes = covariance @ (weights_of.T @ (precision * errors))
        residuals = errors - weights_of @ nodes
        leverage = precision * ((weights_of @ covariance) * weights_of).sum(axis=1)
        left_out = residuals / (1 - leverage)  # residuals of fields made without the point
        trust = 1 / (1 + (left_out / (2 * POINT_SIGMA)) ** 2)
    helps = np.median(np.abs(left_out)) < (1 - LEAST_GAIN) * np.median(np.abs(errors))
    return nodes.reshape(ROWS, COLUMNS) if helps else None


def reshaped(metres: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Depth without the errors of `shape_errors`: (H, W) float32 metres, NaN where it was."""
    height, width = metres.shape
    x = np.linspace(0, COLUMNS - 1, width, dtype=np.float32)
    y = np.linspace(0, ROWS - 1, height, dtype=np.float32)
    field = cv2.remap(np.exp(-nodes).astype(np.float32), *np.meshgrid(x, y), cv2.INTER_LINEAR)
    return metres * field


def _interpolation(places: np.ndarray) -> np.ndarray:
    """(N, ROWS * COLUMNS) weights of the nodes at places, bilinear."""
    x, y = places[:, 0] * (COLUMNS - 1), places[:, 1] * (ROWS - 1)
    across = np.maximum(0, 1 - np.abs(x[:, None] - np.arange(COLUMNS)))
    down = np.maximum(0, 1 - np.abs(y[:, None] - np.arange(ROWS)))
    return (down[:, :, None] * across[:, None, :]).reshape(len(places), -1)


@cache
def _prior_precision() -> np.ndarray:
    """Inverse of the nodes' covariance before any point is known."""
    y, x = np.mgrid[0 : 1 : ROWS * 1j, 0 : 1 : COLUMNS * 1j].reshape(2, -1)
    square = (x[:, None] - x) ** 2 + (y[:, None] - y) ** 2
    covariance = FIELD_SIGMA**2 * np.exp(-square / (2 * REACH**2))
    return np.linalg.inv(covariance + 1e-6 * FIELD_SIGMA**2 * np.eye(len(covariance)))
