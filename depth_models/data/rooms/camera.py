"""Poses, and the frame that a camera takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from depth_models.types import Camera


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
