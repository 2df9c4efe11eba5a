"""A picture and its depth at the reduced size at which scale is followed from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from depth_models.errors import DepthModelsError
from depth_models.types import Camera

LONGEST_SIDE = 320  # pixels
EDGE = 0.1  # relative difference of depths on the two sides of an edge
EDGE_REACH_PX = 3


@dataclass(frozen=True)
class View:
    """One frame, reduced.

    Attributes:
        grey: (h, w) uint8.
        metres: (h, w) float32 depth of the same pixels, NaN where invalid.
        camera: of these pixels.
    """

    grey: np.ndarray
    metres: np.ndarray
    camera: Camera

    @classmethod
    def of(cls, rgb: np.ndarray, metres: np.ndarray, camera: Camera) -> View:
        """Reduce a frame.

        Args:
            rgb: (H, W, 3) uint8.
            metres: (H, W) float32, positive, NaN where invalid.
            camera: of (H, W).

        Raises:
            DepthModelsError: picture, depth and camera differ in size.
        """
        size = (camera.height, camera.width)
        if rgb.shape[:2] != size or metres.shape != size:
            raise DepthModelsError(f"a picture of {rgb.shape[:2]}, depth of {metres.shape}, a camera of {size} pixels")
        small = reduced_camera(camera)
        # Reduced before it loses its colour, which costs a quarter of the other order. By halves while that divides,
        # for which OpenCV has vector code: a quarter again.
        picture = rgb
        while picture.shape[1] >= 4 * small.width and not any(side % 2 for side in picture.shape[:2]):
            picture = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        picture = cv2.resize(picture, (small.width, small.height), interpolation=cv2.INTER_AREA)
        return cls(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), reduced_depth(metres), small)

    def points(self, pixels: np.ndarray) -> np.ndarray:
        """(N, 3) float64 points in the camera's frame, metres, at (N, 2) pixels x, y; NaN where depth is invalid."""
        columns, rows = np.rint(pixels).astype(int).T
        z = self.metres[rows, columns].astype(np.float64)
        x = (pixels[:, 0] - self.camera.cx) / self.camera.fx
        y = (pixels[:, 1] - self.camera.cy) / self.camera.fy
        return np.stack([x * z, y * z, z], axis=1)

    def surface_points(self, pixels: np.ndarray) -> np.ndarray:
        """As `points`, but NaN also where a depth edge is near: a corner there belongs to one side, and which is not
        known.
        """
        points, (height, width) = self.points(pixels), self.metres.shape
        columns, rows = np.rint(pixels).astype(int).T
        depths = points[:, 2]
        for dx in (-EDGE_REACH_PX, 0, EDGE_REACH_PX):
            for dy in (-EDGE_REACH_PX, 0, EDGE_REACH_PX):
                near = self.metres[np.clip(rows + dy, 0, height - 1), np.clip(columns + dx, 0, width - 1)]
                points[~(np.abs(near / depths - 1) < EDGE)] = np.nan
        return points

    def lattice(self, step: int) -> np.ndarray:
        """(N, 2) pixels x, y, one of every `step` along rows and columns."""
        height, width = self.metres.shape
        y, x = np.mgrid[step // 2 : height : step, step // 2 : width : step]
        return np.stack([x.ravel(), y.ravel()], axis=1)


def reduced_camera(camera: Camera) -> Camera:
    """The same camera with `LONGEST_SIDE` pixels along its longer side, or as it is if it has no more."""
    factor = min(1.0, LONGEST_SIDE / max(camera.width, camera.height))
    width, height = max(1, round(camera.width * factor)), max(1, round(camera.height * factor))
    across, down = width / camera.width, height / camera.height
    cx, cy = (camera.cx + 0.5) * across - 0.5, (camera.cy + 0.5) * down - 0.5
    return Camera(camera.fx * across, camera.fy * down, cx, cy, width, height)


def reduced_depth(metres: np.ndarray) -> np.ndarray:
    """(h, w) float32 of the reduced camera's size, NaN where invalid: nearest pixels, as means of near and far would be
    depths that nothing has.
    """
    height, width = metres.shape
    factor = min(1.0, LONGEST_SIDE / max(width, height))
    h, w = max(1, round(height * factor)), max(1, round(width * factor))
    return cv2.resize(metres, (w, h), interpolation=cv2.INTER_NEAREST_EXACT)
