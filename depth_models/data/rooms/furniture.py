"""Furniture made of parts with real sizes, metres.

Each function draws its sizes and returns a `Piece`. Local frame: x to the piece's right hand as one looks at its
front, the front faces -y, its back is at +y, z is up, the origin is on the floor at the middle of the footprint.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from depth_models.data.rooms.materials import Materials
from depth_models.data.rooms.mesh import MeshBuilder


@dataclass(frozen=True)
class Top:
    """A surface for clutter: its middle, width, depth and height in the piece's frame, and the room above it."""

    x: float
    y: float
    w: float
    d: float
    z: float
    headroom: float = 0.5


@dataclass(frozen=True)
class Piece:
    """A piece of furniture: kind, outer size (w, d, h), how to draw it, and where clutter may stand."""

    kind: str
    size: tuple[float, float, float]
    draw: Callable[[MeshBuilder], None]
    tops: list[Top] = field(default_factory=list)


Rng = np.random.Generator


def _legs(b: MeshBuilder, w: float, d: float, h: float, thick: float, material: int, round_: bool, inset=0.03) -> None:
    for x in (-1, 1):
        for y in (-1, 1):
            cx, cy = x * (w / 2 - thick / 2 - inset), y * (d / 2 - thick / 2 - inset)
            if round_:
                b.lathe(cx, cy, 0, [(thick * 0.35, 0), (thick / 2, h)], material, 8)
            else:
                b.box(cx, cy, 0, thick, thick, h, material)


# Ranges of width, depth and height.
_TABLES = {
    "table": ((1.2, 2.0), (0.75, 0.95), (0.72, 0.76)),
    "coffee_table": ((0.8, 1.2), (0.5, 0.7), (0.38, 0.48)),
    "desk": ((1.1, 1.7), (0.6, 0.8), (0.72, 0.75)),
}


def table(rng: Rng, m: Materials, kind: str) -> Piece:
    """`table` to dine at, `coffee_table`, or `desk`, which may have drawers; a fifth of the tables are round."""
    w, d, h = (rng.uniform(*r) for r in _TABLES[kind])
    top, leg, handle = m.wood(), m.wood() if rng.random() < 0.5 else m.metal(), m.metal()
    thick, leg_thick, round_ = rng.uniform(0.02, 0.045), rng.uniform(0.04, 0.08), rng.random() < 0.4
    apron, drawers = rng.random() < 0.6, kind == "desk" and rng.random() < 0.6
    if kind != "desk" and rng.random() < 0.2:
        return _round_table(kind, min(w, 1.25), h, thick, top, leg)

    def draw(b: MeshBuilder) -> None:
        b.box(0, 0, h - thick, w, d, thick, top)
        _legs(b, w, d, h - thick, leg_thick, leg, round_)
        if apron:
            for side in (-1, 1):
                b.box(0, side * (d / 2 - 0.07), h - thick - 0.08, w - 0.16, 0.02, 0.08, top)
                b.box(side * (w / 2 - 0.07), 0, h - thick - 0.08, 0.02, d - 0.16, 0.08, top)
        if drawers:
            with b.placed(w / 2 - 0.27, 0.02):
                drawer_front(b, 0.4, d - 0.12, 0.04, h - thick - 0.05, top, handle, 3)

    return Piece(kind, (w, d, h), draw, [Top(0, 0, w - 0.04, d - 0.04, h, 0.6)])


def _round_table(kind: str, w: float, h: float, thick: float, top: int, leg: int) -> Piece:
    def draw(b: MeshBuilder) -> None:
        b.cylinder(0, 0, h - thick, w / 2, thick, top, 24)
        b.lathe(0, 0, h - thick, [(0, 0), (w / 2, 0)], top, 24)
        b.lathe(0, 0, 0, [(w * 0.28, 0), (w * 0.26, 0.03), (0.05, 0.08), (0.04, h - thick)], leg, 12)

    return Piece(kind, (w, w, h), draw, [Top(0, 0, w * 0.7, w * 0.7, h, 0.6)])


def drawer_front(b, w, d, z, h, material, handle, rows: int) -> None:
    """A carcass with `rows` drawers and a handle on each."""
    b.box(0, 0, z, w, d, h, material)
    each = h / rows
    for row in range(rows):
        b.box(0, -d / 2 - 0.009, z + row * each + 0.004, w - 0.008, 0.018, each - 0.008, material)
        b.box(0, -d / 2 - 0.03, z + (row + 0.6) * each, min(0.14, w * 0.4), 0.02, 0.012, handle)


def chair(rng: Rng, m: Materials) -> Piece:
    """A chair with its seat at 0.43 to 0.47 m and its back to 0.8 to 1.0 m."""
    w, d, seat, h = rng.uniform(0.4, 0.48), rng.uniform(0.42, 0.5), rng.uniform(0.43, 0.47), rng.uniform(0.8, 1.0)
    frame, pad = (m.wood() if rng.random() < 0.7 else m.metal()), m.cloth()
    style, thick = rng.integers(3), rng.uniform(0.028, 0.045)

    def draw(b: MeshBuilder) -> None:
        b.box(0, 0, seat - 0.035, w, d, 0.035, frame)
        _legs(b, w, d, seat - 0.035, thick, frame, style == 1, 0.005)
        for x in (-1, 1):
            b.box(x * (w / 2 - thick / 2), d / 2 - thick / 2, seat, thick, thick, h - seat, frame)
        if style == 0:  # slats
            for z in np.linspace(seat + 0.18, h - 0.07, 3):
                b.box(0, d / 2 - 0.015, z, w - 2 * thick, 0.018, 0.06, frame)
        elif style == 1:
            b.cushion(0, 0, seat - 0.01, w * 0.96, d * 0.94, 0.06, pad, 5)
            b.box(0, d / 2 - 0.025, seat + 0.2, w - 2 * thick, 0.04, h - seat - 0.22, pad)
        else:
            b.box(0, d / 2 - 0.015, seat + 0.06, w - 2 * thick, 0.015, h - seat - 0.06, frame)

    return Piece("chair", (w, d, h), draw, [Top(0, 0, w * 0.8, d * 0.8, seat, 0.3)])


def office_chair(rng: Rng, m: Materials) -> Piece:
    """A swivel chair on five feet, seat at 0.44 to 0.5 m."""
    seat, h, cloth, metal = rng.uniform(0.44, 0.5), rng.uniform(0.9, 1.1), m.cloth(), m.metal()
    arms = rng.random() < 0.6

    def draw(b: MeshBuilder) -> None:
        for k in range(5):
            a = 2 * np.pi * k / 5
            foot = [0.3 * np.cos(a), 0.3 * np.sin(a)]
            b.tube([*foot, 0.07], [0, 0, 0.12], 0.02, metal)
            b.ellipsoid(foot[0], foot[1], 0, 0.06, 0.06, 0.06, metal, 8)
        b.lathe(0, 0, 0.08, [(0.03, 0), (0.025, seat - 0.12)], metal, 8)
        b.cushion(0, 0, seat - 0.07, 0.48, 0.48, 0.08, cloth)
        b.box(0, 0.23, seat - 0.03, 0.06, 0.02, 0.25, metal)
        b.cushion(0, 0.24, seat + 0.1, 0.44, 0.08, h - seat - 0.1, cloth)
        for x in (-0.26, 0.26) if arms else ():
            b.box(x, 0.05, seat - 0.02, 0.03, 0.03, 0.2, metal)
            b.box(x, 0, seat + 0.18, 0.05, 0.26, 0.03, metal)

    return Piece("office_chair", (0.62, 0.62, h), draw)


def sofa(rng: Rng, m: Materials, seats: int | None = None) -> Piece:
    """A sofa or armchair, seat at 0.40 to 0.46 m, 0.8 to 0.95 m deep."""
    seats = int(rng.integers(1, 4)) if seats is None else seats
    arm, d, h = rng.uniform(0.12, 0.22), rng.uniform(0.8, 0.95), rng.uniform(0.75, 0.9)
    each, seat = rng.uniform(0.56, 0.7), rng.uniform(0.4, 0.46)
    w, cloth, pillow = seats * each + 2 * arm, m.cloth(), m.cloth()
    leg, back, arm_h = m.wood(), rng.uniform(0.18, 0.26), rng.uniform(0.54, 0.64)
    pillows = rng.random(seats) < 0.5

    def draw(b: MeshBuilder) -> None:
        _legs(b, w, d, 0.08, 0.05, leg, False, 0.04)
        b.box(0, 0, 0.08, w - 0.02, d - 0.02, seat - 0.2, cloth)
        b.cushion(0, d / 2 - back / 2, 0.1, w, back, h - 0.1, cloth, 8)
        for side in (-1, 1):
            b.cushion(side * (w / 2 - arm / 2), 0, 0.08, arm, d, arm_h - 0.08, cloth)
        for k in range(seats):
            x = (k + 0.5 - seats / 2) * each
            b.cushion(x, -back / 2, seat - 0.17, each * 1.02, d - back, 0.18, cloth, 8)
            b.cushion(x, d / 2 - back - 0.07, seat - 0.02, each * 0.98, 0.17, h - seat - 0.02, cloth, 5)
            if pillows[k]:
                b.cushion(x + 0.1, d / 2 - back - 0.2, seat, 0.4, 0.16, min(0.38, h - seat), pillow, 2.5)

    return Piece("sofa", (w, d, h), draw, [Top(0, -0.1, w - 2 * arm - 0.1, d * 0.4, seat, 0.5)])


def bed(rng: Rng, m: Materials) -> Piece:
    """A bed, 0.9 to 1.8 m wide and about 2.0 m long, mattress top at 0.45 to 0.6 m; the head is at the back."""
    w, d, h = rng.choice([0.9, 1.2, 1.4, 1.6, 1.8]), rng.uniform(1.98, 2.1), rng.uniform(0.45, 0.6)
    frame, sheet, cover, pillow = m.wood(), m.cloth(), m.cloth(), m.cloth()
    head, folded = rng.uniform(0.8, 1.15), rng.uniform(0.2, 0.6)

    def draw(b: MeshBuilder) -> None:
        b.box(0, 0, 0.06, w, d, h - 0.3, frame)
        _legs(b, w, d, 0.06, 0.06, frame, False)
        b.box(0, d / 2 - 0.03, 0, w + 0.04, 0.05, head, frame)
        b.cushion(0, -0.03, h - 0.25, w, d - 0.08, 0.25, sheet, 12)
        b.cushion(0, -0.03 - folded / 2, h - 0.2, w + 0.06, d - 0.04 - folded, 0.24, cover, 10)
        for x in (0.0,) if w < 1.3 else (-w / 4, w / 4):
            b.cushion(x, d / 2 - 0.33, h - 0.02, min(0.7, w / 2 * 0.95) if w >= 1.3 else 0.65, 0.42, 0.15, pillow, 2.5)

    return Piece("bed", (w, d, max(head, h)), draw, [Top(0, -0.4, w * 0.7, d * 0.4, h + 0.04, 0.5)])


def floor_lamp(rng: Rng, m: Materials) -> Piece:
    """A standing lamp with a shade, 1.4 to 1.7 m high."""
    h, r, metal = rng.uniform(1.4, 1.7), rng.uniform(0.15, 0.22), m.metal()
    shade = m.add(
        "fabric", [m.pick(["#f2ead8", "#e0c8a0"])], 0.3, 0, np.array([1.0, 0.85, 0.6]) * rng.choice([0.0, 1.5])
    )

    def draw(b: MeshBuilder) -> None:
        b.cylinder(0, 0, 0, 0.14, 0.025, metal, 14)
        b.lathe(0, 0, 0, [(0.012, 0), (0.012, h - 0.1)], metal, 6)
        b.lathe(0, 0, h - 0.28, [(r, 0), (r * 0.75, 0.28)], shade, 16)
        b.lathe(0, 0, h - 0.02, [(r * 0.75, 0), (0, 0)], shade, 16)

    return Piece("floor_lamp", (2 * r, 2 * r, h), draw)


def plant(rng: Rng, m: Materials) -> Piece:
    """A pot with long arched leaves, 0.6 to 1.5 m high."""
    h, pot_r = rng.uniform(0.6, 1.5), rng.uniform(0.12, 0.2)
    pot, leaf = m.plastic(), m.add("wood", [m.pick(["#3f6b35", "#56803f", "#2e4f2c"]), m.pick(["#7c9c55"])], 0.3)
    leaves = [
        (rng.uniform(0, 2 * np.pi), rng.uniform(0.4, 1), rng.uniform(0.15, 0.45), rng.uniform(0.03, 0.07))
        for _ in range(int(rng.integers(14, 30)))
    ]

    def draw(b: MeshBuilder) -> None:
        b.lathe(0, 0, 0, [(0, 0.001), (pot_r * 0.7, 0.001), (pot_r, 0.3), (pot_r * 0.9, 0.3), (0, 0.27)], pot, 14)
        t = np.linspace(0, 1, 5)
        for angle, tall, reach, width in leaves:
            out, side = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
            spine = np.stack([0.04 + reach * t**1.5, 0.27 + (h - 0.27) * tall * (t - 0.35 * t**3) / 0.65], axis=1)
            breadth = width * np.sin(np.pi * (0.12 + 0.86 * t))[:, None] / 2
            left, right = (spine[:, :1] * out + s * breadth * side for s in (1, -1))
            edge = np.stack([np.concatenate([e, spine[:, 1:]], axis=1) for e in (left, right)], axis=1)
            b.grid(edge, leaf)
            b.grid(edge[:, ::-1] - [0, 0, 0.002], leaf)

    return Piece("plant", (0.5, 0.5, h), draw)
