"""Small things on every level surface of the furniture."""

from __future__ import annotations

import numpy as np
from mathutils import Vector

from photoreal.blender import devices, small
from photoreal.blender.furnish import Make, Piece, Target, copied
from photoreal.blender.materials import Palette
from photoreal.blender.meshes import bounds, moved, removed
from photoreal.blender.supports import surfaces_of
from photoreal.surfaces import CELL_M, Surface

Rng = np.random.Generator
MAKERS: dict[str, tuple[Make, ...]] = {"desk": small.DESK + devices.DESK, "table": small.TABLE, "shelf": small.SHELF}
_KINDS = 24  # different things of a flat, for each key of `MAKERS`
_PER_SQUARE_METRE = (6, 18, 40)  # tidy, usual, crowded


class Clutter:
    """Fills furniture; what it copies is made once.

    Args:
        rng: random source.
        palette: the flat's materials.
    """

    def __init__(self, rng: Rng, palette: Palette) -> None:
        self._rng, self._palette = rng, palette
        self._pool: dict[str, list] = {kind: [] for kind in MAKERS}

    def fill(self, piece: Piece) -> list[Target]:
        """Put things on every surface of a piece; the places worth a look."""
        rng, targets, shelf = self._rng, [], piece.filled == "shelf"
        for surface in surfaces_of(piece.thing):
            if piece.filled == "desk" and surface.z > 0.6:
                self._workplace(piece, surface)
            area = (surface.room > 0).sum() * CELL_M**2
            count = rng.poisson(area * rng.choice(_PER_SQUARE_METRE) * (2.0 if shelf else 1.0)) + 2
            for _ in range(min(count, 28)):
                self._drop(piece, surface, self._prototype(piece.filled), self._turn(piece.filled))
            for _ in range(1 if shelf else 2):
                cell = rng.uniform((0, 0), surface.room.shape) * CELL_M + surface.low
                point = np.array(piece.thing.matrix_world @ Vector((*cell, surface.z + 0.08)))
                seen_from_front = shelf and surface.z < 1.7
                targets.append(Target(point, piece.spot.yaw if seen_from_front else None, piece.room))
        return targets

    def clean_up(self) -> None:
        """Remove what was only there to be copied."""
        for prototype in (thing for pool in self._pool.values() for thing in pool):
            removed(prototype)

    def _turn(self, kind: str) -> float:
        if kind == "table":
            return float(self._rng.uniform(0, 2 * np.pi))
        return float(self._rng.normal(0, 0.1 if kind == "shelf" else 0.5))

    def _prototype(self, kind: str):
        """A thing to copy: a new one, while there are few."""
        pool, makers = self._pool[kind], MAKERS[kind]
        if len(pool) < _KINDS and (not pool or self._rng.random() < 0.75):
            pool.append(makers[int(self._rng.integers(len(makers)))](self._rng, self._palette))
            pool[-1].hide_render = pool[-1].hide_viewport = True
            return pool[-1]
        return pool[int(self._rng.integers(len(pool)))]

    def _drop(self, piece: Piece, surface: Surface, prototype, turn: float, near=None) -> bool:
        """Stand a copy on a surface, if it fits; `near` is where, in the piece's own coordinates."""
        low, high = bounds(prototype)
        place = surface.place(self._rng, tuple(high - low), turn, near)
        if place is None:
            return False
        middle, c, s = (low + high) / 2, np.cos(turn), np.sin(turn)
        x, y = place[0] - (c * middle[0] - s * middle[1]), place[1] - (s * middle[0] + c * middle[1])
        at = piece.thing.matrix_world @ Vector((x, y, surface.z - low[2]))
        moved(copied(prototype), *at, piece.spot.yaw + turn)
        return True

    def _workplace(self, piece: Piece, surface: Surface) -> None:
        """A computer where one sits: monitor at the back, keyboard before it, mouse beside; or a laptop."""
        rng = self._rng
        low, high = bounds(piece.thing)
        y = float(np.clip(rng.normal(0, 0.2), low[1] / 2, high[1] / 2))
        if rng.random() < 0.25:
            self._once(piece, surface, devices.laptop, ((low[0] + high[0]) / 2 + 0.05, y), 0.15)
        elif rng.random() < 0.85 and self._once(piece, surface, devices.monitor, (low[0] + 0.2, y), 0.15):
            x = high[0] - rng.uniform(0.16, 0.3)
            self._once(piece, surface, devices.keyboard, (x, y), 0.06)
            self._once(piece, surface, devices.mouse, (x, y + rng.choice([-1, 1]) * 0.32), 0.2)

    def _once(self, piece: Piece, surface: Surface, make: Make, near: tuple[float, float], wild: float) -> bool:
        prototype = make(self._rng, self._palette)
        done = self._drop(piece, surface, prototype, float(self._rng.normal(0, wild)), near)
        removed(prototype)
        return done
