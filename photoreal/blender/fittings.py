"""Lamps, screens, radiators and what hangs on walls; axes as in furniture.py."""

from __future__ import annotations

import numpy as np

from photoreal import pictures
from photoreal.blender.materials import Palette, glowing, plain, printed
from photoreal.blender.meshes import bevelled_box, box, joined, lathe, moved, tube
from photoreal.blender.small import plant

Rng = np.random.Generator


def floor_lamp(rng: Rng, palette: Palette):
    """A lamp with a cloth shade, 1.4 to 1.7 m high."""
    h, m = rng.uniform(1.4, 1.7), palette.metal()
    foot = lathe("foot", [(0, 0), (0.14, 0), (0.14, 0.02), (0, 0.03)], m)
    pole = tube("pole", np.array([[0, 0, 0.02], [0, 0, h - 0.1]]), 0.012, m)
    lit = rng.random() < 0.5
    shade = glowing((1, 0.86, 0.68), 4.0) if lit else palette.cloth()
    return joined("floor lamp", [foot, pole, lathe("shade", [(0.2, h - 0.28), (0.14, h)], shade)])


def tripod(rng: Rng, palette: Palette):
    """A camera's tripod, or a stand."""
    h, m = rng.uniform(0.9, 1.5), palette.metal()
    parts = [tube("post", np.array([[0, 0, 0.6 * h], [0, 0, h]]), 0.013, m)]
    for k in range(3):
        a = 2 * np.pi * k / 3
        foot = [0.35 * np.cos(a), 0.35 * np.sin(a), 0.01]
        parts.append(tube("leg", np.array([[0, 0, 0.75 * h], foot]), 0.011, m))
    parts.append(moved(bevelled_box("head", (0.12, 0.14, 0.09), 0.01, plain(rng)), 0, 0, h))
    return joined("tripod", parts)


def partition(rng: Rng, palette: Palette):
    """A screen between desks."""
    w, h = rng.uniform(1.2, 1.8), rng.uniform(1.1, 1.7)
    return joined("partition", [
        box("cloth", (-0.02, -w / 2, 0.08), (0.02, w / 2, h), palette.cloth()),
        *(box("foot", (-0.2, y - 0.02, 0), (0.2, y + 0.02, 0.08), palette.metal()) for y in (0.1 - w / 2, w / 2 - 0.1)),
    ])  # fmt: skip


def whiteboard(rng: Rng, palette: Palette):
    """For a wall: its back is -x, its bottom z = 0."""
    w, h = rng.uniform(1.0, 2.4), rng.uniform(0.8, 1.2)
    frame = box("frame", (-0.01, -w / 2, 0), (0.008, w / 2, h), palette.metal())
    board = (
        plain(rng, (0.93, 0.94, 0.94), (0.1, 0.3)) if rng.random() < 0.6 else plain(rng, (0.1, 0.2, 0.15), (0.5, 0.9))
    )
    return joined("board", [frame, box("face", (0.008, -w / 2 + 0.02, 0.02), (0.01, w / 2 - 0.02, h - 0.02), board)])


def wall_picture(rng: Rng, palette: Palette):
    """For a wall: a framed picture or a poster."""
    w, h = rng.uniform(0.25, 1.0), rng.uniform(0.25, 0.9)
    face = printed(pictures.painting(rng) if rng.random() < 0.7 else pictures.cover(rng), "yz", 0.4)
    frame = box("frame", (-0.01, -w / 2 - 0.02, 0), (0.01, w / 2 + 0.02, h + 0.04), palette.body())
    return joined("picture", [frame, box("face", (0.01, -w / 2, 0.02), (0.012, w / 2, h + 0.02), face)])


def radiator(rng: Rng, palette: Palette):
    """A panel radiator for a wall, its back at -x."""
    w, h, m = rng.uniform(0.5, 1.4), rng.uniform(0.4, 0.6), plain(rng, (0.9, 0.9, 0.88), (0.3, 0.5))
    parts = [box("panel", (-0.03, -w / 2, 0.12), (0.03, w / 2, 0.12 + h), m)]
    parts += [
        box("fin", (0.03, y - 0.012, 0.15), (0.042, y + 0.012, 0.09 + h), m)
        for y in np.arange(-w / 2 + 0.03, w / 2, 0.045)
    ]
    return joined("radiator", parts)


def big_plant(rng: Rng, palette: Palette):
    """A plant that stands on the floor."""
    return plant(rng, palette, rng.uniform(0.6, 1.1))
