"""Where cameras stand and look: single views and smooth paths."""

from __future__ import annotations

import numpy as np

from depth_models.data.rooms.camera import look_at
from depth_models.data.rooms.layout import Room
from depth_models.types import Camera

NEAREST_M = 0.25
_MARGIN_M = 0.03  # for what lies between the probe's rays
_KINDS = ["human", "robot", "near"]
_TRIES = 32
_CHANCES = [0.48, 0.22, 0.30]


def random_view(
    room: Room, rng: np.random.Generator, size: tuple[int, int], kind: str | None = None
) -> tuple[Camera, np.ndarray]:
    """A camera and a pose in a room.

    Args:
        room: from `sample_room`.
        rng: draws everything.
        size: (height, width) pixels.
        kind: `human` (1.4 to 1.75 m high), `robot` (0.15 to 1.2 m), `near` (hand-held over a table, shelf or floor
            thing) or None for a mixture of these.

    Returns:
        The camera (45 to 100 degrees wide) and its (4, 4) camera-to-world pose. Nothing it sees is nearer than 0.25 m.
    """
    kind = str(rng.choice(_KINDS, p=_CHANCES)) if kind is None else kind
    if kind == "near" and not len(room.targets):
        kind = "robot"
    camera = Camera.from_fov(size[1], size[0], float(np.clip(rng.normal(63, 11), 45, 100)))
    best, best_score = None, 0.0
    for attempt, each in enumerate([kind] * _TRIES + ["human", "robot"] * _TRIES):
        if best_score >= 1 or (best is not None and attempt >= _TRIES):
            break
        pose = _near_pose(room, rng) if each == "near" else _standing_pose(room, rng, each)
        score = 0.0 if pose is None else _score(*_probe(room, camera, pose), each)
        if score > best_score:
            best, best_score = pose, score
    if best is None:  # a room too full to stand in: look down from under the ceiling, where it is most open
        clear = room.plan.clearance(room.ceiling - 0.6)
        x, y = room.plan.position(np.argwhere(clear == clear.max())[0])
        best = look_at(np.array([x, y, room.ceiling - 0.4]), rng.uniform(0, 2 * np.pi), -0.6, 0.0)
    return camera, best


def _probe(room: Room, camera: Camera, pose: np.ndarray) -> tuple[float, float, int]:
    """Nearest distance, median depth and number of surfaces over a coarse lattice of the view."""
    y, x = np.meshgrid(np.linspace(0, camera.height - 1, 30), np.linspace(0, camera.width - 1, 40))
    directions = camera.rays(np.stack([x.ravel(), y.ravel()], axis=1), pose)
    triangle, depth = room.tracer.nearest(pose[:3, 3], directions)
    if (np.einsum("nj,nj->n", room.mesh.normals[triangle], directions) > 0).mean() > 0.1 or (triangle < 0).any():
        return 0.0, 0.0, 0  # the camera is within something; a few faces from behind are open lampshades
    distance = depth * np.linalg.norm(directions, axis=1)
    return float(distance.min()), float(np.median(depth)), len(np.unique(room.mesh.surface[triangle]))


def _score(nearest: float, median: float, surfaces: int, kind: str) -> float:
    """1 for a good view, less for one that will do, 0 for one that is too close to something."""
    if nearest < NEAREST_M + _MARGIN_M:
        return 0.0
    if kind == "near":
        return 1.0 if median < 1.35 else 1.35 / median
    # Bare walls teach little: rather a view with something in it, and room before it.
    return min(1.0, median / 1.7) * min(1.0, surfaces / 14)


def _standing_pose(room: Room, rng: np.random.Generator, kind: str) -> np.ndarray | None:
    """On free floor, looking towards the room's far side more often than at the next wall."""
    z = rng.uniform(1.4, 1.75) if kind == "human" else rng.uniform(0.15, 1.2)
    clear = room.plan.clearance(z - 0.15)
    cells = np.argwhere(clear > 0.3)
    if not len(cells):
        return None
    goal = room.plan.position(cells[rng.integers(len(cells))])
    position = max(
        (room.plan.position(c) for c in cells[rng.integers(len(cells), size=2)]), key=lambda p: np.hypot(*(p - goal))
    )
    yaw = np.arctan2(*(goal - position)[::-1]) + rng.normal(0, 0.5)
    pitch = rng.normal(-0.2, 0.17) if kind == "human" else rng.normal(0.0, 0.12)
    roll = rng.normal(0, 0.06 if kind == "human" else 0.03)
    return look_at(np.array([*position, z]), yaw, pitch, roll)


def _near_pose(room: Room, rng: np.random.Generator) -> np.ndarray | None:
    """Looking at something from 0.35 to 1.3 m away, mostly from above."""
    target = room.targets[rng.integers(len(room.targets))]
    away, side, climb = rng.uniform(0.35, 1.3), rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(2, 65))
    position = target + away * np.array([np.cos(side) * np.cos(climb), np.sin(side) * np.cos(climb), np.sin(climb)])
    row, column = (position[1::-1] / 0.05).astype(int)
    height = room.plan.height
    if not (0 <= row < height.shape[0] and 0 <= column < height.shape[1] and 0.2 < position[2] < room.ceiling - 0.2):
        return None
    if height[row, column] + 0.1 > position[2]:
        return None
    way = target + rng.normal(0, 0.08, 3) - position
    return look_at(position, np.arctan2(way[1], way[0]), np.arctan2(way[2], np.hypot(*way[:2])), rng.normal(0, 0.1))


def camera_path(
    room: Room, n_frames: int, seed: int, width: int, height: int, rate_hz: float = 30
) -> tuple[Camera, list[np.ndarray]]:
    """Smooth hand-held or robot motion through one room: a loop on free floor while the view pans to and fro.

    Args:
        room: from `sample_room`.
        n_frames: how many poses.
        seed: of the path; height over the floor, speed and shake depend on it.
        width, height: pixels.
        rate_hz: frames a second; motion stays under about 0.6 m/s and 45 degrees/s.

    Returns:
        The camera and `n_frames` (4, 4) camera-to-world poses.
    """
    rng = np.random.Generator(np.random.PCG64([seed, room.seed, 7]))
    camera = Camera.from_fov(width, height, float(rng.uniform(58, 75)))
    times = np.arange(n_frames) / rate_hz

    def worst(poses: list[np.ndarray]) -> float:
        return min(_score(*_probe(room, camera, pose), "human") for pose in poses[:: max(1, n_frames // 10)])

    # The best of some loops: one that never looks at a bare wall from close by.
    return camera, max((_loop(room, rng, times) for _ in range(_TRIES)), key=worst)


def _loop(room: Room, rng: np.random.Generator, t: np.ndarray) -> list[np.ndarray]:
    """Poses at times t (seconds) on a circle in one of the room's most open places."""
    z = float(rng.choice([rng.uniform(0.5, 1.0), rng.uniform(1.3, 1.6)]))
    clear = room.plan.clearance(z - 0.4)
    cell = np.array(np.unravel_index(np.argmax(clear * rng.uniform(0.7, 1.0, clear.shape)), clear.shape))
    centre, reach = room.plan.position(cell), float(np.clip(clear[tuple(cell)] - 0.45, 0.05, 0.9))
    pace = min(0.5 / reach, 0.5) * rng.uniform(0.7, 1.0)  # radians a second around the circle
    phase, heading = rng.uniform(0, 2 * np.pi, 9), rng.uniform(0, 2 * np.pi)
    x = centre[0] + reach * np.cos(pace * t + phase[0])
    y = centre[1] + reach * np.sin(pace * t + phase[0])
    heights = z + 0.03 * np.sin(0.8 * t + phase[1]) + 0.004 * np.sin(7.0 * t + phase[2])
    yaw = heading + 0.9 * np.sin(0.45 * t + phase[3]) + 0.01 * np.sin(5.1 * t + phase[4])
    pitch = -0.18 + 0.1 * np.sin(0.5 * t + phase[5]) + 0.008 * np.sin(6.3 * t + phase[6])
    roll = 0.02 * np.sin(0.7 * t + phase[7]) + 0.006 * np.sin(4.3 * t + phase[8])
    return [look_at(row[:3], *row[3:]) for row in np.stack([x, y, heights, yaw, pitch, roll], axis=1)]
