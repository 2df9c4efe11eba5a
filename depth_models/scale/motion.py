"""How a camera moved between two pictures: corners followed by optical flow, and a robust fit of their motion.

Depth gives the points of the first picture in space, so the motion has the depth's own units, and a pure rotation is
no special case: its translation comes out as zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from depth_models.scale.views import View
from depth_models.types import Camera

CELL_PX = 20  # the best corner of every cell is followed
BLOCK_PX = 5  # whose texture makes a corner
LEAST_TEXTURE = 2e-4  # eigenvalue of OpenCV's structure tensor; a camera's noise alone gives a quarter
TRUSTED_TEXTURE = 1e-2  # with which a displacement counts half of what one along the strongest texture does
FEWEST_TRACKS = 20
INLIER_PX = 1.5  # along the texture
LEAST_INLIERS = 0.5  # of the tracks' trust; fewer are no motion of one camera through one static scene
_ITERATIONS = 6
_SMALLEST_STEP = 2e-3  # radians, and parts of a metre; what is left after such a step is a fraction of flow's noise
_NOISE_PX = 0.05  # of optical flow at its best
_FLOW: dict[str, Any] = {
    "winSize": (9, 9), "maxLevel": 3, "minEigThreshold": 1e-4, "flags": cv2.OPTFLOW_USE_INITIAL_FLOW,
    "criteria": (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 10, 0.03),
}  # fmt: skip


@dataclass(frozen=True)
class Corners:
    """Places of a picture that can be found again.

    Attributes:
        pixels: (N, 2) float32 x, y.
        trust: (N, 2, 2) float64; it turns a displacement into its parts across and along the texture, each weighted by
            how well it can be seen. Most places are edges rather than corners, along which flow stays where its search
            began: unweighted, that halves the motion that is found.
    """

    pixels: np.ndarray
    trust: np.ndarray

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def weights(self) -> np.ndarray:
        """(N,) float64, 0 to 2: how much of a displacement can be seen."""
        return (self.trust**2).sum(axis=(1, 2))

    def __getitem__(self, chosen: np.ndarray) -> Corners:
        return Corners(self.pixels[chosen], self.trust[chosen])


@dataclass(frozen=True)
class Motion:
    """A rigid motion: a point x of the first camera's frame is `rotation @ x + translation` in the second's.

    Attributes:
        rotation: (3, 3) float64.
        translation: (3,) float64, metres of the first picture's depth.
    """

    rotation: np.ndarray
    translation: np.ndarray

    def moved(self, points: np.ndarray) -> np.ndarray:
        """(N, 3) points of the first frame in the second."""
        return points @ self.rotation.T + self.translation


STILL = Motion(np.eye(3), np.zeros(3))


def followed(first: View, second: View, start: np.ndarray, guess: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points of the first picture and where they are in the second.

    Args:
        first, second: of one camera, of one size.
        start: (N, 2) float32 pixels x, y in the first picture.
        guess: (N, 2) float32 pixels where the search begins.

    Returns:
        (N, 2) float32 pixels x, y in the second picture, and (N,) bool: which were found.
    """
    if not len(start):
        return start, np.zeros(0, bool)
    end, found, _ = cv2.calcOpticalFlowPyrLK(first.grey, second.grey, start, guess.copy(), **_FLOW)
    height, width = second.grey.shape
    inside = (end >= 0) & (end <= (width - 1, height - 1))
    return end, (found[:, 0] > 0) & inside[:, 0] & inside[:, 1]


def corners(grey: np.ndarray) -> Corners:
    """The best corner of every cell: all over the picture, as its depth is.

    Args:
        grey: (h, w) uint8.
    """
    down, across = grey.shape[0] // CELL_PX, grey.shape[1] // CELL_PX
    least = cv2.cornerMinEigenVal(grey, BLOCK_PX)[: down * CELL_PX, : across * CELL_PX]
    cells = least.reshape(down, CELL_PX, across, CELL_PX).swapaxes(1, 2).reshape(down * across, CELL_PX * CELL_PX)
    best = cells.argmax(axis=1)
    cell_row, cell_column = np.divmod(np.arange(down * across), across)
    rows, columns = cell_row * CELL_PX + best // CELL_PX, cell_column * CELL_PX + best % CELL_PX
    pixels = np.stack([columns, rows], axis=1).astype(np.float32)
    values, directions = np.linalg.eigh(_structure(grey, rows, columns))  # ascending; directions in columns
    values = values.clip(0)
    trust = directions.swapaxes(1, 2) * np.sqrt(values / (values + TRUSTED_TEXTURE))[:, :, None]
    return Corners(pixels, trust)[values[:, 1] > LEAST_TEXTURE]


def _structure(grey: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """(N, 2, 2) structure tensors at pixels, in the units of `cv2.cornerMinEigenVal`."""
    reach = BLOCK_PX // 2
    padded = cv2.copyMakeBorder(grey, reach + 1, reach + 1, reach + 1, reach + 1, cv2.BORDER_REPLICATE)
    window = np.arange(BLOCK_PX + 2)
    patches = padded[rows[:, None, None] + window[:, None], columns[:, None, None] + window].astype(np.float64)
    smooth = np.array([1.0, 2.0, 1.0])  # of Sobel's operator
    scale = 1 / (4 * BLOCK_PX * 255)
    x_steps, y_steps = patches[:, :, 2:] - patches[:, :, :-2], patches[:, 2:] - patches[:, :-2]
    gx = sum(s * x_steps[:, i : i + BLOCK_PX] for i, s in enumerate(smooth)) * scale
    gy = sum(s * y_steps[:, :, i : i + BLOCK_PX] for i, s in enumerate(smooth)) * scale
    xx, xy, yy = ((a * b).sum(axis=(1, 2)) for a, b in ((gx, gx), (gx, gy), (gy, gy)))
    return np.stack([xx, xy, xy, yy], axis=1).reshape(-1, 2, 2)


def fit_motion(
    points: np.ndarray, pixels: np.ndarray, trust: np.ndarray, camera: Camera, start: Motion = STILL
) -> tuple[Motion, np.ndarray]:
    """The motion after which points are seen at pixels: Gauss-Newton with Cauchy's weights.

    Args:
        points: (N, 3) in the first camera's frame, metres, N >= 3.
        pixels: (N, 2) x, y in the second picture.
        trust: (N, 2, 2), see `Corners`.
        camera: of the second picture.
        start: where the search begins.

    Returns:
        The motion, and (N,) bool: which points moved so, within `INLIER_PX`.
    """
    f_px = np.array([camera.fx, camera.fy])
    # The points come last, one after the other in memory, which makes all that follows several times faster.
    seen = np.ascontiguousarray(((pixels - np.array([camera.cx, camera.cy])) / f_px).T)
    trust = np.ascontiguousarray((trust * f_px).transpose(1, 2, 0))  # (2, 2, N), of parts of the focal length
    points = np.ascontiguousarray(points.T)
    motion = start
    for _ in range(_ITERATIONS):
        at = _seen_at(motion, points)
        error = _weighed(trust, seen - at[:2])
        square = (error**2).sum(axis=0)
        weight = 1 / (1 + square / max(float(np.median(square)), _NOISE_PX**2))
        jacobian = _weighed(trust[:, :, None], _jacobian(*at))  # (2, 6, N)
        weighted = jacobian * weight
        normal = weighted[0] @ jacobian[0].T + weighted[1] @ jacobian[1].T
        # A little damping, for scenes in which a direction of motion cannot be seen.
        normal[np.diag_indices(6)] += 1e-9 * np.trace(normal) + 1e-12
        step = np.linalg.solve(normal, weighted[0] @ error[0] + weighted[1] @ error[1])
        turn = cv2.Rodrigues(step[:3])[0]
        motion = Motion(turn @ motion.rotation, turn @ motion.translation + step[3:])
        if np.abs(step).max() < _SMALLEST_STEP:
            break
    error = _weighed(trust, seen - _seen_at(motion, points)[:2])
    return motion, (error**2).sum(axis=0) < INLIER_PX**2


def _weighed(trust: np.ndarray, displacement: np.ndarray) -> np.ndarray:
    """(2, ..., N) displacement by the texture, of (2, ..., N) in x and y."""
    return trust[:, 0] * displacement[0] + trust[:, 1] * displacement[1]


def _seen_at(motion: Motion, points: np.ndarray) -> np.ndarray:
    """(3, N): x and y by the focal length, and depth, of (3, N) points after a motion."""
    moved = motion.rotation @ points + motion.translation[:, None]
    np.maximum(moved[2], 1e-6, out=moved[2])
    moved[:2] /= moved[2]
    return moved


def _jacobian(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """(2, 6, N): how x and y change with a small turn about the three axes and a small shift along them."""
    rows = np.zeros((2, 6, len(z)))
    near = 1 / z
    rows[0, 0], rows[0, 1], rows[0, 2], rows[0, 3], rows[0, 5] = -x * y, 1 + x * x, -y, near, -x * near
    rows[1, 0], rows[1, 1], rows[1, 2], rows[1, 4], rows[1, 5] = -1 - y * y, x * y, x, near, -y * near
    return rows
