"""Shelves, cabinets and kitchen units of real sizes; axes as in furniture.py."""

from __future__ import annotations

import numpy as np

from photoreal import pictures
from photoreal.blender.materials import Palette, plain, printed
from photoreal.blender.meshes import box, joined

Rng = np.random.Generator


def bookcase(rng: Rng, palette: Palette):
    """Boards between sides; 0.25 to 0.38 m deep, 0.8 to 2.1 m high."""
    w, d, h = rng.uniform(0.6, 1.3), rng.uniform(0.25, 0.38), rng.uniform(0.8, 2.1)
    m, t = palette.body(), 0.02
    rows = max(2, round(h / rng.uniform(0.3, 0.42)))
    parts = [box("side", (-d / 2, y - t / 2, 0), (d / 2, y + t / 2, h), m) for y in (-w / 2 + t / 2, w / 2 - t / 2)]
    parts += [
        box("board", (-d / 2, -w / 2 + t, z), (d / 2, w / 2 - t, z + t), m) for z in np.linspace(0.05, h - t, rows + 1)
    ]
    if rng.random() < 0.75:
        parts.append(box("back", (-d / 2, -w / 2 + t, 0.05), (-d / 2 + 0.006, w / 2 - t, h), m))
    return joined("bookcase", parts)


def metal_rack(rng: Rng, palette: Palette):
    """Open shelves of a store room."""
    w, d, h, m = rng.uniform(0.8, 1.4), rng.uniform(0.35, 0.5), rng.uniform(1.5, 2.1), palette.metal()
    posts = [box("post", (x - 0.015, y - 0.015, 0), (x + 0.015, y + 0.015, h), m)
             for x in (-d / 2 + 0.015, d / 2 - 0.015) for y in (-w / 2 + 0.015, w / 2 - 0.015)]  # fmt: skip
    boards = [box("board", (-d / 2, -w / 2, z), (d / 2, w / 2, z + 0.03), m)
              for z in np.linspace(0.1, h - 0.05, int(rng.integers(3, 6)))]  # fmt: skip
    return joined("rack", posts + boards)


def fronts(w: float, d: float, h: float, rows: int, columns: int, body, handle) -> list:
    """A carcass with a grid of drawers or doors on its +x side."""
    parts = [box("carcass", (-d / 2, -w / 2, 0.06), (d / 2 - 0.018, w / 2, h), body)]
    parts.append(box("plinth", (-d / 2 + 0.02, -w / 2 + 0.02, 0), (d / 2 - 0.06, w / 2 - 0.02, 0.06), body))
    for i in range(rows):
        for j in range(columns):
            z0, z1 = 0.06 + (h - 0.06) * i / rows + 0.002, 0.06 + (h - 0.06) * (i + 1) / rows - 0.002
            y0, y1 = -w / 2 + w * j / columns + 0.002, -w / 2 + w * (j + 1) / columns - 0.002
            parts.append(box("front", (d / 2 - 0.018, y0, z0), (d / 2, y1, z1), body))
            tall = z1 - z0 > y1 - y0
            y = (y1 - 0.05 if j % 2 == 0 else y0 + 0.05) if tall else (y0 + y1) / 2
            half = np.array([0.07, 0.006] if tall else [0.006, 0.06])
            z = (z0 + z1) / 2
            parts.append(
                box("handle", (d / 2, y - half[1], z - half[0]), (d / 2 + 0.022, y + half[1], z + half[0]), handle)
            )
    return parts


def cabinet(rng: Rng, palette: Palette):
    """A chest of drawers or a sideboard."""
    w, d, h = rng.uniform(0.6, 1.7), rng.uniform(0.38, 0.5), rng.uniform(0.6, 1.1)
    rows, columns = (int(rng.integers(2, 5)), 1) if w < 1.0 else (int(rng.integers(1, 4)), int(rng.integers(2, 4)))
    return joined("cabinet", fronts(w, d, h, rows, columns, palette.body(), palette.metal()))


def wardrobe(rng: Rng, palette: Palette):
    """1.85 to 2.2 m high."""
    w, d, h = rng.uniform(0.9, 2.0), rng.uniform(0.55, 0.62), rng.uniform(1.85, 2.2)
    return joined("wardrobe", fronts(w, d, h, 1, max(2, round(w / 0.5)), palette.body(), palette.metal()))


def nightstand(rng: Rng, palette: Palette):
    """Beside a bed."""
    w, d, h = rng.uniform(0.4, 0.5), rng.uniform(0.35, 0.42), rng.uniform(0.45, 0.6)
    return joined("nightstand", fronts(w, d, h, 2, 1, palette.body(), palette.metal()))


def kitchen(rng: Rng, palette: Palette):
    """Units of 0.6 m under a worktop at 0.88 to 0.92 m."""
    units, d, h = int(rng.integers(2, 5)), 0.6, rng.uniform(0.88, 0.92)
    parts = fronts(0.6 * units, d - 0.02, h - 0.04, int(rng.integers(1, 3)), units, palette.body(), palette.metal())
    top = box("top", (-d / 2, -0.3 * units, h - 0.04), (d / 2 + 0.01, 0.3 * units, h), palette.body())
    return joined("kitchen", [*parts, top])


def fridge(rng: Rng, palette: Palette):
    """1.4 to 1.9 m high, with a freezer below."""
    w, d, h = rng.uniform(0.55, 0.7), rng.uniform(0.6, 0.68), rng.uniform(1.4, 1.9)
    m = plain(rng, np.full(3, rng.choice([0.9, 0.85, 0.6, 0.15])), (0.2, 0.4))
    return joined("fridge", fronts(w, d, h, 2, 1, m, palette.metal()))


def television(rng: Rng, palette: Palette):
    """A television on a low cabinet."""
    w, d, h = rng.uniform(1.1, 1.8), rng.uniform(0.38, 0.48), rng.uniform(0.42, 0.6)
    t = rng.uniform(0.7, min(1.3, w))
    parts = fronts(w, d, h, 1, int(rng.integers(2, 4)), palette.body(), palette.metal())
    dark = plain(rng, np.full(3, 0.04), (0.2, 0.4))
    parts.append(box("case", (-0.03, -t / 2, h + 0.06), (0.02, t / 2, h + 0.06 + 0.57 * t), dark))
    face = printed(pictures.screen(rng), "yz", 0.12, float(rng.choice([0, 0, rng.uniform(0.5, 1.5)])))
    parts.append(box("face", (0.0195, -t / 2 + 0.012, h + 0.075), (0.021, t / 2 - 0.012, h + 0.045 + 0.57 * t), face))
    parts += [box("foot", (-0.1, y - 0.015, h), (0.12, y + 0.015, h + 0.065), dark) for y in (-t / 3, t / 3)]
    return joined("television", parts)
