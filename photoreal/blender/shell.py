"""Floors, walls, ceilings, doors, windows with curtains, and what is seen outside."""

from __future__ import annotations

import numpy as np

from photoreal import pictures
from photoreal.blender.materials import Palette, glowing, mottled, photo, plain
from photoreal.blender.meshes import box, joined, mesh, moved, sheet
from photoreal.plan import WALL_M, Hole, Plan, RoomPlan, panels

Rng = np.random.Generator
_HALF = WALL_M / 2
_LEAVES = 1500


def build_shell(rng: Rng, plan: Plan, palette: Palette, sky: float) -> None:
    """All rooms of a plan and the outside; `sky` is the radiance outside."""
    same_floor = _floor_material(rng)
    for room in plan.rooms:
        floor = same_floor if rng.random() < 0.5 else _floor_material(rng)
        _build_room(rng, room, plan.height, floor, palette)
    build_outside(rng, plan, sky)


def _floor_material(rng: Rng):
    if rng.random() < 0.75:
        return photo(rng, "floor", (0.15, 0.7))
    return mottled(rng, pictures.muted(rng, (0.2, 0.65), 0.12), 40.0, 0.25, float(rng.uniform(0.4, 1.0)))


def _wall_material(rng: Rng):
    if rng.random() < 0.4:
        return photo(rng, "wall", (0.6, 1.0))
    light = pictures.muted(rng, (0.6, 0.95), 0.2)
    return mottled(rng, light, 1.5, 0.05, 0.9)


def _build_room(rng: Rng, room: RoomPlan, height: float, floor, palette: Palette) -> None:
    f = room.floor
    wide = f.grown(_HALF)
    box("floor", (wide.x0, wide.y0, -0.1), (wide.x1, wide.y1, 0), floor)
    ceiling = photo(rng, "ceiling", (0.7, 1)) if rng.random() < 0.25 else plain(rng, np.full(3, rng.uniform(0.8, 0.95)))
    box("ceiling", (wide.x0, wide.y0, height), (wide.x1, wide.y1, height + 0.1), ceiling)
    paint = _wall_material(rng)
    skirting = palette.body() if rng.random() < 0.4 else plain(rng, np.full(3, rng.uniform(0.6, 0.92)))
    for wall in ("south", "north", "west", "east"):
        holes = tuple(hole for hole in room.holes if hole.wall == wall)
        other = paint if rng.random() < 0.8 else _wall_material(rng)
        for a0, a1, z0, z1 in panels(room.length(wall), height, holes, _HALF):
            on_wall(room, wall, a0, a1, z0, z1, -_HALF, 0.0, other)
        doors = tuple(hole for hole in holes if hole.z0 == 0)
        for a0, a1, z0, _ in panels(room.length(wall), 0.08, doors, 0.0):
            if z0 == 0:
                on_wall(room, wall, a0, a1, 0.0, 0.08, 0.0, 0.012, skirting)
        for hole in holes:
            _dress(rng, room, hole, palette, height)


def on_wall(room: RoomPlan, wall: str, a0, a1, z0, z1, n0, n1, material):
    """A box beside a wall: `a` along it, `z` up, `n` into the room from its face, metres."""
    f = room.floor
    if wall == "south":
        low, high = (f.x0 + a0, f.y0 + n0, z0), (f.x0 + a1, f.y0 + n1, z1)
    elif wall == "north":
        low, high = (f.x0 + a0, f.y1 - n1, z0), (f.x0 + a1, f.y1 - n0, z1)
    elif wall == "west":
        low, high = (f.x0 + n0, f.y0 + a0, z0), (f.x0 + n1, f.y0 + a1, z1)
    else:
        low, high = (f.x1 - n1, f.y0 + a0, z0), (f.x1 - n0, f.y0 + a1, z1)
    return box(f"{wall} wall", low, high, material)


def _dress(rng: Rng, room: RoomPlan, hole: Hole, palette: Palette, height: float) -> None:
    a, b, z0, z1, t = hole.a, hole.b, hole.z0, hole.z1, 0.05
    frame = plain(rng, np.full(3, rng.uniform(0.75, 0.95))) if rng.random() < 0.7 else palette.body()
    sides = [(a, a + t, z0, z1), (b - t, b, z0, z1), (a, b, z1 - t, z1)]
    if hole.kind == "window":
        sides.append((a, b, z0, z0 + t))
        sides += [((m := a + (b - a) * k), m + t, z0, z1) for k in _mullions(rng, b - a)]
        for side in sides:
            on_wall(room, hole.wall, *side, -_HALF, -0.01, frame)
        on_wall(room, hole.wall, a - 0.05, b + 0.05, z0 - 0.03, z0, -_HALF, 0.09 if z0 > 0.3 else 0.0, frame)
        if rng.random() < 0.6:
            _curtains(rng, room, hole, palette, height)
        return
    for a0, a1, h0, h1 in [(a - 0.06, a, 0, z1 + 0.06), (b, b + 0.06, 0, z1 + 0.06), (a, b, z1, z1 + 0.06)]:
        on_wall(room, hole.wall, a0, a1, h0, h1, 0, 0.015, frame)
    if hole.kind != "passage":
        _leaf(rng, room, hole, frame if rng.random() < 0.5 else palette.body(), palette)


def _mullions(rng: Rng, width: float) -> list[float]:
    n = max(0, round(width / rng.uniform(0.6, 1.2)) - 1)
    return [(k + 1) / (n + 1) for k in range(n)]


def _leaf(rng: Rng, room: RoomPlan, hole: Hole, material, palette: Palette) -> None:
    """The door itself, shut or open into the room."""
    w, h = hole.b - hole.a, hole.z1
    leaf = [box("leaf", (0, -0.02, 0.005), (w, 0.02, h - 0.005), material)]
    if rng.random() < 0.6:
        inner = plain(rng) if rng.random() < 0.3 else material
        for z0, z1 in ((0.2, 0.9), (1.05, h - 0.15)):
            leaf.append(box("panel", (0.12, -0.026, z0), (w - 0.12, 0.026, z1), inner))
    for side in (-1, 1):
        y0, y1 = sorted((side * 0.02, side * 0.065))
        leaf.append(
            box(
                "handle",
                (w - 0.17, y1 - 0.02 if side > 0 else y0, 1.02),
                (w - 0.05, y1 if side > 0 else y0 + 0.02, 1.045),
                palette.metal(),
            )
        )
        leaf.append(box("neck", (w - 0.075, y0, 1.02), (w - 0.055, y1, 1.045), palette.metal()))
    shut = hole.kind == "closed_door" or rng.random() < 0.25
    angle = 0.0 if shut else float(rng.uniform(np.radians(50), np.radians(100)))
    # Seen from the room, along the wall from a to b; the leaf swings inwards.
    along = {"south": 0.0, "north": 0.0, "west": np.pi / 2, "east": np.pi / 2}[hole.wall]
    inward = {"south": 1, "north": -1, "west": -1, "east": 1}[hole.wall]
    x, y = room.wall_point(hole.wall, hole.a, -0.02)
    moved(joined("door", leaf), x, y, 0.0, along + inward * angle)


def _curtains(rng: Rng, room: RoomPlan, hole: Hole, palette: Palette, height: float) -> None:
    """Cloth in folds on either side of a window."""
    cloth, top = palette.cloth(), min(hole.z1 + 0.12, height - 0.03)
    low = 0.03 if rng.random() < 0.6 or hole.z0 < 0.3 else hole.z0 - 0.12
    width = (hole.b - hole.a) * rng.uniform(0.12, 0.4)
    for a0, a1 in ((hole.a - 0.08, hole.a - 0.08 + width), (hole.b + 0.08 - width, hole.b + 0.08)):
        a0, a1 = max(a0, 0.02), min(a1, room.length(hole.wall) - 0.02)
        along = np.linspace(a0, a1, 60)
        fold = 0.1 + 0.025 * np.sin(along * rng.uniform(45, 75) + rng.uniform(0, 6))
        xy = np.array([room.wall_point(hole.wall, a, n) for a, n in zip(along, fold, strict=True)])
        grid = np.stack([np.c_[xy, np.full(len(xy), z)] for z in (low, (low + top) / 2, top)])
        sheet("curtain", grid, cloth)
    on_wall(
        room,
        hole.wall,
        max(hole.a - 0.2, 0),
        min(hole.b + 0.2, room.length(hole.wall)),
        top,
        top + 0.025,
        0.085,
        0.11,
        palette.metal(),
    )


def build_outside(rng: Rng, plan: Plan, sky: float) -> None:
    """Ground, houses and trees around the flat; they shine by themselves, as the sky does not light them."""
    w = max(room.floor.x1 for room in plan.rooms)
    d = max(room.floor.y1 for room in plan.rooms)
    ground = -float(rng.choice([0.3, rng.uniform(3, 9)]))
    level = max(sky, 0.02)
    _glow(box("ground", (-60, -60, ground - 0.1), (60, 60, ground), photo(rng, "grass", tint=0.2)), level * 0.35)
    for _ in range(int(rng.integers(4, 10))):
        a, r = rng.uniform(0, 2 * np.pi), rng.uniform(14, 40)
        x, y = w / 2 + r * np.cos(a), d / 2 + r * np.sin(a)
        s = rng.uniform(3, 9, 2)
        house = box(
            "house",
            (x - s[0], y - s[1], ground),
            (x + s[0], y + s[1], ground + rng.uniform(4, 14)),
            photo(rng, "outside", tint=0.4),
        )
        _glow(house, level * rng.uniform(0.15, 0.6))
    for _ in range(int(rng.integers(2, 12))):
        a, r = rng.uniform(0, 2 * np.pi), rng.uniform(9, 22)
        _tree(rng, w / 2 + r * np.cos(a), d / 2 + r * np.sin(a), ground, level)


def _tree(rng: Rng, x: float, y: float, ground: float, level: float) -> None:
    """A trunk and a crown of leaves, each a square."""
    green = np.array([rng.uniform(0.1, 0.3), rng.uniform(0.25, 0.45), 0.1])
    h, r = rng.uniform(3, 8), rng.uniform(1.2, 2.5)
    leaves = rng.normal(0, 0.5, (_LEAVES, 3)) * r + (x, y, ground + h)
    corners = leaves[:, None] + rng.normal(0, 0.07, (_LEAVES, 4, 3))
    mesh("crown", corners.reshape(-1, 3), np.arange(4 * _LEAVES).reshape(-1, 4), glowing(green, level * 0.4))
    box(
        "trunk", (x - 0.12, y - 0.12, ground), (x + 0.12, y + 0.12, ground + h), glowing((0.25, 0.2, 0.15), level * 0.2)
    )


def _glow(thing, strength: float) -> None:
    """Make a textured object shine with its own colours."""
    tree = thing.data.materials[0].node_tree
    shader = tree.nodes["Principled BSDF"]
    tree.links.new(shader.inputs["Base Color"].links[0].from_socket, shader.inputs["Emission Color"])
    shader.inputs["Emission Strength"].default_value = strength
