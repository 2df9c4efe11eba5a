"""Where furniture stands: rectangles on a floor that never overlap. Nothing here knows Blender."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from photoreal.plan import Rect, RoomPlan

Rng = np.random.Generator
# Yaw of a piece whose back is at a wall and whose front looks into the room; a piece at yaw 0 looks along +x.
INWARD = {"west": 0.0, "south": np.pi / 2, "east": np.pi, "north": -np.pi / 2}
WALLS = tuple(INWARD)
_GAP_M = 0.02
_WALL_GAP_M = 0.025  # behind furniture, where pictures hang and skirting runs


@dataclass(frozen=True)
class Spot:
    """Where a piece stands: the middle of its footprint, its yaw (radians, counter-clockwise) and the rectangle that it
    takes.
    """

    x: float
    y: float
    yaw: float
    rect: Rect


class Floor:
    """One room's floor.

    Args:
        room: its plan; strips in front of doors and passages stay free, and tall pieces stay clear of windows.
    """

    def __init__(self, room: RoomPlan) -> None:
        self.room = room
        self.taken: list[Rect] = []
        self._kept = [self._before(hole, 0.9) for hole in room.holes if hole.kind != "window"]
        self._windows = [(self._before(hole, 0.3), hole.z0) for hole in room.holes if hole.kind == "window"]

    def _before(self, hole, reach: float) -> Rect:
        """The strip of floor in front of a hole."""
        f = self.room.floor
        if hole.wall == "south":
            return Rect(f.x0 + hole.a, f.y0, f.x0 + hole.b, f.y0 + reach)
        if hole.wall == "north":
            return Rect(f.x0 + hole.a, f.y1 - reach, f.x0 + hole.b, f.y1)
        if hole.wall == "west":
            return Rect(f.x0, f.y0 + hole.a, f.x0 + reach, f.y0 + hole.b)
        return Rect(f.x1 - reach, f.y0 + hole.a, f.x1, f.y0 + hole.b)

    def free(self, rect: Rect, height: float = 0.0, gap: float = _GAP_M) -> bool:
        """Whether a piece of this height may stand on a rectangle."""
        if not self.room.floor.contains(rect):
            return False
        if any(rect.overlaps(strip) for strip in self._kept):
            return False
        if any(rect.overlaps(strip) and height > sill for strip, sill in self._windows):
            return False
        return not any(rect.grown(gap).overlaps(other) for other in self.taken)

    def take(self, rect: Rect) -> None:
        """Note that something stands there."""
        self.taken.append(rect)

    def against_wall(
        self, rng: Rng, size: tuple[float, float, float], walls: tuple[str, ...] = WALLS, tries: int = 40
    ) -> Spot | None:
        """Place a piece with its back to a wall.

        Args:
            rng: random source.
            size: how far it reaches from the wall, how wide it is along it, and how high, metres.
            walls: those that may be used.
            tries: before giving up.

        Returns:
            Its spot, which is taken from now on; None where there is no room.
        """
        reach, width, height = size
        for _ in range(tries):
            wall = str(rng.choice(walls))
            room = self.room.length(wall) - width
            if room < 0:
                continue
            ends = [0.01, room - 0.01, rng.uniform(0, room)] if room > 0.02 else [0.0] * 3
            a = float(rng.choice(ends, p=[0.2, 0.2, 0.6]))
            rect = self._beside(wall, a, width, reach, _WALL_GAP_M)
            if self.free(rect, height):
                self.take(rect)
                return Spot((rect.x0 + rect.x1) / 2, (rect.y0 + rect.y1) / 2, INWARD[wall], rect)
        return None

    def _beside(self, wall: str, a: float, width: float, reach: float, gap: float) -> Rect:
        f = self.room.floor
        if wall == "south":
            return Rect(f.x0 + a, f.y0 + gap, f.x0 + a + width, f.y0 + gap + reach)
        if wall == "north":
            return Rect(f.x0 + a, f.y1 - gap - reach, f.x0 + a + width, f.y1 - gap)
        if wall == "west":
            return Rect(f.x0 + gap, f.y0 + a, f.x0 + gap + reach, f.y0 + a + width)
        return Rect(f.x1 - gap - reach, f.y0 + a, f.x1 - gap, f.y0 + a + width)

    def standing(
        self, rng: Rng, size: tuple[float, float, float], yaws: tuple[float, ...], margin: float = 0.0, tries: int = 40
    ) -> Spot | None:
        """Place a piece anywhere on the floor, `margin` metres from anything else; as `against_wall`."""
        for _ in range(tries):
            yaw = float(rng.choice(yaws))
            w, d = footprint(size[0], size[1], yaw)
            f = self.room.floor
            if f.width - w < 0.05 or f.depth - d < 0.05:
                continue
            x, y = rng.uniform(f.x0 + w / 2, f.x1 - w / 2), rng.uniform(f.y0 + d / 2, f.y1 - d / 2)
            spot = self.at(float(x), float(y), yaw, size, margin)
            if spot:
                return spot
        return None

    def at(
        self, x: float, y: float, yaw: float, size: tuple[float, float, float], margin: float = _GAP_M
    ) -> Spot | None:
        """Place a piece there, if it is free."""
        w, d = footprint(size[0], size[1], yaw)
        rect = Rect(x - w / 2, y - d / 2, x + w / 2, y + d / 2)
        if not self.free(rect, size[2], max(margin, _GAP_M)):
            return None
        self.take(rect)
        return Spot(x, y, yaw, rect)


def footprint(w: float, d: float, yaw: float) -> tuple[float, float]:
    """Extent along x and y of a turned rectangle."""
    c, s = abs(np.cos(yaw)), abs(np.sin(yaw))
    return float(c * w + s * d), float(s * w + c * d)
