"""A textured box of a room, seen from anywhere: pictures and exact depth for tests, in a few milliseconds."""

import cv2
import numpy as np

from depth_models.types import Camera

CAMERA = Camera(140.0, 140.0, 79.5, 59.5, 160, 120)
HALF_M = np.array([2.0, 1.5, 3.0])  # the walls are at plus and minus these, x right, y down, z forward
_TEXTURE = cv2.resize(
    np.random.default_rng(5).integers(20, 236, (6, 256, 256)).transpose(1, 2, 0).astype(np.uint8), (1024, 1024),
    interpolation=cv2.INTER_CUBIC,
)  # fmt: skip
_PX_PER_M = 100.0


def pose(x=0.0, y=0.0, z=0.0, yaw=0.0, pitch=0.0):
    """(4, 4) camera to world; metres and radians."""
    matrix = np.eye(4)
    matrix[:3, :3] = cv2.Rodrigues(np.array([0, yaw, 0.0]))[0] @ cv2.Rodrigues(np.array([pitch, 0.0, 0]))[0]
    matrix[:3, 3] = x, y, z
    return matrix


def walk(n, rate_hz=10.0):
    """(N,) seconds and N poses of a smooth way with turns."""
    t = np.arange(n) / rate_hz
    poses = [pose(0.5 * np.sin(0.5 * s), 0.1 * np.sin(s), 0.4 * np.sin(0.7 * s), 0.3 * np.sin(0.6 * s)) for s in t]
    return t, poses


def see(where, camera=CAMERA):
    """(H, W, 3) uint8 picture and (H, W) float32 depth from a pose."""
    directions = camera.rays(camera.pixels(), where)  # of depth 1
    origin = where[:3, 3]
    with np.errstate(divide="ignore"):
        ahead = (np.sign(directions) * HALF_M - origin) / directions  # (N, 3) depth at which each wall is met
    wall = np.argmin(np.where(ahead > 0, ahead, np.inf), axis=1)
    depth = ahead[np.arange(len(wall)), wall]
    hit = origin + directions * depth[:, None]
    u, v = (np.where(wall == a, hit[:, b], hit[:, c]) for a, b, c in ((0, 2, 0), (1, 2, 1)))
    u, v = ((np.float32(w).reshape(camera.height, camera.width) + 5) * _PX_PER_M % 1022 for w in (u, v))
    side = (wall * 2 + (directions[np.arange(len(wall)), wall] > 0)).reshape(camera.height, camera.width)
    faces = [cv2.remap(np.ascontiguousarray(_TEXTURE[..., k]), u, v, cv2.INTER_LINEAR) for k in range(6)]
    grey = np.choose(side, faces)
    return np.repeat(grey[..., None], 3, axis=2), depth.reshape(camera.height, camera.width).astype(np.float32)


def points_of(depth, pixels):
    """(N, 3) points of a depth image at (N, 2) pixels x, y."""
    x, y = pixels.T
    z = depth[y, x].astype(float)
    return np.stack([(x - CAMERA.cx) / CAMERA.fx * z, (y - CAMERA.cy) / CAMERA.fy * z, z], axis=1)
