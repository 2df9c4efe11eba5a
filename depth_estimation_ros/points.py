"""Depth to an organised point cloud. Pure: numpy only."""

from __future__ import annotations

from typing import Any

import numpy as np

POINT_BYTES = 16  # x, y, z and rgb, a float32 each


def organised_points(metres: np.ndarray, rgb: np.ndarray, k: Any) -> np.ndarray:
    """A point for every pixel, in the camera's optical frame (REP 103: x right, y down, z forward).

    Args:
        metres: (H, W) float32 depth, NaN where invalid.
        rgb: (H, W, 3) uint8.
        k: 9 values, the image's camera matrix row by row, pixels; lens distortion is not undone.

    Returns:
        (H, W, 4) float32: x, y, z in metres, NaN where invalid, and the colour as PCL packs it (0x00RRGGBB).
    """
    height, width = metres.shape
    fx, cx, fy, cy = (float(k[i]) for i in (0, 2, 4, 5))
    cloud = np.empty((height, width, 4), "<f4")
    np.multiply(metres, (np.arange(width, dtype=np.float32) - np.float32(cx)) / np.float32(fx), out=cloud[..., 0])
    rows = (np.arange(height, dtype=np.float32) - np.float32(cy)) / np.float32(fy)
    np.multiply(metres, rows[:, None], out=cloud[..., 1])
    cloud[..., 2] = metres
    # Little-endian 0x00RRGGBB is the bytes B, G, R, 0.
    colour = cloud.view(np.uint8)[..., 12:]  # (H, W, 4)
    colour[..., 0], colour[..., 1], colour[..., 2], colour[..., 3] = rgb[..., 2], rgb[..., 1], rgb[..., 0], 0
    return cloud
