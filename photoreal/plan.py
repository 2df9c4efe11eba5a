"""A flat as numbers: rooms, the holes in their walls, and what kind each is. Nothing here knows Blender.

World axes: x east, y north, z up, metres; the floor is z = 0. Every room is an axis-aligned rectangle with walls of its
own, `WALL_M / 2` thick on the outside, so that two rooms side by side make a wall of `WALL_M` with two paints.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

Rng = np.random.Generator
WALL_M = 0.12
DOOR_HEIGHT_M = 2.0

# Width (east) and depth (north) of each kind of room, metres.
SIZES = {
    "office": ((3.0, 5.5), (3.0, 5.0)),
    "living_room": ((3.6, 6.5), (3.4, 5.5)),
    "bedroom": ((3.0, 4.8), (3.0, 4.5)),
    "dining_room": ((3.2, 5.0), (3.0, 4.8)),
    "kitchen": ((2.6, 4.5), (2.6, 4.2)),
    "study": ((2.6, 4.2), (2.6, 4.2)),
    "classroom": ((6.0, 9.0), (5.0, 8.0)),
    "workshop": ((7.0, 12.0), (6.0, 10.0)),
}
SHARES = {
    "office": 0.26, "living_room": 0.18, "bedroom": 0.10, "dining_room": 0.08,
    "kitchen": 0.10, "study": 0.12, "classroom": 0.06, "workshop": 0.10,
}  # fmt: skip
ALONE = ("classroom", "workshop")  # without a corridor and a room beyond it


@dataclass(frozen=True)
class Rect:
    """An axis-aligned rectangle on the floor, metres."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        """Extent along x."""
        return self.x1 - self.x0

    @property
    def depth(self) -> float:
        """Extent along y."""
        return self.y1 - self.y0

    def overlaps(self, other: Rect) -> bool:
        """Whether the insides meet."""
        return self.x0 < other.x1 and other.x0 < self.x1 and self.y0 < other.y1 and other.y0 < self.y1

    def contains(self, other: Rect) -> bool:
        """Whether the other lies inside, to a micrometre."""
        inside_x = self.x0 - 1e-6 <= other.x0 and other.x1 <= self.x1 + 1e-6
        return inside_x and self.y0 - 1e-6 <= other.y0 and other.y1 <= self.y1 + 1e-6

    def grown(self, margin: float) -> Rect:
        """Larger by a margin on every side."""
        return Rect(self.x0 - margin, self.y0 - margin, self.x1 + margin, self.y1 + margin)


@dataclass(frozen=True)
class Hole:
    """A hole in a wall.

    Attributes:
        kind: 'door' (with a leaf), 'passage' (without one) or 'window'.
        wall: 'south', 'north', 'west' or 'east'.
        a, b: where it begins and ends, metres from the wall's western or southern end.
        z0, z1: its height above the floor, metres.
    """

    kind: str
    wall: str
    a: float
    b: float
    z0: float
    z1: float


@dataclass(frozen=True)
class RoomPlan:
    """One room: its kind, its floor and the holes in its walls."""

    kind: str
    floor: Rect
    holes: tuple[Hole, ...] = field(default=())

    def length(self, wall: str) -> float:
        """Of a wall, metres."""
        return self.floor.width if wall in ("south", "north") else self.floor.depth

    def wall_point(self, wall: str, a: float, n: float) -> tuple[float, float]:
        """(x, y) of a point `a` along a wall and `n` into the room from it, metres."""
        f = self.floor
        return {
            "south": (f.x0 + a, f.y0 + n), "north": (f.x0 + a, f.y1 - n),
            "west": (f.x0 + n, f.y0 + a), "east": (f.x1 - n, f.y0 + a),
        }[wall]  # fmt: skip

    def with_hole(self, hole: Hole) -> RoomPlan:
        """The same room with one hole more."""
        return replace(self, holes=(*self.holes, hole))

    def free(self, hole: Hole, gap: float = 0.15) -> bool:
        """Whether a hole lies inside its wall and clear of the others."""
        if hole.a < gap or hole.b > self.length(hole.wall) - gap:
            return False
        others = (other for other in self.holes if other.wall == hole.wall)
        return all(hole.b + gap <= other.a or other.b + gap <= hole.a for other in others)


@dataclass(frozen=True)
class Plan:
    """Rooms that share a height, metres; the first is the one that most views are of."""

    rooms: tuple[RoomPlan, ...]
    height: float


def sample_plan(rng: Rng) -> Plan:
    """A large room alone, or two rooms on either side of a corridor."""
    kinds = list(SHARES)
    kind = str(rng.choice(kinds, p=[SHARES[k] for k in kinds]))
    if kind in ALONE:
        room = _room(rng, kind, 0.0)
        room = _windows(rng, room, ("south", "east", "north", "west"), 3)
        return Plan((_door(rng, room, "north"),), float(rng.uniform(2.8, 4.2)))
    height = float(rng.uniform(2.4, 3.0))
    first = _room(rng, kind, 0.0)
    width = max(first.floor.width, 3.0)
    y = first.floor.y1 + WALL_M
    corridor = RoomPlan("corridor", Rect(0.0, y, width, y + float(rng.uniform(1.1, 1.9))))
    other = str(rng.choice([k for k in kinds if k not in ALONE]))
    y = corridor.floor.y1 + WALL_M
    second = RoomPlan(other, Rect(0.0, y, width, y + float(rng.uniform(*SIZES[other][1]))))
    first = RoomPlan(kind, Rect(0.0, 0.0, width, first.floor.depth))
    first, corridor = _joined(rng, first, corridor)
    corridor, second = _joined(rng, corridor, second)
    first = _windows(rng, first, ("south", "west", "east"), 2)
    second = _windows(rng, second, ("north", "east", "west"), 2)
    corridor = _windows(rng, corridor, ("east", "west"), 1)
    return Plan((first, corridor, second), height)


def _room(rng: Rng, kind: str, y: float) -> RoomPlan:
    (w0, w1), (d0, d1) = SIZES[kind]
    return RoomPlan(kind, Rect(0.0, y, float(rng.uniform(w0, w1)), y + float(rng.uniform(d0, d1))))


def _joined(rng: Rng, south: RoomPlan, north: RoomPlan) -> tuple[RoomPlan, RoomPlan]:
    """The same hole on both sides of the wall between two rooms of one width."""
    wide = rng.random() < 0.25
    width = float(rng.uniform(1.2, 1.8) if wide else rng.uniform(0.75, 0.95))
    a = float(rng.uniform(0.2, south.floor.width - width - 0.2))
    top = float(rng.uniform(2.0, 2.2)) if wide else DOOR_HEIGHT_M
    hole = Hole("passage" if wide else "door", "north", a, a + width, 0.0, top)
    return south.with_hole(hole), north.with_hole(replace(hole, wall="south", kind="passage"))


def _door(rng: Rng, room: RoomPlan, wall: str) -> RoomPlan:
    """A closed door where there is room for one."""
    for _ in range(20):
        a = float(rng.uniform(0.2, room.length(wall) - 1.2))
        hole = Hole("closed_door", wall, a, a + 0.9, 0.0, DOOR_HEIGHT_M)
        if room.free(hole):
            return room.with_hole(hole)
    return room


def _windows(rng: Rng, room: RoomPlan, walls: tuple[str, ...], most: int) -> RoomPlan:
    """Up to `most` windows, rarely none."""
    for _ in range(int(rng.integers(0 if rng.random() < 0.3 else 1, most + 1))):
        wall = str(rng.choice(walls))
        length = room.length(wall)
        width = float(rng.uniform(0.7, min(2.6, max(0.75, 0.7 * length))))
        if width + 0.4 > length:
            continue
        low = float(rng.choice([0.05, rng.uniform(0.7, 1.0)], p=[0.2, 0.8]))
        a = float(rng.uniform(0.2, length - width - 0.2))
        hole = Hole("window", wall, a, a + width, low, float(rng.uniform(1.95, 2.25)))
        if room.free(hole):
            room = room.with_hole(hole)
    return room


def panels(
    length: float, height: float, holes: tuple[Hole, ...], ends: float
) -> list[tuple[float, float, float, float]]:
    """The parts of a wall around its holes: (a0, a1, z0, z1), metres, none of which overlap.

    Args:
        length: of the wall.
        height: of the wall.
        holes: those in it, which do not overlap.
        ends: how far it goes on beyond either end.
    """
    parts, a = [], -ends
    for hole in sorted(holes, key=lambda hole: hole.a):
        parts.append((a, hole.a, 0.0, height))
        parts.append((hole.a, hole.b, 0.0, hole.z0))
        parts.append((hole.a, hole.b, hole.z1, height))
        a = hole.b
    parts.append((a, length + ends, 0.0, height))
    return [part for part in parts if part[1] - part[0] > 1e-6 and part[3] - part[2] > 1e-6]
