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
LEAST_TEXTURE = 1e-5  # eigenvalue of OpenCV's structure tensor
TRUSTED_TEXTURE = 1e-2  # with which a displacement counts half of what one along the strongest texture does
FEWEST_TRACKS = 20
INLIER_PX = 1.5
LEAST_INLIERS = 0.5  # of the tracks; fewer are no motion of one camera through one static scene
_ITERATIONS = 6
_NOISE_PX = 0.05  # of optical flow at its best
_FLOW: dict[str, Any] = {
    "winSize": (15, 15), "maxLevel": 3, "minEigThreshold": 1e-4, "flags": cv2.OPTFLOW_USE_INITIAL_FLOW,
    "criteria": (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 15, 0.03),
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


@dataclass(frozen=True)
class Motion:
    """A rigid motion: a point x of the first camera's frame is `rotation @ x + translation` in the second's.

    Attributes:
        rotation: (3, 3) float64.
        translation: (3,) float64, metres of the first picture's depth.
        tracks: corners that were followed.
        inliers: fraction of them that moved so, within `INLIER_PX`.
    """

    rotation: np.ndarray
    translation: np.ndarray
    tracks: int
    inliers: float

    def moved(self, points: np.ndarray) -> np.ndarray:
        """(N, 3) points of the first frame in the second."""
        return points @ self.rotation.T + self.translation


def motion_between(first: View, second: View) -> Motion | None:
    """The camera's motion, None where the pictures show no common static scene.

    Args:
        first, second: of one camera, of one size.
    """
    places = corners(first.grey)
    end, found = followed(first, second, places.pixels, places.pixels)
    points = first.surface_points(places.pixels)
    known = found & np.isfinite(points[:, 2])
    if np.count_nonzero(known) < FEWEST_TRACKS:
        return None
    motion = fit_motion(points[known], end[known], places.trust[known], second.camera)
    return motion if motion.inliers >= LEAST_INLIERS else None


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
    return end, (found[:, 0] > 0) & (end >= 0).all(axis=1) & (end[:, 0] <= width - 1) & (end[:, 1] <= height - 1)


def corners(grey: np.ndarray) -> Corners:
    """The best corner of every cell: all over the picture, as its depth is.

    Args:
        grey: (h, w) uint8.
    """
    tensor = cv2.cornerEigenValsAndVecs(grey, BLOCK_PX, 3)  # (h, w, 6): two eigenvalues, their directions x, y
    down, across = grey.shape[0] // CELL_PX, grey.shape[1] // CELL_PX
    least = tensor[: down * CELL_PX, : across * CELL_PX, :2].min(axis=2).reshape(down, CELL_PX, across, CELL_PX)
    best = least.swapaxes(1, 2).reshape(down * across, CELL_PX * CELL_PX).argmax(axis=1)
    cell_row, cell_column = np.divmod(np.arange(down * across), across)
    rows, columns = cell_row * CELL_PX + best // CELL_PX, cell_column * CELL_PX + best % CELL_PX
    found = tensor[rows, columns].astype(np.float64)
    textured = found[:, :2].max(axis=1) > LEAST_TEXTURE
    found = found[textured]
    weights = np.sqrt(found[:, :2] / (found[:, :2] + TRUSTED_TEXTURE))
    pixels = np.stack([columns[textured], rows[textured]], axis=1).astype(np.float32)
    return Corners(pixels, found[:, 2:].reshape(-1, 2, 2) * weights[:, :, None])


def fit_motion(points: np.ndarray, pixels: np.ndarray, trust: np.ndarray, camera: Camera) -> Motion:
    """The motion after which points are seen at pixels: Gauss-Newton with Cauchy's weights.

    Args:
        points: (N, 3) in the first camera's frame, metres, N >= 3.
        pixels: (N, 2) x, y in the second picture.
        trust: (N, 2, 2), see `Corners`.
        camera: of the second picture.
    """
    f_px, centre = np.array([camera.fx, camera.fy]), np.array([camera.cx, camera.cy])
    seen = (pixels - centre) / f_px
    rotation, translation = np.eye(3), np.zeros(3)
    trust = trust * f_px  # of displacements in parts of the focal length
    for _ in range(_ITERATIONS):
        moved = points @ rotation.T + translation
        z = np.maximum(moved[:, 2], 1e-6)
        error = (trust @ (seen - moved[:, :2] / z[:, None])[..., None])[..., 0]
        square = (error**2).sum(axis=1)
        weight = 1 / (1 + square / max(float(np.median(square)), _NOISE_PX**2))
        jacobian = trust @ _jacobian(moved[:, 0] / z, moved[:, 1] / z, z)  # (N, 2, 6)
        weighted = (jacobian * weight[:, None, None]).reshape(-1, 6)
        normal = weighted.T @ jacobian.reshape(-1, 6)
        # A little damping, for scenes in which a direction of motion cannot be seen.
        normal[np.diag_indices(6)] += 1e-9 * np.trace(normal) + 1e-12
        step = np.linalg.solve(normal, weighted.T @ error.ravel())
        turn = cv2.Rodrigues(step[:3])[0]
        rotation, translation = turn @ rotation, turn @ translation + step[3:]
    moved = points @ rotation.T + translation
    error = (moved[:, :2] / np.maximum(moved[:, 2:], 1e-6) - seen) * f_px
    return Motion(rotation, translation, len(points), float(((error**2).sum(axis=1) < INLIER_PX**2).mean()))


def _jacobian(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """(N, 2, 6) of where (N,) points of depth z are seen, x and y by the focal length: by a small turn about x, y, z
    and a small shift.
    """
    none = np.zeros_like(z)
    rows = [-x * y, 1 + x * x, -y, 1 / z, none, -x / z, -1 - y * y, x * y, x, none, 1 / z, -y / z]
    return np.stack(rows, axis=1).reshape(-1, 2, 6)
