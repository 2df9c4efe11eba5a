"""The room itself: floor, walls with doors and windows, ceiling, and what hangs on them."""

from __future__ import annotations

import numpy as np

from depth_models.data.rooms.lighting import Light
from depth_models.data.rooms.materials import CLOTH, STRONG, WALLS, WOODS, Materials
from depth_models.data.rooms.mesh import MeshBuilder
from depth_models.data.rooms.plan import Opening, Plan, Wall

DOOR_HEIGHT_M = 2.0


def cut_openings(plan: Plan, rng: np.random.Generator, ceiling: float, scene: str) -> None:
    """Give the plan's walls one or two doors and, mostly, some windows."""
    long = [w for w in plan.walls if w.length > 1.3]
    for wall in rng.permutation(np.array(long, object))[: 1 + (rng.random() < 0.35) + 2 * (scene == "corridor")]:
        width = rng.choice([0.8, 0.85, 0.9])
        x0 = rng.uniform(0.15, wall.length - width - 0.15)
        wall.openings.append(Opening("door", x0, x0 + width, 0, DOOR_HEIGHT_M))
        x, y = wall.point(x0 + width / 2, 0.45)
        plan.reserve(x, y, width, 0.9, wall.yaw)
    style, sill, tall = rng.integers(3), rng.uniform(0.75, 1.0), rng.uniform(1.0, 1.45)
    chance = {"corridor": 0.15, "storage": 0.2}.get(scene, 0.6)
    for wall in plan.walls:
        if wall.length < 1.4 or rng.random() > chance:
            continue
        z0, z1 = (0.06, 2.05) if style == 0 and rng.random() < 0.4 else (sill, min(sill + tall, ceiling - 0.15))
        for _ in range(1 + int(wall.length > 3.5)):
            width = rng.uniform(0.7, min(1.9, wall.length - 0.5))
            x0 = rng.uniform(0.2, wall.length - width - 0.2)
            if wall.free(x0, x0 + width, 0, z1, 0.2):
                wall.openings.append(Opening("window", x0, x0 + width, z0, z1))


def draw_shell(
    b: MeshBuilder, plan: Plan, m: Materials, rng: np.random.Generator, ceiling: float, scene: str
) -> list[Light]:
    """Draw floor, ceiling, walls, doors and windows; returns the windows' light."""
    floor, top, paint = m.floor(), m.ceiling(), m.wall(scene)
    accent = m.wall(scene) if rng.random() < 0.25 else paint
    skirting = m.add("plain", [m.pick([*WALLS[:2], *WOODS])], 1.0)
    width, depth = plan.outline.max(axis=0)
    # An L-shaped room needs no cut: what lies beyond its inner corner is never seen from within.
    b.quad([0, 0, 0], [width, 0, 0], [0, depth, 0], floor, origin=(0, 0))
    b.quad([0, depth, ceiling], [width, 0, 0], [0, -depth, 0], top, origin=(0, 0))
    leaf, frame, metal = m.wood(), m.add("plain", [m.pick(WALLS[:3])], 1.0, 0.03), m.metal()
    daylight = np.array([0.85, 0.95, 1.1]) * rng.choice([0.02, 4.0, 7.0, 12.0], p=[0.15, 0.3, 0.35, 0.2])
    azimuth, elevation = rng.uniform(0, 2 * np.pi), rng.uniform(0.35, 1.0)
    beam = np.array([np.cos(azimuth), np.sin(azimuth), -np.tan(elevation)]) * np.cos(elevation)
    if daylight[0] < 1 or rng.random() < 0.5:  # night, or the sun behind clouds
        beam = None
    sky = [
        m.pick(["#e8f0fa", "#cfe0f5", "#ffffff"], 0.1),
        m.pick(["#5f6f55", "#8a7a6a"]),
        m.pick(["#8a8a80", "#6f7a55"]),
    ]
    view = m.add("outdoors", sky, 1, 0, daylight, infrared=False)
    curtain = m.cloth() if rng.random() < 0.5 else None
    recess = rng.uniform(0.08, 0.25)
    lights = []
    for number, wall in enumerate(plan.walls):
        with b.placed(wall.start[0], wall.start[1], 0, wall.yaw):
            _draw_wall(b, wall, ceiling, accent if number == 0 else paint, skirting)
            for o in wall.openings:
                _reveal(b, o, recess if o.kind == "window" else 0.1, frame)
                if o.kind == "door":
                    _door(b, o, leaf, frame, metal)
                    continue
                _window(b, o, recess, view, frame)
                if curtain is not None:
                    _curtains(b, o, curtain, metal, ceiling)
        lights += [_window_light(wall, o, recess, daylight, beam) for o in wall.openings if o.kind == "window"]
    return lights


def _draw_wall(b: MeshBuilder, wall: Wall, ceiling: float, paint: int, skirting: int) -> None:
    def piece(x0, x1, z0, z1) -> None:
        if x1 - x0 > 1e-6 and z1 - z0 > 1e-6:
            b.quad([x1, 0, z0], [x0 - x1, 0, 0], [0, 0, z1 - z0], paint, origin=(-x1, z0))

    x = 0.0
    for o in sorted(wall.openings, key=lambda o: o.x0):
        piece(x, o.x0, 0, ceiling)
        piece(o.x0, o.x1, 0, o.z0)
        piece(o.x0, o.x1, o.z1, ceiling)
        x = o.x1
    piece(x, wall.length, 0, ceiling)
    edges = [0.0, *sorted(e for o in wall.openings if o.z0 < 0.1 for e in (o.x0 - 0.06, o.x1 + 0.06)), wall.length]
    for x0, x1 in zip(edges[::2], edges[1::2], strict=True):
        if x1 - x0 > 0.02:
            b.box((x0 + x1) / 2, 0.007, 0, x1 - x0, 0.014, 0.08, skirting)


def _reveal(b: MeshBuilder, o: Opening, depth: float, material: int) -> None:
    """The four inner faces of an opening."""
    w, h = o.x1 - o.x0, o.z1 - o.z0
    b.quad([o.x0, -depth, o.z0], [0, depth, 0], [0, 0, h], material)
    b.quad([o.x1, 0, o.z0], [0, -depth, 0], [0, 0, h], material)
    b.quad([o.x0, 0, o.z1], [w, 0, 0], [0, -depth, 0], material)
    b.quad([o.x0, -depth, o.z0], [w, 0, 0], [0, depth, 0], material)


def _door(b: MeshBuilder, o: Opening, leaf: int, frame: int, metal: int) -> None:
    """A closed leaf with two panels, a handle and a frame of 6 cm on the wall."""
    x, w, h = (o.x0 + o.x1) / 2, o.x1 - o.x0, o.z1
    b.box(x, -0.08, 0, w, 0.04, h, leaf)
    for z0, z1 in ((0.18, 0.85), (1.05, h - 0.15)):
        for s in (-1, 1):
            b.box(x + s * w / 4, -0.056, z0, w / 2 - 0.16, 0.012, z1 - z0, leaf)
    b.box(o.x0 + 0.07, -0.05, 1.0, 0.04, 0.02, 0.14, metal)
    b.box(o.x0 + 0.12, -0.02, 1.05, 0.12, 0.02, 0.02, metal)
    for s in (-1, 1):
        b.box(x + s * (w / 2 + 0.03), 0.01, 0, 0.06, 0.02, h + 0.06, frame)
    b.box(x, 0.01, h, w, 0.02, 0.06, frame)


def _window(b: MeshBuilder, o: Opening, recess: float, view: int, frame: int) -> None:
    """The pane, its frame, a cross or middle bar, and a sill."""
    w, h, x = o.x1 - o.x0, o.z1 - o.z0, (o.x0 + o.x1) / 2
    b.quad([o.x1, -recess, o.z0], [-w, 0, 0], [0, 0, h], view, True)
    for s in (-1, 1):
        b.box(x + s * (w / 2 - 0.025), -recess + 0.02, o.z0, 0.05, 0.04, h, frame)
    for z in (o.z0, o.z1 - 0.05):
        b.box(x, -recess + 0.02, z, w - 0.1, 0.04, 0.05, frame)
    if w > 0.9:
        b.box(x, -recess + 0.02, o.z0 + 0.05, 0.05, 0.038, h - 0.1, frame)
    if o.z0 > 0.3:
        b.box(x, 0.05 - recess / 2, o.z0 - 0.02, w + 0.1, 0.1 + recess, 0.03, frame)


def _curtains(b: MeshBuilder, o: Opening, cloth: int, metal: int, ceiling: float) -> None:
    """Folded cloth on both sides of a window, under a rod."""
    w, top = (o.x1 - o.x0) * 0.28 + 0.12, min(o.z1 + 0.12, ceiling - 0.02)
    low = 0.03 if o.z0 < 0.3 else max(o.z0 - 0.2, 0.05)
    for x0 in (o.x0 - 0.12, o.x1 + 0.12 - w):
        u = np.linspace(0, 1, 25)
        line = np.stack([x0 + w * (1 - u), 0.15 + 0.025 * np.sin(2 * np.pi * u * 6)], axis=1)
        rows = np.linspace(low, top, 8)
        points = np.concatenate(
            [np.broadcast_to(line, (8, 25, 2)), np.broadcast_to(rows[:, None, None], (8, 25, 1))], axis=2
        )
        b.grid(points, cloth)
        b.grid(points[:, ::-1] - [0, 0.004, 0], cloth)
    b.tube([o.x0 - 0.2, 0.15, top + 0.02], [o.x1 + 0.2, 0.15, top + 0.02], 0.012, metal)


def _window_light(wall: Wall, o: Opening, recess: float, radiance: np.ndarray, beam: np.ndarray | None) -> Light:
    """The light of a window, just before its pane; sunlight only where the sun is well in front of it."""
    corner, end = wall.point(o.x1, 0.045 - recess), wall.point(o.x0, 0.045 - recess)
    inwards = np.array([-np.sin(wall.yaw), np.cos(wall.yaw), 0])
    if beam is not None and beam @ inwards < 0.2:
        beam = None
    right, up = np.array([*(end - corner), 0.0]), np.array([0, 0, o.z1 - o.z0])
    return Light(np.array([*corner, o.z0]), right, up, radiance * 0.6, beam)


def hang_lamps(b: MeshBuilder, plan: Plan, m: Materials, rng: np.random.Generator, ceiling: float) -> list[Light]:
    """Ceiling lamps: panels, domes or pendants, on a lattice over the room; returns their light."""
    width, depth = plan.outline.max(axis=0)
    style = rng.choice(["panel", "dome", "pendant", "spots"])
    spacing = {"panel": 2.6, "dome": 3.5, "pendant": 4.0, "spots": 1.6}[style]
    counts = [max(1, round(width / spacing)), max(1, round(depth / spacing))]
    warm = rng.uniform(0, 1)
    colour = np.array([1.0, 0.93 - 0.2 * warm, 0.85 - 0.45 * warm])
    power = rng.uniform(0.5, 1.5)
    glow = m.add("plain", [np.full(3, 0.9)], 1.0, 0, colour * 8 * power, infrared=False)
    case, lights = m.metal(), []
    for i in range(counts[0]):
        for j in range(counts[1]):
            x, y = width * (i + 0.5) / counts[0], depth * (j + 0.5) / counts[1]
            if not np.isfinite(plan.height[int(y / 0.05), int(x / 0.05)]):
                continue
            size, drop = {"panel": (0.6, 0.03), "dome": (0.36, 0.1), "pendant": (0.4, 0.7), "spots": (0.1, 0.02)}[style]
            drop = min(drop, ceiling - 1.95)
            if style == "panel":
                b.box(x, y, ceiling - drop, size, size, drop, case)
                b.quad([x - 0.27, y + 0.27, ceiling - drop - 0.002], [0.54, 0, 0], [0, -0.54, 0], glow)
            elif style == "dome":
                b.ellipsoid(x, y, ceiling - drop, size, size, drop * 2, glow)
            elif style == "pendant":
                b.tube([x, y, ceiling - drop + 0.2], [x, y, ceiling], 0.006, case)
                profile = [(size / 2, 0), (size * 0.35, 0.15), (0.05, 0.22)]
                b.lathe(x, y, ceiling - drop, profile, case, 16)
                b.ellipsoid(x, y, ceiling - drop + 0.01, 0.12, 0.12, 0.12, glow, 10)
            else:
                b.cylinder(x, y, ceiling - 0.02, size / 2, 0.02, case, 12)
                b.lathe(x, y, ceiling - 0.021, [(0, 0), (0.04, 0)], glow, 12)
            half = size / 2 * 0.8
            radiance = colour * power * 1.6 / (4 * half * half * counts[0] * counts[1]) * max(1.0, width * depth / 14)
            corner = np.array([x - half, y + half, ceiling - drop - 0.02])
            lights.append(Light(corner, np.array([2 * half, 0, 0]), np.array([0, -2 * half, 0]), radiance))
    return lights


def hang_on_walls(b: MeshBuilder, plan: Plan, m: Materials, rng: np.random.Generator, ceiling: float) -> None:
    """Pictures, posters, boards, clocks and radiators where the walls are free."""
    frame, clock, white = m.wood(), m.print(), m.add("plain", [m.pick(WALLS[:2])], 1.0, 0.03)
    pictures = [m.picture() if rng.random() < 0.6 else m.print() for _ in range(4)]
    board = m.add("fabric", [m.pick([*CLOTH, *STRONG, "#f0f0f0"])], 0.3)
    for wall in plan.walls:
        with b.placed(wall.start[0], wall.start[1], 0, wall.yaw):
            for o in wall.openings:
                if o.kind == "window" and o.z0 > 0.7 and wall.free(o.x0, o.x1, 0, 0.4) and rng.random() < 0.6:
                    _radiator(b, o, white)
            for _ in range(int(rng.poisson(wall.length * 0.6))):
                w, h = rng.uniform(0.25, 1.1), rng.uniform(0.25, 0.9)
                if wall.length < w + 0.3:
                    continue
                x, z = rng.uniform(w / 2 + 0.1, wall.length - w / 2 - 0.1), rng.uniform(1.35, 1.65)
                if not wall.free(x - w / 2, x + w / 2, z - h / 2, z + h / 2):
                    continue
                wall.taken.append((x - w / 2, x + w / 2, 3.0))
                if rng.random() < 0.12:
                    angle = np.linspace(0, 2 * np.pi, 25)
                    rim = np.stack([x + 0.15 * np.cos(angle), 0 * angle + 0.03, z + 0.15 * np.sin(angle)], axis=1)
                    b.grid(np.stack([rim, np.broadcast_to([x, 0.03, z], rim.shape)])[:, ::-1], clock)
                    continue
                b.box(x, 0.0125, z - h / 2, w, 0.025, h, frame)
                image = board if rng.random() < 0.15 else pictures[rng.integers(len(pictures))]
                b.quad([x + w / 2 - 0.03, 0.026, z - h / 2 + 0.03], [0.06 - w, 0, 0], [0, 0, h - 0.06], image, True)


def _radiator(b: MeshBuilder, o: Opening, white: int) -> None:
    x0, x1 = o.x0 + 0.05, min(o.x1 - 0.05, o.x0 + 1.4)
    b.box((x0 + x1) / 2, 0.06, 0.12, x1 - x0, 0.03, 0.5, white)
    for x in np.arange(x0 + 0.04, x1 - 0.02, 0.08):
        b.box(x, 0.085, 0.14, 0.045, 0.02, 0.46, white)
