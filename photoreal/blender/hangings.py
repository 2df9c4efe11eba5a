"""What is on walls: pictures and boards, radiators below windows."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Vector

from photoreal.blender import fittings
from photoreal.blender.materials import Palette
from photoreal.blender.meshes import bounds, moved, removed
from photoreal.floor import INWARD, WALLS, Floor

Rng = np.random.Generator
_WITH_BOARDS = ("office", "classroom", "study")


def hang(rng: Rng, palette: Palette, floor: Floor, height: float) -> None:
    """On the walls of one room, `height` metres high, clear of furniture, doors and windows."""
    for hole in floor.room.holes:
        if hole.kind == "window" and hole.z0 > 0.72 and rng.random() < 0.5:
            _radiator(rng, palette, floor, hole)
    taken = {wall: [(h.a - 0.1, h.b + 0.1) for h in floor.room.holes if h.wall == wall] for wall in WALLS}
    for _ in range(int(rng.integers(1, 7))):
        board = floor.room.kind in _WITH_BOARDS and rng.random() < 0.3
        thing = (fittings.whiteboard if board else fittings.wall_picture)(rng, palette)
        if not _hung(rng, thing, floor, height, taken):
            removed(thing)


def _radiator(rng: Rng, palette: Palette, floor: Floor, hole) -> None:
    thing = fittings.radiator(rng, palette)
    width = np.ptp(bounds(thing)[:, 1])
    x, y = floor.room.wall_point(hole.wall, (hole.a + hole.b) / 2, 0.07)
    yaw = INWARD[hole.wall]
    if width < hole.b - hole.a and floor.at(x, y, yaw, (0.1, width, 0.6)):
        moved(thing, x - 0.02 * np.cos(yaw), y - 0.02 * np.sin(yaw), 0, yaw)
    else:
        removed(thing)


def _hung(rng: Rng, thing, floor: Floor, height: float, taken: dict[str, list[tuple[float, float]]]) -> bool:
    """Whether there was a place for it on a wall chosen by chance."""
    wall, (_, w, h) = str(rng.choice(WALLS)), np.ptp(bounds(thing), axis=0)
    z = rng.uniform(1.2, 1.6) - h / 2
    if floor.room.length(wall) - w < 0.3 or z + h > height - 0.1:
        return False
    a = rng.uniform(0.1, floor.room.length(wall) - w - 0.1)
    x, y = floor.room.wall_point(wall, a + w / 2, 0.011)
    yaw = INWARD[wall]
    if any(a < b1 and b0 < a + w for b0, b1 in taken[wall]) or _hidden(x, y, z, w, yaw):
        return False
    taken[wall].append((a - 0.05, a + w + 0.05))
    moved(thing, x, y, z, yaw)
    return True


def _hidden(x: float, y: float, z: float, width: float, yaw: float) -> bool:
    """Whether furniture stands in front of a place on a wall."""
    graph, inward, along = bpy.context.evaluated_depsgraph_get(), _way(yaw), _way(yaw + np.pi / 2)
    for side in (-0.5, 0.0, 0.5):
        start = np.array([x, y, z - 0.05]) + 0.02 * inward + side * width * along
        if bpy.context.scene.ray_cast(graph, Vector(start), Vector(inward), distance=0.6)[0]:
            return True
    return False


def _way(yaw: float) -> np.ndarray:
    return np.array([np.cos(yaw), np.sin(yaw), 0.0])
