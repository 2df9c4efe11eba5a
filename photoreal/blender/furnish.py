"""Puts furniture on floors: to walls, into rooms, chairs to tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import bpy
import numpy as np

from photoreal.blender.materials import Palette
from photoreal.blender.meshes import bounds, moved, removed
from photoreal.floor import Floor, Spot
from photoreal.plan import RoomPlan

Rng = np.random.Generator
Make = Callable[[Rng, Palette], object]


@dataclass(frozen=True)
class Target:
    """A place worth a close look.

    Attributes:
        point: (3,) metres.
        facing: yaw that it is seen from, radians; None for any side.
        room: where it is.
    """

    point: np.ndarray
    facing: float | None
    room: RoomPlan


@dataclass(frozen=True)
class Piece:
    """Furniture that stands.

    Attributes:
        thing: the object.
        spot: where.
        filled: what its surfaces take, a key of `clutter.MAKERS`; '' for nothing.
        room: where it is.
    """

    thing: object
    spot: Spot
    filled: str
    room: RoomPlan


class Furnisher:
    """Furnishes one floor.

    Args:
        rng: random source.
        palette: the flat's materials.
        floor: what is free.

    Attributes:
        rng, palette, floor: as given.
        pieces: what stands there.
        targets: where close views look.
    """

    def __init__(self, rng: Rng, palette: Palette, floor: Floor) -> None:
        self.rng, self.palette, self.floor = rng, palette, floor
        self.pieces: list[Piece] = []
        self.targets: list[Target] = []

    def some(self, low: int, high: int) -> range:
        """As many turns as chance has it, from `low` to `high`."""
        return range(int(self.rng.integers(low, high + 1)))

    def wall(self, make: Make, filled: str = "", chance: float = 1.0) -> Piece | None:
        """A piece with its back to a wall; None where chance or the floor has no room for it."""
        if self.rng.random() > chance:
            return None
        thing = make(self.rng, self.palette)
        size = np.ptp(bounds(thing), axis=0)
        return self._put(thing, self.floor.against_wall(self.rng, tuple(size)), filled)

    def free(self, make: Make, filled: str = "", margin: float = 0.5, chance: float = 1.0) -> Piece | None:
        """A piece anywhere on the floor, about square to the walls; `margin` metres from others."""
        if self.rng.random() > chance:
            return None
        thing = make(self.rng, self.palette)
        yaws = tuple(k * np.pi / 2 + self.rng.normal(0, 0.03) for k in range(4))
        spot = self.floor.standing(self.rng, tuple(np.ptp(bounds(thing), axis=0)), yaws, margin)
        return self._put(thing, spot, filled)

    def lying(self, make: Make) -> None:
        """A small thing on the floor, turned anyhow."""
        thing = make(self.rng, self.palette)
        size = np.ptp(bounds(thing), axis=0)
        spot = self.floor.standing(self.rng, tuple(size), (float(self.rng.uniform(0, 2 * np.pi)),), 0.03)
        if self._put(thing, spot, "") and self.rng.random() < 0.25:
            self.look(np.array([spot.x, spot.y, size[2]]))

    def seats(self, piece: Piece | None, make: Make, sides: str, chance: float = 0.9) -> None:
        """Chairs around a table or at a desk, pushed in or drawn back, each looking at it.

        Args:
            piece: the table; None does nothing.
            make: a chair.
            sides: some of 'front', 'back', 'left' and 'right', with spaces between.
            chance: that a place has its chair.
        """
        if piece is None:
            return
        prototype = make(self.rng, self.palette)
        size = np.ptp(bounds(prototype), axis=0)
        depth, width, height = np.ptp(bounds(piece.thing), axis=0)
        for side in sides.split():
            count = max(1, int(width / 0.65)) if side in ("front", "back") and " " in sides else 1
            for k in range(count):
                if self.rng.random() > chance:
                    continue
                away, along = self.rng.uniform(0.03, 0.3) + size[0] / 2, (k + 0.5 - count / 2) * width / count
                x, y, turn = {
                    "front": (depth / 2 + away, along, np.pi), "back": (-depth / 2 - away, along, 0.0),
                    "left": (0.0, width / 2 + away, -np.pi / 2), "right": (0.0, -width / 2 - away, np.pi / 2),
                }[side]  # fmt: skip
                self._chair(prototype, piece.spot, x, y, turn + self.rng.normal(0, 0.2), tuple(size))
        removed(prototype)
        self.look(np.array([piece.spot.x, piece.spot.y, height * 0.8]))

    def _chair(self, prototype, spot: Spot, x: float, y: float, turn: float, size: tuple[float, float, float]) -> None:
        """A copy of a chair at a place in a table's own axes, if that is free."""
        c, s = np.cos(spot.yaw), np.sin(spot.yaw)
        at = self.floor.at(spot.x + c * x - s * y, spot.y + s * x + c * y, spot.yaw + turn, size)
        if at:
            stand(copied(prototype), at)
            if self.rng.random() < 0.2:
                self.look(np.array([at.x, at.y, 0.5]))

    def look(self, point: np.ndarray) -> None:
        """Have close views look at a point, from any side."""
        self.targets.append(Target(point, None, self.floor.room))

    def _put(self, thing, spot: Spot | None, filled: str) -> Piece | None:
        if spot is None:
            removed(thing)
            return None
        stand(thing, spot)
        self.pieces.append(Piece(thing, spot, filled, self.floor.room))
        return self.pieces[-1]


def copied(thing):
    """Another object of the same mesh."""
    copy = thing.copy()
    copy.hide_render = copy.hide_viewport = False
    bpy.context.scene.collection.objects.link(copy)
    return copy


def stand(thing, spot: Spot) -> None:
    """Put the middle of an object's footprint at a spot, its lowest point on the floor."""
    low, high = bounds(thing)
    middle, c, s = (low + high) / 2, np.cos(spot.yaw), np.sin(spot.yaw)
    x, y = spot.x - (c * middle[0] - s * middle[1]), spot.y - (s * middle[0] + c * middle[1])
    moved(thing, x, y, -low[2], spot.yaw)
