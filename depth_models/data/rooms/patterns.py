"""Procedural patterns: functions (rng, n, variant) -> (n, n, 3) channels a, b, g; see textures.py for their use."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def noise(rng: np.random.Generator, n: int, columns: int, rows: int | None = None) -> np.ndarray:
    """(n, n) smooth periodic noise around 0.5 with the given number of cells along x and y."""
    import cv2

    rows = columns if rows is None else rows
    pad = 3
    coarse = np.pad(rng.random((rows, columns)).astype(np.float32), pad, mode="wrap")
    y, x = (np.arange(n, dtype=np.float32) + 0.5) / n, (np.arange(n, dtype=np.float32) + 0.5) / n
    maps = np.meshgrid(x * columns - 0.5 + pad, y * rows - 0.5 + pad)
    return cv2.remap(coarse, maps[0].astype(np.float32), maps[1].astype(np.float32), cv2.INTER_CUBIC)


def fractal(rng: np.random.Generator, n: int, cells: int, octaves: int, gain: float = 0.5) -> np.ndarray:
    """(n, n) sum of octaves of periodic noise, about 0 to 1."""
    total = np.sum([gain**i * (noise(rng, n, cells << i) - 0.5) for i in range(octaves)], axis=0)
    return 0.5 + total * (1 - gain) / (1 - gain**octaves) * 1.6


def _grid(n: int) -> tuple[np.ndarray, np.ndarray]:
    axis = (np.arange(n, dtype=np.float32) + 0.5) / n
    x, y = np.meshgrid(axis, axis)
    return x, y


def _stack(a, b, g) -> np.ndarray:
    return np.stack(np.broadcast_arrays(a, b, g), axis=2)


def plain(rng, n, variant):
    return _stack(0.15 * fractal(rng, n, 3, 4), 0.0, 1 - 0.03 * noise(rng, n, 128))


def plaster(rng, n, variant):
    rough = fractal(rng, n, 24 << (variant % 2), 4, 0.75)
    return _stack(0.35 * fractal(rng, n, 2, 5, 0.6), 0.0, 0.9 + 0.1 * rough)


def _grain(rng, n, rows=64):
    bent = 2.5 * noise(rng, n, 2, 4) + 0.7 * noise(rng, n, 3, 12)
    _, y = _grid(n)
    rings = 0.5 + 0.5 * np.sin(2 * np.pi * (y * rng.integers(5, 14) + bent))
    fibre = noise(rng, n, 6, rows) * 0.6 + noise(rng, n, 16, rows * 4) * 0.4
    return np.clip(0.45 * rings + 0.75 * fibre - 0.1, 0, 1), fibre


def wood(rng, n, variant):
    grain, fibre = _grain(rng, n, 32 + 16 * variant)
    return _stack(grain, 0.2 * noise(rng, n, 2), 0.92 + 0.08 * fibre)


def planks(rng, n, variant):
    """Boards along x with their own tone, staggered ends and dark joints; the tile is 1.5 m or so."""
    rows = (8, 10, 12, 14, 6)[variant]
    grain, fibre = _grain(rng, n, 96)
    x, y = _grid(n)
    board = np.floor(y * rows).astype(int)
    shift = rng.random(rows)[board]
    along = (x + shift) % 1 * 2
    tone = rng.random((rows, 2))[board, np.floor(along).astype(int)]
    gap = np.minimum(np.abs(y * rows - np.round(y * rows)) / rows, np.abs(along - np.round(along)) / 2)
    joint = np.clip(gap * n / 1.6, 0, 1)
    grain = np.take_along_axis(grain, ((np.arange(n)[None] + (tone * n).astype(int)) % n), axis=1)
    return _stack(0.25 * grain + 0.5 * tone, 0.0, (0.35 + 0.65 * joint) * (0.92 + 0.08 * fibre))


def _bricks(rng, n, columns, rows, stagger, joint_px):
    x, y = _grid(n)
    row = np.floor(y * rows).astype(int)
    u = (x * columns + stagger * (row % 2)) % columns
    cell = np.floor(u).astype(int) % columns
    tone = rng.random((rows, columns))[row, cell]
    edge_x, edge_y = np.abs(u - np.round(u)) / columns, np.abs(y * rows - np.round(y * rows)) / rows
    edge = np.minimum(edge_x, edge_y) * n
    return tone, np.clip((joint_px - edge) / 1.5 + 0.5, 0, 1)


def tiles(rng, n, variant):
    count = (2, 3, 4, 5, 8)[variant]
    tone, joint = _bricks(rng, n, count, count, 0, 2.2)
    if variant == 2:  # a chequerboard
        x, y = _grid(n)
        tone = 0.1 * tone + 0.9 * ((np.floor(x * count) + np.floor(y * count)) % 2)
    vein = fractal(rng, n, 4, 5, 0.6)
    a = np.clip(0.35 * tone + 0.35 * vein if variant != 2 else tone, 0, 1)
    return _stack(a * (1 - joint), joint, 0.95 + 0.05 * noise(rng, n, 96))


def bricks(rng, n, variant):
    tone, joint = _bricks(rng, n, 4 + variant % 2, 12 + 2 * (variant % 2), 0.5, 4)
    rough = fractal(rng, n, 32, 4, 0.7)
    return _stack(np.clip(tone, 0, 1) * (1 - joint), joint, (0.8 + 0.25 * rough) * (1 - 0.1 * joint))


def carpet(rng, n, variant):
    pile = 0.5 * noise(rng, n, n // 2) + 0.5 * noise(rng, n, n // 4)
    return _stack(
        0.5 * fractal(rng, n, 4, 4, 0.7) * (variant / 4), 0.5 * (pile > 0.62) * (variant % 2), 0.7 + 0.4 * pile
    )


def fabric(rng, n, variant):
    x, y = _grid(n)
    threads = (64, 96, 128, 80, 48)[variant]
    weave = 0.5 + 0.25 * np.sin(2 * np.pi * x * threads) + 0.25 * np.sin(2 * np.pi * y * threads)
    return _stack(0.5 * fractal(rng, n, 4, 4), 0.0, 0.85 + 0.15 * weave * noise(rng, n, 128))


def stripes(rng, n, variant):
    x, _ = _grid(n)
    count = rng.integers(3, 14)
    wide = rng.uniform(0.3, 0.7)
    phase = (x * count) % 1
    edge = count / n * 1.2
    a = np.clip((wide - phase) / edge + 0.5, 0, 1) * np.clip(phase / edge + 0.5, 0, 1)
    thin = np.clip(1 - np.abs(phase - (1 + wide) / 2) / 0.06, 0, 1) if variant % 2 else 0
    return _stack(a * (1 - thin), thin, 0.97 + 0.03 * noise(rng, n, 128))


def plaid(rng, n, variant):
    x, y = _grid(n)
    count = rng.integers(2, 8)
    across = ((x * count) % 1 < 0.4).astype(np.float32)
    up = ((y * count) % 1 < 0.4).astype(np.float32)
    line = (((x * count) % 1 > 0.66) & ((x * count) % 1 < 0.74)) | (((y * count) % 1 > 0.66) & ((y * count) % 1 < 0.74))
    return _stack(0.5 * (across + up) * (1 - line), line.astype(np.float32), 0.93 + 0.07 * noise(rng, n, n // 4))


def motifs(rng, n, variant):
    """Wallpaper or cushions: flowers or dots on a staggered lattice."""
    x, y = _grid(n)
    count = int(rng.integers(3, 9))
    row = np.floor(y * count * 2 % (count * 2)).astype(int)
    u, v = (x * count + 0.5 * (row % 2)) % 1 - 0.5, (y * count * 2) % 1 - 0.5
    v = v / 2
    radius, angle = np.hypot(u, v), np.arctan2(v, u)
    petals = 0.14 + (0.07 * np.cos((3 + variant) * angle) if variant else 0)
    flower = np.clip((petals - radius) * n / count / 2 + 0.5, 0, 1)
    heart = np.clip((0.05 - radius) * n / count / 2 + 0.5, 0, 1)
    return _stack(flower * (1 - heart), heart, 0.96 + 0.04 * noise(rng, n, 128))


def marble(rng, n, variant):
    base = fractal(rng, n, 3, 6, 0.6)
    veins = np.clip(1 - np.abs(base - 0.5) * (14 + 6 * variant), 0, 1) ** 2
    return _stack(fractal(rng, n, 2, 5), 0.8 * veins, 1.0)


def speckle(rng, n, variant):
    """Terrazzo, granite, concrete."""
    fine, coarse = noise(rng, n, 128), noise(rng, n, 56)
    a = 0.4 * fractal(rng, n, 3, 6, 0.7) + 0.5 * (fine > 0.7)
    return _stack(np.clip(a, 0, 1) * (coarse < 0.75), 1.0 * (coarse >= 0.75) * (variant % 2), 0.93 + 0.07 * fine)


def rug(rng, n, variant):
    x, y = _grid(n)
    edge = np.minimum(np.minimum(x, 1 - x), np.minimum(y, 1 - y))
    folded_x, folded_y = np.abs(x - 0.5), np.abs(y - 0.5)
    wave = np.cos(2 * np.pi * folded_x * rng.integers(4, 12)) * np.cos(2 * np.pi * folded_y * rng.integers(4, 12))
    wave += 0.7 * np.cos(2 * np.pi * (folded_x + folded_y) * rng.integers(4, 12))
    band = (edge > 0.04) & (edge < 0.09)
    a = np.where(band, 0.0, np.clip(wave * 4 + 0.5, 0, 1)) if variant else 1.0 * (edge > 0.06)
    return _stack(a * ~band, band * 1.0, 0.75 + 0.25 * noise(rng, n, n // 3))


def picture(rng, n, variant):
    """A painting or a photograph: land under sky, or abstract regions."""
    _, y = _grid(n)
    rough = fractal(rng, n, 3, 6, 0.55)
    if variant % 2:
        horizon = 0.35 + 0.4 * rng.random() + 0.25 * (rough - 0.5)
        land = np.clip((y - horizon) * 40, 0, 1)
        shade = np.where(land > 0.5, 0.35 + 0.6 * fractal(rng, n, 6, 6, 0.7), 1.05 - 0.35 * y)
        return _stack(land, 0.6 * (fractal(rng, n, 5, 4) > 0.6) * land, shade)
    a, b = 1.0 * (rough > 0.52), 1.0 * (fractal(rng, n, 2, 4) > 0.6)
    return _stack(a * (1 - b), b, 0.55 + 0.5 * fractal(rng, n, 4, 5, 0.6))


def poster(rng, n, variant):
    """Blocks, lines of print and a disc: posters, book covers, boxes, magazines."""
    a, b, g = np.zeros((n, n), np.float32), np.zeros((n, n), np.float32), np.ones((n, n), np.float32)
    x, y = _grid(n)
    for _ in range(2 + variant):
        (x0, x1), (y0, y1) = np.sort(rng.random((2, 2)), axis=1)
        inside = (x > x0) & (x < x1) & (y > y0) & (y < y1)
        a, b = np.where(inside, rng.random(), a), np.where(inside, 0.0, b)
    disc = np.hypot(x - rng.uniform(0.3, 0.7), y - rng.uniform(0.3, 0.7)) < rng.uniform(0.1, 0.3)
    b, a = np.where(disc, 1.0, b), np.where(disc, 0.0, a)
    top, lines = rng.uniform(0.05, 0.6), int(rng.integers(4, 12))
    for line in range(lines):
        y0 = top + line * 0.03
        ends = rng.uniform(0.5, 0.9)
        words = noise(rng, n, 48)[line] > 0.4
        g[(y > y0) & (y < y0 + 0.016) & (x > 0.1) & (x < ends) & words[None]] = 0.25
    return _stack(a, b, g)


def screen(rng, n, variant):
    """A monitor's desktop: windows with rows of text."""
    a, b, g = np.full((n, n), 0.1, np.float32), np.zeros((n, n), np.float32), np.ones((n, n), np.float32)
    x, y = _grid(n)
    for _ in range(1 + variant):
        x0, y0, w, h = rng.uniform(0, 0.5), rng.uniform(0, 0.5), rng.uniform(0.3, 0.5), rng.uniform(0.3, 0.5)
        inside = (x > x0) & (x < x0 + w) & (y > y0) & (y < y0 + h)
        a, b = np.where(inside, 1.0, a), np.where(inside & (y < y0 + 0.04), 1.0, b * ~inside)
        text = inside & (y > y0 + 0.06) & ((y * 40) % 1 < 0.5) & (noise(rng, n, 64, 40) > 0.5)
        g = np.where(text, 0.3, np.where(inside, 1.0, g))
    return _stack(np.clip(a - b, 0, 1), b, g)


def keys(rng, n, variant):
    x, y = _grid(n)
    u, v = (x * 15 + 0.3 * np.floor(y * 5)) % 1, (y * 5) % 1
    key = (u > 0.1) & (u < 0.9) & (v > 0.1) & (v < 0.9)
    mark = key & (np.abs(u - 0.4) < 0.12) & (np.abs(v - 0.4) < 0.14)
    return _stack(key * 1.0 * ~mark, mark * 1.0, 1.0)


def outdoors(rng, n, variant):
    """What a window shows, out of focus: sky, trees or houses, ground. The top is bright."""
    import cv2

    _, y = _grid(n)
    skyline = 0.45 + 0.25 * (noise(rng, n, 6)[0][None] - 0.5) + (0.1 * np.round(noise(rng, n, 9)[1] * 3)[None] / 3)
    houses, ground = 1.0 * (y > skyline), 1.0 * (y > 0.8)
    shade = np.where(houses > 0, 0.2 + 0.35 * fractal(rng, n, 12, 4, 0.7), 1.0 - 0.25 * y)
    image = _stack(houses * (1 - ground), ground, np.clip(shade, 0.1, 1))
    return cv2.GaussianBlur(image.astype(np.float32), (0, 0), 6)


PATTERNS: dict[str, Callable[[np.random.Generator, int, int], np.ndarray]] = {
    f.__name__: f
    for f in (
        plain, plaster, wood, planks, tiles, bricks, carpet, fabric, stripes, plaid, motifs, marble, speckle, rug,
        picture, poster, screen, keys, outdoors,
    )
}  # fmt: skip
