"""Computers, telephones and lamps of everyday sizes; axes as in small.py."""

from __future__ import annotations

import numpy as np
from mathutils import Matrix

from photoreal import pictures
from photoreal.blender.materials import Palette, glowing, plain, printed
from photoreal.blender.meshes import bevelled_box, box, joined, lathe, moved, sheet, tube

Rng = np.random.Generator


def phone(rng: Rng, palette: Palette):
    """A desk telephone with its receiver."""
    m = plain(rng, np.full(3, rng.choice([0.08, 0.2, 0.75, 0.85])))
    body = bevelled_box("base", (0.19, 0.17, 0.045), 0.012, m)
    keys = [
        box("key", (-0.01 + 0.022 * i, -0.06 + 0.024 * j, 0.044), (0.006 + 0.022 * i, -0.044 + 0.024 * j, 0.049),
            plain(rng, np.full(3, 0.5)))
        for i in range(4) for j in range(3)
    ]  # fmt: skip
    arc = np.linspace(-0.09, 0.09, 9)
    hand = np.stack([0 * arc - 0.065, arc, 0.062 + 0.012 * np.cos(arc / 0.09 * 1.4)], axis=1)
    return joined("phone", [body, *keys, tube("receiver", hand, 0.017, m)])


def monitor(rng: Rng, palette: Palette):
    """A computer's screen that looks along +x."""
    diagonal = rng.uniform(0.43, 0.7)
    aspect = rng.choice([1.25, 1.33, 1.78, 1.78, 1.6])
    w, h = diagonal * aspect / np.hypot(aspect, 1), diagonal / np.hypot(aspect, 1)
    case = plain(rng, np.full(3, rng.choice([0.03, 0.06, 0.15, 0.7])), (0.3, 0.6))
    low, b = rng.uniform(0.07, 0.14), rng.uniform(0.008, 0.025)
    back = box("case", (-0.02, -w / 2 - b, low), (0.02, w / 2 + b, low + h + 2 * b), case)
    face = printed(pictures.screen(rng), "yz", 0.15, float(rng.choice([0.0, rng.uniform(0.5, 1.5)])))
    front = box("face", (0.0195, -w / 2, low + b), (0.021, w / 2, low + b + h), face)
    neck = box("neck", (-0.045, -0.03, 0.01), (-0.015, 0.03, low + h / 2), case)
    foot = bevelled_box("foot", (0.2, 0.26, 0.014), 0.006, case)
    return joined("monitor", [back, front, neck, moved(foot, -0.02, 0, 0)])


def keyboard(rng: Rng, palette: Palette):
    """A keyboard whose user sits at +x."""
    m, k = plain(rng, np.full(3, rng.choice([0.04, 0.1, 0.75]))), plain(rng, np.full(3, rng.choice([0.06, 0.15, 0.8])))
    base = bevelled_box("base", (0.155, 0.44, 0.016), 0.006, m)
    keys = []
    for row in range(6):
        x = 0.055 - 0.022 * row
        for column in range(19):
            if column == 15 or (column < 15 and row == 0 and 4 <= column <= 9):
                continue
            y = -0.2 + 0.0214 * column
            keys.append(box("key", (x - 0.009, y - 0.0095, 0.015), (x + 0.009, y + 0.0085, 0.022), k))
    keys.append(box("space", (0.046, -0.115, 0.015), (0.064, 0.0, 0.022), k))
    return joined("keyboard", [base, *keys])


def mouse(rng: Rng, palette: Palette):
    """A computer's mouse."""
    a = np.linspace(0, np.pi / 2, 8)
    shape = lathe("mouse", np.c_[0.031 * np.cos(a), 0.036 * np.sin(a)], plain(rng, np.full(3, rng.uniform(0.03, 0.8))))
    shape.data.transform(Matrix.Diagonal((1.75, 1.0, 1.0, 1.0)))
    return shape


def laptop(rng: Rng, palette: Palette):
    """An open laptop whose user sits at +x."""
    w, d = rng.uniform(0.29, 0.38), rng.uniform(0.2, 0.26)
    m = plain(rng, np.full(3, rng.choice([0.05, 0.3, 0.65, 0.75])), (0.25, 0.5))
    base = box("base", (-d / 2, -w / 2, 0), (d / 2, w / 2, 0.016), m)
    dark = plain(rng, np.full(3, 0.05))
    keys = [
        box("key", (-d * 0.36 + 0.019 * i, -w * 0.42 + 0.02 * j, 0.016),
            (-d * 0.36 + 0.019 * i + 0.015, -w * 0.42 + 0.02 * j + 0.016, 0.0175), dark)
        for i in range(5) for j in range(int(w * 0.84 / 0.02))
    ]  # fmt: skip
    lean = np.radians(rng.uniform(8, 35))
    up, away = np.cos(lean) * d, -np.sin(lean) * d
    n = np.array([up, 0, -away]) / d * 0.004
    hinge = np.array([-d / 2, 0, 0.016])
    corners = [hinge + (0, -w / 2, 0), hinge + (0, w / 2, 0), hinge + (away, w / 2, up), hinge + (away, -w / 2, up)]
    face = printed(pictures.screen(rng), "yz", 0.2, float(rng.choice([0.0, rng.uniform(0.5, 1.5)])))
    lid = sheet("lid", np.array([[corners[0] - n, corners[1] - n], [corners[3] - n, corners[2] - n]]), m)
    shown = sheet("screen", np.array([[corners[0], corners[1]], [corners[3], corners[2]]]), face)
    return joined("laptop", [base, *keys, lid, shown])


def desk_lamp(rng: Rng, palette: Palette):
    """A jointed lamp that shines down at +x."""
    m = plain(rng, None, (0.2, 0.5))
    foot = lathe("foot", [(0, 0), (0.08, 0), (0.08, 0.02), (0, 0.025)], m)
    arm = tube("arm", np.array([[0, 0, 0.02], [-0.06, 0, 0.24], [0.12, 0, 0.42]]), 0.007, m)
    shade = lathe("shade", [(0.02, 0.08), (0.07, 0.0), (0.066, 0.0), (0.018, 0.075)], m)
    bulb = lathe("bulb", [(0, 0.02), (0.025, 0.03), (0, 0.06)], glowing((1, 0.85, 0.65), float(rng.choice([0, 25]))))
    return joined("desk lamp", [foot, arm, moved(shade, 0.15, 0, 0.36), moved(bulb, 0.15, 0, 0.36)])


def clock(rng: Rng, palette: Palette):
    """A radio or alarm clock that looks along +x."""
    body = bevelled_box("radio", (0.08, rng.uniform(0.12, 0.28), rng.uniform(0.07, 0.16)), 0.012, plain(rng))
    return body


DESK = (monitor, keyboard, mouse, laptop, phone, desk_lamp, clock)
