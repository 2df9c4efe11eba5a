"""Rooms: kind, plan, furniture where it belongs, clutter, lamps; then the light is baked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from depth_models.data.rooms import furniture, shell
from depth_models.data.rooms.clutter import Clutter
from depth_models.data.rooms.furniture import Piece, Top
from depth_models.data.rooms.lighting import Light, bake
from depth_models.data.rooms.materials import Materials
from depth_models.data.rooms.mesh import Mesh, MeshBuilder
from depth_models.data.rooms.plan import Plan
from depth_models.data.rooms.shading import shading_table
from depth_models.data.rooms.textures import TextureBank
from depth_models.data.rooms.trace import Tracer


@dataclass(frozen=True)
class Placed:
    """A piece of furniture in the room: kind, footprint's middle (x, y) and heading, outer size; metres, radians."""

    kind: str
    x: float
    y: float
    yaw: float
    size: tuple[float, float, float]


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


def make_piece(kind: str, rng: np.random.Generator, m: Materials) -> Piece:
    """A piece of furniture by name, such as `bed`, `armchair`, `nightstand` or `coffee_table`."""
    if kind in ("table", "coffee_table", "desk"):
        return furniture.table(rng, m, kind)
    if kind in ("drawers", "sideboard", "wardrobe", "nightstand", "kitchen", "fridge"):
        return furniture.cabinet(rng, m, kind)
    if kind == "armchair":
        return furniture.sofa(rng, m, 1)
    return getattr(furniture, kind)(rng, m)


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
    stage = _Stage(b, rng, m, plan)
    for kind, chance in against:
        if rng.random() < chance:
            stage.against_wall(make_piece(kind, rng, m))
    for kind, chance in middle:
        if rng.random() < chance:
            stage.in_the_middle(make_piece(kind, rng, m))
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


class _Stage:
    """Places and draws furniture and what stands on it."""

    def __init__(self, b: MeshBuilder, rng: np.random.Generator, m: Materials, plan: Plan) -> None:
        self.b, self.rng, self.m, self.plan = b, rng, m, plan
        self.clutter = Clutter(b, rng, m)
        self.mess = rng.uniform(3.0, 28.0)  # things a square metre of table
        self.placed: list[Placed] = []
        self.targets: list[np.ndarray] = []

    def against_wall(self, piece: Piece) -> None:
        """Try some places along the walls; a piece that fits nowhere is left out."""
        w, d, h = piece.size
        for _ in range(30):
            wall = self.plan.walls[self.rng.integers(len(self.plan.walls))]
            if wall.length < w + 0.04:
                continue
            along, gap = self.rng.uniform(w / 2 + 0.02, wall.length - w / 2 - 0.02), self.rng.uniform(0.02, 0.06)
            if self.rng.random() < 0.3:  # into a corner
                along = w / 2 + 0.03
            x, y = wall.point(along, d / 2 + gap)
            yaw = wall.yaw + np.pi
            if wall.free(along - w / 2, along + w / 2, 0, h) and self.plan.fits(x, y, w, d, yaw):
                wall.taken.append((along - w / 2, along + w / 2, h))
                self.put(piece, x, y, yaw)
                return

    def in_the_middle(self, piece: Piece) -> None:
        """Try some free places with room to walk around."""
        w, d, _ = piece.size
        low, high = self.plan.outline.min(axis=0), self.plan.outline.max(axis=0)
        yaw = self.rng.integers(4) * np.pi / 2 + (self.rng.normal(0, 0.1) if self.rng.random() < 0.3 else 0)
        for _ in range(30):
            x, y = low + self.rng.uniform(0.2, 0.8, 2) * (high - low)
            if self.plan.fits(x, y, w + 0.7, d + 1.0, yaw):
                self.put(piece, x, y, yaw)
                return

    def put(self, piece: Piece, x: float, y: float, yaw: float) -> None:
        """Draw a piece, what stands on it, and the chairs that belong to it."""
        self.plan.mark(x, y, *piece.size[:2], yaw, piece.size[2])
        self.placed.append(Placed(piece.kind, float(x), float(y), float(yaw), piece.size))
        with self.b.placed(x, y, 0, yaw):
            piece.draw(self.b)
            self._dress(piece)
        self._note_targets(piece.tops, x, y, yaw)
        w, d, _ = piece.size
        if piece.kind == "desk":
            self._chair(x, y, yaw, 0.0, -d / 2 - self.rng.uniform(-0.05, 0.35), np.pi, self.rng.random() < 0.7)
        elif piece.kind == "table":
            for side in (-1, 1):
                for k in range(int(self.rng.integers(1, 1 + max(1, round(w / 0.65))))):
                    offset = (k + 0.5) * 0.62 - w / 2 + 0.1
                    out = side * (d / 2 + self.rng.uniform(-0.08, 0.3))
                    if offset < w / 2 - 0.2:
                        self._chair(x, y, yaw, offset, out, np.pi if side < 0 else 0.0, False)

    def _chair(self, x, y, yaw, dx, dy, turn, swivel: bool) -> None:
        """A chair that may stand partly under its table."""
        c, s = np.cos(yaw), np.sin(yaw)
        cx, cy = x + c * dx - s * dy, y + s * dx + c * dy
        piece = furniture.office_chair(self.rng, self.m) if swivel else furniture.chair(self.rng, self.m)
        w, d, h = piece.size
        turn = yaw + turn + self.rng.normal(0, 0.4 if swivel else 0.12)
        # Only the part that is not under the table has to be free.
        fx, fy = cx + (cx - x) * 0.15 / max(abs(dy), 0.3), cy + (cy - y) * 0.15 / max(abs(dy), 0.3)
        if not self.plan.fits(fx, fy, w * 0.7, d * 0.6, turn):
            return
        self.plan.mark(cx, cy, w, d, turn, h)
        self.placed.append(Placed(piece.kind, float(cx), float(cy), float(turn), piece.size))
        with self.b.placed(cx, cy, 0, turn):
            piece.draw(self.b)

    def _dress(self, piece: Piece) -> None:
        tops, density = list(piece.tops), self.mess
        special: list[Callable[[], None]] = []
        if piece.kind == "desk":
            special = [self.clutter.monitor if self.rng.random() < 0.65 else self.clutter.laptop]
        if piece.kind == "nightstand" and self.rng.random() < 0.6:
            special, tops = [self.clutter.desk_lamp], []
        for draw in special:
            top = piece.tops[0]
            with self.b.placed(top.x + self.rng.uniform(-0.1, 0.1) * (top.w > 0.8), top.y + 0.02, top.z):
                draw()
        if special and tops:  # things go to both sides of the screen
            top, tops = tops[0], []
            side = (top.w - 0.75) / 2
            tops = [Top(s * (top.w - side) / 2, top.y, side, top.d, top.z, top.headroom) for s in (-1, 1) if side > 0.1]
        for top in tops:
            if piece.kind == "shelf" and top.headroom < 0.6 and self.rng.random() < 0.6:
                self.clutter.books(top)
            elif piece.kind not in ("chair", "bed", "sofa") or self.rng.random() < 0.25:
                self.clutter.scatter(top, density * (2.0 if piece.kind == "shelf" else 1.0))

    def _note_targets(self, tops: list[Top], x: float, y: float, yaw: float) -> None:
        c, s = np.cos(yaw), np.sin(yaw)
        for top in tops if len(tops) < 3 else [tops[i] for i in self.rng.integers(len(tops), size=2)]:
            dx, dy = top.x + self.rng.uniform(-0.3, 0.3) * top.w, top.y - 0.2 * top.d
            self.targets.append(np.array([x + c * dx - s * dy, y + s * dx + c * dy, top.z + 0.05]))

    def rug(self) -> None:
        """Sometimes a rug in the middle."""
        w, d = self.plan.outline.max(axis=0) * self.rng.uniform(0.3, 0.6)
        rug = self.m.add(
            "rug", [self.m.pick(["#8c2f4a", "#a89a80", "#35404f", "#7b3b3b", "#b5b0a6"]) for _ in range(3)]
        )
        x, y = self.plan.outline.max(axis=0) * self.rng.uniform(0.35, 0.5, 2)
        if self.rng.random() < 0.4 and len(self.plan.outline) == 4:
            self.b.box(x, y, 0, w, d, 0.012, rug, top=rug)

    def floor_clutter(self, density: float) -> None:
        """Cartons, balls, bags and baskets on free floor."""
        area = np.isfinite(self.plan.height).sum() * 0.0025
        for _ in range(int(self.rng.poisson(density * area * self.mess / 28))):
            x, y = self.rng.uniform(0.3, 1, 2) * (self.plan.outline.max(axis=0) - 0.3)
            yaw = self.rng.uniform(0, 2 * np.pi)
            if self.plan.fits(x, y, 0.5, 0.5, yaw):
                with self.b.placed(x, y, 0, yaw):
                    height = self.clutter.floor_thing()
                self.plan.mark(x, y, 0.5, 0.5, yaw, height)
                if self.rng.random() < 0.3:  # near views are rather of tables and shelves
                    self.targets.append(np.array([x, y, height]))
