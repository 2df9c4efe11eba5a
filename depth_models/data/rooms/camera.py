"""Pinhole camera, poses and the frame that a camera takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Camera:
    """A pinhole camera without distortion.

    Pixel centres have integer coordinates, so the middle of the image is ((width - 1) / 2, (height - 1) / 2).

    Attributes:
        fx, fy, cx, cy: focal lengths and principal point, pixels.
        width, height: image size, pixels.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int

    @classmethod
    def from_fov(cls, width: int, height: int, horizontal_deg: float) -> Camera:
        """Square pixels and a centred principal point, for a horizontal field of view in degrees."""
        f_px = width / 2 / np.tan(np.radians(horizontal_deg) / 2)
        return cls(f_px, f_px, (width - 1) / 2, (height - 1) / 2, width, height)

    @property
    def K(self) -> np.ndarray:
        """(3, 3) float64 camera matrix."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1]], np.float64)

    @property
    def horizontal_fov_deg(self) -> float:
        """Horizontal field of view over the full pixel extent, degrees."""
        return float(np.degrees(2 * np.arctan(self.width / 2 / self.fx)))

    def pixels(self) -> np.ndarray:
        """(H * W, 2) float64 pixel centres (x, y), row by row."""
        y, x = np.mgrid[: self.height, : self.width]
        return np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float64)

    def rays(self, pixels: np.ndarray, pose: np.ndarray) -> np.ndarray:
        """(N, 3) float64 world directions through (N, 2) pixels, scaled so that ray length is depth Z."""
        ones = np.ones(len(pixels))
        local = np.stack([(pixels[:, 0] - self.cx) / self.fx, (pixels[:, 1] - self.cy) / self.fy, ones], axis=1)
        return local @ pose[:3, :3].T


@dataclass(frozen=True)
class Frame:
    """One picture of a room, with its truth.

    Attributes:
        rgb: (H, W, 3) uint8.
        depth: (H, W) float32 metres, exact Z along the optical axis at the pixel centres; no holes.
        raw_depth: (H, W) float32 metres as a Kinect would measure it: quantised, 0 where it sees nothing.
        camera: intrinsics.
        pose: (4, 4) float64 camera-to-world; camera x right, y down, z forward; world z up, metres.
        seed: the room's seed.
        scene: kind of room, such as `bedroom`.
    """

    rgb: np.ndarray
    depth: np.ndarray
    raw_depth: np.ndarray
    camera: Camera
    pose: np.ndarray
    seed: int
    scene: str


def look_at(position: np.ndarray, yaw: float, pitch: float, roll: float) -> np.ndarray:
    """(4, 4) float64 camera-to-world pose from a position and angles in radians.

    Args:
        position: (3,) metres.
        yaw: heading in the floor plane, counter-clockwise from world x.
        pitch: up is positive.
        roll: clockwise about the optical axis is positive.
    """
    forward = np.array([np.cos(pitch) * np.cos(yaw), np.cos(pitch) * np.sin(yaw), np.sin(pitch)])
    right = np.array([np.sin(yaw), -np.cos(yaw), 0.0])
    down = np.cross(forward, right)
    c, s = np.cos(roll), np.sin(roll)
    pose = np.eye(4)
    pose[:3, 0] = c * right + s * down
    pose[:3, 1] = c * down - s * right
    pose[:3, 2] = forward
    pose[:3, 3] = position
    return pose
