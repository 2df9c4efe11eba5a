"""Rooms: kind, plan, furniture where it belongs, clutter, lamps; then the light is baked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from depth_models.data.rooms import shell
from depth_models.data.rooms.lighting import Light, bake
from depth_models.data.rooms.materials import Materials
from depth_models.data.rooms.mesh import Mesh, MeshBuilder
from depth_models.data.rooms.plan import Plan
from depth_models.data.rooms.shading import shading_table
from depth_models.data.rooms.stage import PIECES, Placed, Stage
from depth_models.data.rooms.textures import TextureBank
from depth_models.data.rooms.trace import Tracer


@dataclass(frozen=True)
class Room:
    """A furnished, lit room, ready to be rendered.

    Attributes:
        seed, scene: the seed that makes it and its kind.
        ceiling: height, metres.
        plan: outline, walls with openings, and what stands where.
        furniture: what stands on the floor.
        targets: (N, 3) points on table tops, shelves and seats that a near view may look at, metres.
        mesh, materials, shading, light_map, bank, tracer: what the renderer needs.
    """

    seed: int
    scene: str
    ceiling: float
    plan: Plan
    furniture: list[Placed]
    targets: np.ndarray
    mesh: Mesh
    materials: dict[str, np.ndarray]
    shading: np.ndarray
    light_map: np.ndarray
    bank: TextureBank
    tracer: Tracer


# Size ranges of the plan and what to put: against walls, then in the middle; each with its chance, in this order.
_SCENES: dict[str, tuple[tuple, list[tuple[str, float]], list[tuple[str, float]]]] = {
    "bedroom": (
        ((2.8, 4.6), (2.8, 4.6)),
        [("bed", 1), ("nightstand", 0.8), ("wardrobe", 0.8), ("desk", 0.5), ("drawers", 0.5), ("shelf", 0.5),
         ("armchair", 0.3), ("tv_stand", 0.2), ("plant", 0.3), ("floor_lamp", 0.3)],
        [],
    ),
    "living_room": (
        ((3.6, 6.5), (3.4, 5.5)),
        [("sofa", 1), ("tv_stand", 0.8), ("shelf", 0.7), ("sofa", 0.4), ("sideboard", 0.6), ("armchair", 0.5),
         ("shelf", 0.4), ("plant", 0.6), ("floor_lamp", 0.6), ("desk", 0.2)],
        [("coffee_table", 0.8), ("table", 0.3), ("armchair", 0.3)],
    ),
    "kitchen": (
        ((2.4, 4.5), (2.6, 4.5)),
        [("fridge", 0.9), ("kitchen", 1), ("kitchen", 0.8), ("kitchen", 0.5), ("shelf", 0.4), ("sideboard", 0.2)],
        [("table", 0.6)],
    ),
    "dining_room": (
        ((3.2, 5.5), (3.0, 4.8)),
        [("sideboard", 0.9), ("shelf", 0.4), ("drawers", 0.3), ("plant", 0.5), ("floor_lamp", 0.3)],
        [("table", 1)],
    ),
    "home_office": (
        ((2.4, 4.2), (2.4, 4.2)),
        [("desk", 1), ("shelf", 0.9), ("shelf", 0.7), ("drawers", 0.4), ("armchair", 0.3), ("plant", 0.4),
         ("desk", 0.3)],
        [],
    ),
    "office": (
        ((3.5, 7.5), (3.5, 6.5)),
        [("desk", 1), ("desk", 0.9), ("shelf", 0.8), ("desk", 0.7), ("wardrobe", 0.5), ("drawers", 0.5),
         ("plant", 0.4)],
        [("desk", 0.9), ("desk", 0.7), ("table", 0.5), ("desk", 0.4)],
    ),
    "classroom": (
        ((5.5, 9.0), (5.0, 7.5)),
        [("shelf", 0.6), ("wardrobe", 0.5), ("sideboard", 0.5)],
        [("table", 1)] * 5 + [("desk", 0.8)] * 3,
    ),
    "corridor": (
        ((4.0, 9.0), (1.3, 2.2)),
        [("sideboard", 0.3), ("plant", 0.4), ("shelf", 0.3), ("drawers", 0.3), ("chair", 0.4)],
        [],
    ),
    "storage": (
        ((2.2, 4.0), (2.2, 4.0)),
        [("shelf", 1), ("shelf", 0.9), ("shelf", 0.7), ("wardrobe", 0.4), ("chair", 0.4), ("drawers", 0.5)],
        [("table", 0.3)],
    ),
}  # fmt: skip
_CHANCES = np.array([0.2, 0.22, 0.11, 0.1, 0.12, 0.1, 0.04, 0.05, 0.06])
_BANK: list[TextureBank] = []  # one for the process: it is the same for every room, and large


def sample_room(seed: int) -> Room:
    """The room of a seed: the same on every machine, to float rounding."""
    rng = np.random.Generator(np.random.PCG64(seed))
    scene = list(_SCENES)[rng.choice(len(_SCENES), p=_CHANCES)]
    (width, depth), against, middle = _SCENES[scene]
    size = np.array([rng.uniform(*width), rng.uniform(*depth)])
    if rng.random() < 0.5:
        size = size[::-1]
    ceiling = rng.uniform(2.3, 3.2)
    plan = Plan(_outline(rng, size))
    shell.cut_openings(plan, rng, ceiling, scene)
    if not _BANK:
        _BANK.append(TextureBank())
    m, b = Materials(rng, _BANK[0]), MeshBuilder()
    stage = Stage(b, rng, m, plan)
    for kind, chance in against:
        if rng.random() < chance:
            stage.against_wall(PIECES[kind](rng, m))
    for kind, chance in middle:
        if rng.random() < chance:
            stage.in_the_middle(PIECES[kind](rng, m))
    stage.rug()
    stage.floor_clutter(3 if scene == "storage" else 0.6)
    lights = shell.draw_shell(b, plan, m, rng, ceiling, scene)
    shell.hang_on_walls(b, plan, m, rng, ceiling)
    lamps = shell.hang_lamps(b, plan, m, rng, ceiling)
    mesh, table = b.build(), m.table()
    tracer = Tracer(mesh)
    light_map = _bake(mesh, table, lights + lamps, rng, tracer)
    targets = np.array(stage.targets).reshape(-1, 3)
    shading = shading_table(mesh, table)
    return Room(seed, scene, ceiling, plan, stage.placed, targets, mesh, table, shading, light_map, _BANK[0], tracer)


def _bake(mesh: Mesh, table: dict[str, np.ndarray], lights: list[Light], rng, tracer: Tracer) -> np.ndarray:
    floor_light = np.full(3, rng.uniform(0.02, 0.12))
    return bake(mesh, table["mean"], lights, floor_light, tracer)


def _outline(rng: np.random.Generator, size: np.ndarray) -> np.ndarray:
    """A rectangle, or, for a quarter of the larger rooms, an L."""
    w, d = size
    if min(w, d) < 3.2 or rng.random() > 0.3:
        return np.array([[0, 0], [w, 0], [w, d], [0, d]])
    x, y = rng.uniform(0.45, 0.7) * w, rng.uniform(0.45, 0.7) * d
    return np.array([[0, 0], [w, 0], [w, y], [x, y], [x, d], [0, d]])
