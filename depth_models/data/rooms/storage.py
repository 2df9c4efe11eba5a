"""Shelves, cabinets and what a television stands on; frame and units as in furniture.py."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from depth_models.data.rooms.furniture import Piece, Top, drawer_front
from depth_models.data.rooms.materials import Materials
from depth_models.data.rooms.mesh import MeshBuilder

Rng = np.random.Generator


def shelf(rng: Rng, m: Materials) -> Piece:
    """A bookcase of boards, 0.25 to 0.4 m deep and 0.8 to 2.1 m high; its boards take books and clutter."""
    w, d, h = rng.uniform(0.6, 1.2), rng.uniform(0.25, 0.4), rng.uniform(0.8, 2.1)
    board, back, t = m.wood(), rng.random() < 0.7, 0.02
    rows = max(2, round(h / rng.uniform(0.3, 0.42)))
    step = (h - t) / rows

    def draw(b: MeshBuilder) -> None:
        for x in (-1, 1):
            b.box(x * (w / 2 - t / 2), 0, 0, t, d, h, board)
        for row in range(rows + 1):
            b.box(0, 0, row * step, w - 2 * t, d, t, board)
        if back:
            b.box(0, d / 2 - 0.005, 0, w - 2 * t, 0.006, h, board)

    tops = [Top(0, -0.01, w - 2 * t - 0.02, d - 0.06, row * step + t, step - t - 0.02) for row in range(rows)]
    return Piece("shelf", (w, d, h), draw, [*tops, Top(0, 0, w - 0.04, d - 0.04, h, 0.4)])


# Ranges of width, depth and height; numbers of drawers, of fronts side by side.
_CABINETS = {
    "drawers": ((0.6, 1.1), (0.4, 0.5), (0.75, 1.15), (3, 5), (0, 0)),
    "nightstand": ((0.4, 0.5), (0.35, 0.42), (0.48, 0.6), (2, 2), (0, 0)),
    "sideboard": ((1.1, 1.8), (0.38, 0.48), (0.6, 0.85), (0, 0), (2, 4)),
    "wardrobe": ((0.9, 1.8), (0.55, 0.62), (1.85, 2.15), (0, 0), (2, 3)),
}


def cabinet(rng: Rng, m: Materials, kind: str) -> Piece:
    """`drawers` (a chest), `nightstand`, `sideboard` or `wardrobe`."""
    *ranges, drawers, doors = _CABINETS[kind]
    w, d, h = (rng.uniform(*r) for r in ranges)
    rows, fronts = int(rng.integers(drawers[0], drawers[1] + 1)), int(rng.integers(doors[0], doors[1] + 1))
    body, handle = m.wood(), m.metal()

    def draw(b: MeshBuilder) -> None:
        if rows:
            drawer_front(b, w, d - 0.04, 0.06, h - 0.06, body, handle, rows)
            b.box(0, 0, 0, w - 0.04, d - 0.08, 0.06, body)
        else:
            _doors(b, (w, d, h), fronts, [0.08, h], body, handle)

    return Piece(kind, (w, d, h), draw, [Top(0, 0, w - 0.06, d - 0.08, h, 0.4)])


def kitchen(rng: Rng, m: Materials) -> Piece:
    """Kitchen units of 0.6 m with a worktop at 0.88 to 0.92 m."""
    units, h, slab = int(rng.integers(2, 5)), rng.uniform(0.88, 0.92), 0.04
    w, d = 0.6 * units, 0.6
    body, handle = m.wood(), m.metal()
    worktop = m.add(m.choose("speckle", "marble", "wood"), [m.pick(["#b9b2a6", "#6c6a68", "#c8a06a"])], 0.8, 0.03)

    def draw(b: MeshBuilder) -> None:
        _doors(b, (w, d, h - slab), units, [0.08, h - slab], body, handle)
        b.box(0, -0.01, h - slab, w, d + 0.02, slab, worktop)

    return Piece("kitchen", (w, d, h), draw, [Top(0, 0, w - 0.06, d - 0.08, h, 0.4)])


def fridge(rng: Rng, m: Materials) -> Piece:
    """A refrigerator with a freezer's door above, 1.5 to 1.85 m high."""
    w, d, h = rng.uniform(0.55, 0.7), rng.uniform(0.6, 0.68), rng.uniform(1.5, 1.85)
    body, handle = m.add("plain", [m.pick(["#f2f2f0", "#c9cacc", "#3a3b3d"])], 1, 0.04), m.metal()

    def draw(b: MeshBuilder) -> None:
        _doors(b, (w, d, h), 1, [0.08, 0.08 + (h - 0.08) * 0.62, h], body, handle)

    return Piece("fridge", (w, d, h), draw, [Top(0, 0, w - 0.06, d - 0.08, h, 0.4)])


def _doors(b: MeshBuilder, size, fronts: int, splits: list[float], body: int, handle: int) -> None:
    """A carcass on a plinth, with doors side by side between the heights in `splits`, and their handles."""
    w, d, h = size
    each = w / fronts
    b.box(0, 0.015, 0.08, w, d - 0.03, h - 0.08, body)
    b.box(0, 0.03, 0, w - 0.02, d - 0.1, 0.08, handle)
    for k in range(fronts):
        x = (k + 0.5 - fronts / 2) * each
        grip = x + (1 if k % 2 == 0 else -1) * (each / 2 - 0.05)
        for low, high in pairwise(splits):
            b.box(x, -d / 2 + 0.008, low + 0.003, each - 0.006, 0.016, high - low - 0.006, body)
            b.box(grip, -d / 2 - 0.015, (low + high) / 2 - 0.07, 0.014, 0.03, 0.14, handle)


def tv_stand(rng: Rng, m: Materials) -> Piece:
    """A low cabinet with a television, 0.7 to 1.3 m wide, off or showing something."""
    w, d = rng.uniform(1.1, 1.8), rng.uniform(0.38, 0.48)
    h, tv_w = rng.uniform(0.42, 0.6), rng.uniform(0.7, min(1.3, w))
    glass, case = m.picture() if rng.random() < 0.3 else m.black_glass(False), m.metal()
    body = m.wood()

    def draw(b: MeshBuilder) -> None:
        b.box(0, 0, 0, w, d, h, body)
        b.box(0, -d / 2 - 0.005, 0.05, w / 2 - 0.01, 0.01, h - 0.08, case)
        b.box(0, 0.02, h, tv_w * 0.4, 0.2, 0.015, case)
        b.box(0, 0.04, h, 0.06, 0.04, 0.08, case)
        b.box(0, 0.03, h + 0.06, tv_w, 0.05, tv_w * 0.58, case)
        b.quad([-tv_w / 2 + 0.012, 0.004, h + 0.075], [tv_w - 0.024, 0, 0], [0, 0, tv_w * 0.58 - 0.03], glass, True)

    return Piece("tv_stand", (w, d, h + 0.06 + tv_w * 0.58), draw)
