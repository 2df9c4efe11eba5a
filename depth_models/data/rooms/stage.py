"""Putting furniture where it belongs: against walls, in the middle, chairs at tables, small things on top."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from depth_models.data.rooms import furniture, storage
from depth_models.data.rooms.clutter import Clutter
from depth_models.data.rooms.furniture import Piece, Top
from depth_models.data.rooms.materials import Materials
from depth_models.data.rooms.mesh import MeshBuilder
from depth_models.data.rooms.plan import Plan


@dataclass(frozen=True)
class Placed:
    """A piece of furniture in the room: kind, footprint's middle (x, y) and heading, outer size; metres, radians."""

    kind: str
    x: float
    y: float
    yaw: float
    size: tuple[float, float, float]


PIECES: dict[str, Callable[[np.random.Generator, Materials], Piece]] = {
    **{kind: partial(furniture.table, kind=kind) for kind in ("table", "coffee_table", "desk")},
    **{kind: partial(storage.cabinet, kind=kind) for kind in ("drawers", "nightstand", "sideboard", "wardrobe")},
    "armchair": partial(furniture.sofa, seats=1),
    "bed": furniture.bed,
    "chair": furniture.chair,
    "floor_lamp": furniture.floor_lamp,
    "fridge": storage.fridge,
    "kitchen": storage.kitchen,
    "office_chair": furniture.office_chair,
    "plant": furniture.plant,
    "shelf": storage.shelf,
    "sofa": furniture.sofa,
    "tv_stand": storage.tv_stand,
}


class Stage:
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
