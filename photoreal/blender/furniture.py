"""Tables, seats and beds of real sizes; each looks along +x, stands on z = 0 and is centred in x and y."""

from __future__ import annotations

import numpy as np

from photoreal.blender.cases import fronts
from photoreal.blender.materials import Palette, plain
from photoreal.blender.meshes import bevelled_box, box, joined, lathe, moved, tube

Rng = np.random.Generator


def _legs(w: float, d: float, h: float, t: float, material) -> list:
    """Four legs under a top that is w along y and d along x."""
    return [
        box("leg", (x - t / 2, y - t / 2, 0), (x + t / 2, y + t / 2, h), material)
        for x in (-d / 2 + t, d / 2 - t)
        for y in (-w / 2 + t, w / 2 - t)
    ]


def desk(rng: Rng, palette: Palette):
    """A desk, 0.72 to 0.76 m high, with legs or drawers; one sits at +x."""
    w, d, h = rng.uniform(1.1, 1.8), rng.uniform(0.6, 0.85), rng.uniform(0.72, 0.76)
    m = palette.body()
    parts = [box("top", (-d / 2, -w / 2, h - 0.028), (d / 2, w / 2, h), m)]
    if rng.random() < 0.5:
        t = palette.metal()
        for y in (-w / 2 + 0.06, w / 2 - 0.06):
            parts.append(box("foot", (-d / 2 + 0.03, y - 0.025, 0), (d / 2 - 0.03, y + 0.025, 0.03), t))
            parts.append(box("post", (-0.04, y - 0.02, 0.03), (0.04, y + 0.02, h - 0.028), t))
        parts.append(box("beam", (-0.02, -w / 2 + 0.06, h - 0.09), (0.02, w / 2 - 0.06, h - 0.05), t))
    else:
        parts += _legs(w, d, h - 0.028, 0.05, m)
    if rng.random() < 0.6:
        side = rng.choice([-1, 1]) * (w / 2 - 0.26)
        parts += [moved(part, 0, side, 0) for part in fronts(0.42, d - 0.12, h - 0.04, 3, 1, m, palette.metal())]
    return joined("desk", parts)


def table(rng: Rng, palette: Palette):
    """A dining table."""
    w, d, h = rng.uniform(1.1, 2.0), rng.uniform(0.75, 1.0), rng.uniform(0.72, 0.77)
    m = palette.body()
    parts = [box("top", (-d / 2, -w / 2, h - 0.03), (d / 2, w / 2, h), m), *_legs(w, d, h - 0.03, 0.06, m)]
    parts += [box("apron", (x - 0.01, -w / 2 + 0.08, h - 0.11), (x + 0.01, w / 2 - 0.08, h - 0.03), m)
              for x in (-d / 2 + 0.07, d / 2 - 0.07)]  # fmt: skip
    return joined("table", parts)


def round_table(rng: Rng, palette: Palette):
    """A round table on one foot."""
    r, h, m = rng.uniform(0.4, 0.6), rng.uniform(0.7, 0.76), palette.body()
    t = palette.metal()
    foot = lathe("foot", [(0, 0), (r * 0.6, 0), (r * 0.6, 0.02), (0.04, 0.03), (0.035, h - 0.02)], t)
    return joined("round table", [lathe("top", [(0, h - 0.025), (r, h - 0.025), (r, h), (0, h)], m, 48), foot])


def coffee_table(rng: Rng, palette: Palette):
    """A low table, 0.35 to 0.48 m high, some with a board below."""
    w, d, h = rng.uniform(0.8, 1.2), rng.uniform(0.45, 0.7), rng.uniform(0.35, 0.48)
    m = palette.body()
    parts = [box("top", (-d / 2, -w / 2, h - 0.03), (d / 2, w / 2, h), m), *_legs(w, d, h - 0.03, 0.05, m)]
    if rng.random() < 0.5:
        parts.append(box("board", (-d / 2 + 0.03, -w / 2 + 0.03, 0.12), (d / 2 - 0.03, w / 2 - 0.03, 0.14), m))
    return joined("coffee table", parts)


def chair(rng: Rng, palette: Palette):
    """A wooden or metal chair; seat at 0.43 to 0.47 m, its back towards -x."""
    w, d, seat, h = rng.uniform(0.4, 0.47), rng.uniform(0.4, 0.47), rng.uniform(0.43, 0.47), rng.uniform(0.78, 1.0)
    m = palette.body() if rng.random() < 0.6 else palette.metal()
    s = m if rng.random() < 0.5 else palette.cloth()
    t = rng.uniform(0.02, 0.04)
    parts = [moved(bevelled_box("seat", (d, w, 0.035), 0.012, s), 0, 0, seat - 0.035), *_legs(w, d, seat - 0.03, t, m)]
    posts = [box("post", (-d / 2 + t / 2, y - t / 2, seat - 0.01), (-d / 2 + 1.5 * t, y + t / 2, h), m)
             for y in (-w / 2 + t, w / 2 - t)]  # fmt: skip
    if rng.random() < 0.5:
        parts.append(box("back", (-d / 2 + t * 0.6, -w / 2 + t, seat + 0.14), (-d / 2 + t * 1.3, w / 2 - t, h), s))
    else:
        parts += [box("slat", (-d / 2 + t * 0.6, -w / 2 + t, z), (-d / 2 + t * 1.3, w / 2 - t, z + 0.06), m)
                  for z in np.linspace(seat + 0.12, h - 0.07, 3)]  # fmt: skip
    return joined("chair", parts + posts)


def office_chair(rng: Rng, palette: Palette):
    """A swivel chair on five castors."""
    m, s = plain(rng, np.full(3, rng.uniform(0.02, 0.2))), palette.cloth()
    seat, parts = rng.uniform(0.44, 0.52), []
    for k in range(5):
        a = 2 * np.pi * k / 5
        c, n = np.cos(a), np.sin(a)
        parts.append(tube("leg", np.array([[0.03 * c, 0.03 * n, 0.13], [0.3 * c, 0.3 * n, 0.075]]), 0.018, m))
        ball = lathe("castor", [(0, 0), (0.022, 0.008), (0.028, 0.03), (0.022, 0.052), (0, 0.06)], m, 12)
        parts.append(moved(ball, 0.3 * c, 0.3 * n, 0))
    parts.append(tube("post", np.array([[0, 0, 0.08], [0, 0, seat - 0.05]]), 0.026, m))
    parts.append(moved(bevelled_box("seat", (0.47, 0.48, 0.08), 0.035, s), 0, 0, seat - 0.06))
    parts.append(tube("arm", np.array([[-0.15, 0, seat - 0.03], [-0.26, 0, seat], [-0.27, 0, seat + 0.3]]), 0.02, m))
    high = rng.uniform(0.35, 0.6)
    parts.append(moved(bevelled_box("back", (0.06, 0.44, high), 0.028, s), -0.25, 0, seat + 0.13))
    if rng.random() < 0.6:
        for y in (-0.27, 0.27):
            path = np.array([[0, y * 0.8, seat - 0.03], [0, y, seat], [-0.02, y, seat + 0.2]])
            parts.append(tube("arm", path, 0.014, m))
            parts.append(moved(bevelled_box("rest", (0.25, 0.06, 0.03), 0.012, m), 0, y, seat + 0.19))
    return joined("office chair", parts)


def sofa(rng: Rng, palette: Palette):
    """For one to three people."""
    seats, each, d, seat = (
        int(rng.integers(1, 4)),
        rng.uniform(0.6, 0.75),
        rng.uniform(0.8, 0.95),
        rng.uniform(0.4, 0.46),
    )
    m, arm = palette.cloth(), rng.uniform(0.12, 0.22)
    w, h = seats * each + 2 * arm, rng.uniform(0.75, 0.9)
    parts = [moved(bevelled_box("base", (d - 0.05, w - 0.02, seat - 0.2), 0.03, m), 0, 0, 0.06)]
    for y in (-w / 2 + arm / 2, w / 2 - arm / 2):
        parts.append(moved(bevelled_box("arm", (d, arm, rng.uniform(0.5, 0.58)), 0.05, m), 0, y, 0.06))
    parts.append(moved(bevelled_box("back", (0.2, w - 2 * arm, h - 0.1), 0.06, m), -d / 2 + 0.1, 0, 0.1))
    for k in range(seats):
        y = (k + 0.5) * each - w / 2 + arm
        parts.append(moved(bevelled_box("cushion", (d - 0.24, each - 0.01, 0.16), 0.05, m), 0.1, y, seat - 0.14))
        parts.append(moved(bevelled_box("cushion", (0.16, each - 0.02, 0.4), 0.06, m), -d / 2 + 0.27, y, seat + 0.01))
        if rng.random() < 0.4:
            pillow = bevelled_box("pillow", (0.13, 0.4, 0.4), 0.06, palette.cloth())
            parts.append(moved(pillow, -d / 2 + 0.42, y + rng.normal(0, 0.05), seat + 0.02, rng.normal(0, 0.1)))
    parts += [box("leg", (x - 0.02, y - 0.02, 0), (x + 0.02, y + 0.02, 0.07), palette.metal())
              for x in (-d / 2 + 0.08, d / 2 - 0.08) for y in (-w / 2 + 0.08, w / 2 - 0.08)]  # fmt: skip
    return joined("sofa", parts)


def bed(rng: Rng, palette: Palette):
    """A bed with its head at -x."""
    w, d = rng.choice([0.9, 1.2, 1.4, 1.6, 1.8]), rng.uniform(2.0, 2.1)
    top, m = rng.uniform(0.45, 0.58), palette.body()
    parts = [box("frame", (-d / 2, -w / 2, 0.1), (d / 2, w / 2, 0.3), m)]
    parts += [box("leg", (x - 0.03, y - 0.03, 0), (x + 0.03, y + 0.03, 0.1), m)
              for x in (-d / 2 + 0.06, d / 2 - 0.06) for y in (-w / 2 + 0.06, w / 2 - 0.06)]  # fmt: skip
    parts.append(box("head", (-d / 2 - 0.04, -w / 2, 0.1), (-d / 2, w / 2, rng.uniform(0.7, 1.1)), m))
    parts.append(moved(bevelled_box("mattress", (d - 0.06, w - 0.04, top - 0.3), 0.05, palette.cloth()), 0, 0, 0.3))
    cover = bevelled_box("duvet", (d * rng.uniform(0.6, 0.75), w + 0.04, 0.09), 0.045, palette.cloth(), 4)
    parts.append(moved(cover, 0.2, 0, top - 0.02))
    for y in [0.0] if w < 1.3 else [-w / 4, w / 4]:
        pillow = bevelled_box("pillow", (0.42, min(0.7, w / 2 + 0.2), 0.13), 0.06, palette.cloth(), 4)
        parts.append(moved(pillow, -d / 2 + 0.28, y, top - 0.01, rng.normal(0, 0.08)))
    return joined("bed", parts)
