"""Small things of everyday sizes for desks, tables, shelves and floors; each stands on z = 0, centred in x and y."""

from __future__ import annotations

import numpy as np

from photoreal import pictures
from photoreal.blender.materials import Palette, mottled, plain, principled, printed
from photoreal.blender.meshes import box, joined, lathe, moved, sheet, tube

Rng = np.random.Generator


def mug(rng: Rng, palette: Palette):
    """Coffee mug with its handle."""
    r, h = rng.uniform(0.036, 0.046), rng.uniform(0.085, 0.11)
    m = plain(rng, pictures.vivid(rng) if rng.random() < 0.5 else np.full(3, rng.uniform(0.7, 0.95)), (0.15, 0.4))
    cup = lathe("mug", [(0, 0), (r * 0.9, 0), (r, 0.006), (r, h), (r - 0.004, h), (r - 0.005, 0.008), (0, 0.008)], m)
    t = np.linspace(-1.35, 1.35, 10)
    ring = np.stack([r - 0.004 + 0.026 * np.cos(t), 0 * t, h / 2 + 0.032 * np.sin(t)], axis=1)
    return joined("mug", [cup, tube("handle", ring, 0.0055, m)])


def can(rng: Rng, palette: Palette):
    """Drinks can."""
    m = printed(pictures.cover(rng), "round", 0.3)
    return lathe("can", [(0, 0), (0.026, 0), (0.033, 0.01), (0.033, 0.105), (0.026, 0.117), (0, 0.115)], m)


def bottle(rng: Rng, palette: Palette):
    """Water, juice or wine, 0.2 to 0.33 m."""
    r, h = rng.uniform(0.03, 0.043), rng.uniform(0.2, 0.33)
    if rng.random() < 0.5:
        m = principled("bottle", pictures.vivid(rng) * 0.5, 0.08, 0.0, Alpha=1.0)
    else:
        m = principled("glass", (0.85, 0.93, 0.9), 0.03, 0.0, **{"Transmission Weight": 0.85, "IOR": 1.1})
    shape = [(0, 0), (r, 0), (r, 0.62 * h), (r * 0.8, 0.75 * h), (0.013, 0.86 * h), (0.013, h), (0, h)]
    cap = lathe("cap", [(0, h), (0.015, h), (0.015, h + 0.018), (0, h + 0.018)], plain(rng, pictures.vivid(rng)))
    label = lathe("label", [(r + 8e-4, 0.2 * h), (r + 8e-4, 0.5 * h)], printed(pictures.cover(rng), "round"))
    return joined("bottle", [lathe("bottle", shape, m), cap, label])


def book(rng: Rng, palette: Palette):
    """A book that lies."""
    w, d, h = rng.uniform(0.11, 0.22), rng.uniform(0.17, 0.29), rng.uniform(0.01, 0.045)
    m = printed(pictures.cover(rng), "xy", float(rng.uniform(0.3, 0.7)))
    pages = box("pages", (-w / 2 + 0.004, -d / 2 + 0.003, 0.002), (w / 2 - 0.003, d / 2 - 0.003, h - 0.002), _paper())
    parts = [box("low", (-w / 2, -d / 2, 0), (w / 2, d / 2, 0.002), m), pages]
    parts.append(box("top", (-w / 2, -d / 2, h - 0.002), (w / 2, d / 2, h), m))
    parts.append(box("spine", (-w / 2, -d / 2, 0), (-w / 2 + 0.003, d / 2, h), m))
    return joined("book", parts)


def _paper():
    return principled("paper", (0.92, 0.91, 0.87), 0.9)


def book_pile(rng: Rng, palette: Palette):
    """Several books that lie on one another."""
    z, parts = 0.0, []
    for _ in range(int(rng.integers(2, 7))):
        w, d, h = rng.uniform(0.13, 0.2), rng.uniform(0.18, 0.26), rng.uniform(0.012, 0.045)
        cover = box("book", (-w / 2, -d / 2, 0), (w / 2, d / 2, h), printed(pictures.cover(rng, 128), "xy"))
        parts.append(moved(cover, rng.normal(0, 0.008), rng.normal(0, 0.008), z, rng.normal(0, 0.15)))
        z += h
    return joined("books", parts)


def book_row(rng: Rng, palette: Palette):
    """Books that stand side by side, their backs to +x."""
    width, top, x, parts = rng.uniform(0.12, 0.4), rng.uniform(0.2, 0.3), 0.0, []
    while True:
        t, h, d = rng.uniform(0.012, 0.05), top * rng.uniform(0.7, 1.0), rng.uniform(0.12, 0.19)
        if x + t > width:
            break
        colour = pictures.vivid(rng) * 0.5 + pictures.muted(rng, (0.15, 0.9)) * 0.5
        m = printed(pictures.spine(rng), "yz", 0.6) if rng.random() < 0.3 else plain(rng, colour)
        back = rng.uniform(0.19, 0.21)
        parts.append(box("book", (back / 2 - d, x - width / 2, 0), (back / 2, x + t - 0.001 - width / 2, h), m))
        x += t
    return joined("books", parts)


def papers(rng: Rng, palette: Palette):
    """Sheets of A4 lying about."""
    parts = []
    for k in range(int(rng.integers(1, 5))):
        m = printed(pictures.page(rng), "xy", 0.9)
        leaf = box("page", (-0.105, -0.1485, 0), (0.105, 0.1485, 0.0006), m)
        parts.append(moved(leaf, rng.normal(0, 0.03), rng.normal(0, 0.03), 0.0007 * k, rng.normal(0, 0.35)))
    return joined("papers", parts)


def carton(rng: Rng, palette: Palette, low: float = 0.08, high: float = 0.3):
    """Packaging: printed, or brown cardboard."""
    size = rng.uniform(low, high, 3) * (1, 1, rng.uniform(0.5, 1.1))
    draw = pictures.carton if rng.random() < 0.5 or high > 0.35 else pictures.cover
    m = printed(draw(rng), str(rng.choice(["yz", "xz", "xy"])), 0.7)
    return box("carton", (*-size[:2] / 2, 0), (*size[:2] / 2, size[2]), m)


def big_carton(rng: Rng, palette: Palette):
    """A box for moving house."""
    return carton(rng, palette, 0.25, 0.55)


def tape(rng: Rng, palette: Palette):
    """A roll of adhesive tape."""
    r, h = rng.uniform(0.04, 0.06), rng.uniform(0.018, 0.05)
    m = plain(rng, pictures.muted(rng))
    return lathe("tape", [(r * 0.62, 0), (r, 0), (r, h), (r * 0.62, h), (r * 0.62, 0)], m)


def ball(rng: Rng, palette: Palette):
    """A toy ball."""
    r = rng.uniform(0.03, 0.11)
    a = np.linspace(-np.pi / 2, np.pi / 2, 14)
    m = printed(pictures.painting(rng), "round", 0.5) if rng.random() < 0.5 else plain(rng, pictures.vivid(rng))
    return lathe("ball", np.c_[r * np.cos(a), r + r * np.sin(a)], m)


def pens(rng: Rng, palette: Palette):
    """Pens in a cup."""
    cup = lathe("cup", [(0, 0), (0.036, 0), (0.036, 0.1), (0.033, 0.1), (0.033, 0.005), (0, 0.005)], plain(rng))
    parts = [cup]
    for _ in range(int(rng.integers(3, 8))):
        a, lean = rng.uniform(0, 6.28), rng.uniform(0.005, 0.028)
        foot, top = np.array([0, 0, 0.006]), np.array([lean * np.cos(a), lean * np.sin(a), rng.uniform(0.14, 0.18)])
        parts.append(tube("pen", np.stack([foot, top]), 0.004, plain(rng, pictures.vivid(rng))))
    return joined("pens", parts)


def plant(rng: Rng, palette: Palette, size: float = 0.0):
    """A pot with long leaves."""
    size = size or rng.uniform(0.2, 0.5)
    r = rng.uniform(0.05, 0.09) * (1 + size)
    h = r * 1.6
    pot = lathe("pot", [(0, 0), (r * 0.75, 0), (r, h), (r * 0.92, h), (r * 0.9, h * 0.85), (0, h * 0.85)], plain(rng))
    green = mottled(
        rng, np.array([rng.uniform(0.12, 0.35), rng.uniform(0.3, 0.5), rng.uniform(0.08, 0.2)]), 8, 0.4, 0.6
    )
    parts = [pot]
    for _ in range(int(rng.integers(10, 34))):
        a, length, width = rng.uniform(0, 6.28), size * rng.uniform(0.6, 1.2), rng.uniform(0.01, 0.035) * (1 + size)
        bend, t = rng.uniform(0.3, 1.3), np.linspace(0, 1, 7)
        along, up = length * t * bend * t, length * (t - 0.45 * bend * t**2)
        half = width * np.sin(np.pi * np.clip(t * 0.9 + 0.1, 0, 1))
        c, s = np.cos(a), np.sin(a)
        left = np.stack([c * along - s * half, s * along + c * half, h * 0.85 + up], axis=1)
        right = np.stack([c * along + s * half, s * along - c * half, h * 0.85 + up], axis=1)
        parts.append(sheet("leaf", np.stack([left, right]), green))
    return joined("plant", parts)


def bowl(rng: Rng, palette: Palette):
    """A bowl with fruit, or empty."""
    r, h = rng.uniform(0.07, 0.14), rng.uniform(0.05, 0.09)
    a = np.linspace(0, np.pi / 2, 8)
    outer = np.c_[r * np.sin(a), h * (1 - np.cos(a))]
    inner = np.c_[(r - 0.005) * np.sin(a), 0.006 + (h - 0.006) * (1 - np.cos(a))][::-1]
    parts = [lathe("bowl", np.r_[outer, inner], plain(rng, None, (0.15, 0.5)))]
    for _ in range(int(rng.integers(0, 5))):
        x, y = rng.uniform(-0.4, 0.4, 2) * r
        fruit_r = rng.uniform(0.03, 0.04)
        b = np.linspace(-np.pi / 2, np.pi / 2, 10)
        fruit = lathe("fruit", np.c_[fruit_r * np.cos(b), fruit_r * np.sin(b)], plain(rng, pictures.vivid(rng)))
        parts.append(moved(fruit, x, y, 0.008 + fruit_r + rng.uniform(0, 0.02)))
    return joined("bowl", parts)


def vase(rng: Rng, palette: Palette):
    """A turned vase."""
    h = rng.uniform(0.12, 0.4)
    r = np.interp(
        np.linspace(0, 1, 12), [0, 0.35, 0.75, 1], rng.uniform((0.03, 0.05, 0.015, 0.02), (0.06, 0.1, 0.04, 0.06))
    )
    z = np.linspace(0, h, 12)
    return lathe("vase", [(0, 0), *np.c_[r, z], *np.c_[r * 0.88, z][::-1][:4]], plain(rng, None, (0.1, 0.5)))


def plate(rng: Rng, palette: Palette):
    """A dinner plate."""
    r = rng.uniform(0.08, 0.14)
    m = plain(rng, np.full(3, rng.uniform(0.75, 0.95)), (0.1, 0.3))
    return lathe("plate", [(0, 0), (r * 0.6, 0), (r, 0.02), (r - 0.003, 0.023), (r * 0.6, 0.005), (0, 0.005)], m)


def glass(rng: Rng, palette: Palette):
    """A drinking glass; its depth is the glass's."""
    r, h = rng.uniform(0.03, 0.04), rng.uniform(0.09, 0.15)
    m = principled("glass", (0.97, 0.98, 0.98), 0.02, 0.0, **{"Transmission Weight": 0.9, "IOR": 1.15})
    return lathe("glass", [(0, 0), (r * 0.85, 0), (r, h), (r - 0.002, h), (r * 0.83, 0.006), (0, 0.006)], m)


def photo_frame(rng: Rng, palette: Palette):
    """A picture that stands, looking along +x."""
    w, h = rng.uniform(0.09, 0.2), rng.uniform(0.12, 0.24)
    frame = box("frame", (-0.012, -w / 2 - 0.012, 0), (0, w / 2 + 0.012, h + 0.024), palette.body())
    shown = box("picture", (-0.001, -w / 2, 0.012), (0.001, w / 2, h + 0.012), printed(pictures.painting(rng), "yz"))
    return joined("photo", [frame, shown])


def teddy(rng: Rng, palette: Palette):
    """A soft toy that sits, looking along +x."""
    m, k = mottled(rng, pictures.muted(rng, (0.3, 0.7)), 60, 0.4, 1.0), rng.uniform(0.7, 1.3)
    spheres = [(0, 0, 0.09, 0.085), (0.01, 0, 0.21, 0.065), (0.0, 0.05, 0.265, 0.025), (0.0, -0.05, 0.265, 0.025),
               (0.08, 0.055, 0.04, 0.04), (0.08, -0.055, 0.04, 0.04), (0.035, 0.09, 0.13, 0.032),
               (0.035, -0.09, 0.13, 0.032), (0.065, 0, 0.2, 0.027)]  # fmt: skip
    a, parts = np.linspace(-np.pi / 2, np.pi / 2, 10), []
    for x, y, z, r in spheres:
        parts.append(moved(lathe("part", np.c_[r * k * np.cos(a), r * k * np.sin(a)], m, 16), x * k, y * k, z * k))
    return joined("teddy", parts)


def bin_(rng: Rng, palette: Palette):
    """A waste-paper basket."""
    r, h = rng.uniform(0.11, 0.16), rng.uniform(0.25, 0.4)
    return lathe("bin", [(0, 0), (r * 0.8, 0), (r, h), (r - 0.004, h), (r * 0.78, 0.01), (0, 0.01)], plain(rng))


DESK = (
    mug,
    mug,
    papers,
    papers,
    book,
    book_pile,
    pens,
    can,
    bottle,
    tape,
    carton,
    plant,
    photo_frame,
    teddy,
    ball,
    glass,
)
TABLE = (mug, plate, glass, bowl, bottle, vase, can, book, papers, carton, plant, book_pile, ball)
SHELF = (book_row, book_row, book_row, book_pile, carton, vase, plant, photo_frame, ball, teddy, bowl, bottle, mug)
FLOOR = (bin_, bin_, big_carton, ball, plant, book_pile, teddy)
