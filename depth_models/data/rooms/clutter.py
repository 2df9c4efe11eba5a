"""Small things with real sizes that stand on tables, shelves and floors."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from depth_models.data.rooms.furniture import Top
from depth_models.data.rooms.materials import STONE, WALLS, Materials
from depth_models.data.rooms.mesh import MeshBuilder


class Clutter:
    """Draws small things; they share some dozen materials of the room."""

    def __init__(self, b: MeshBuilder, rng: np.random.Generator, m: Materials) -> None:
        self.b, self.rng = b, rng
        self.covers = [m.print() for _ in range(6)]
        self.plastics = [m.plastic() for _ in range(7)]
        self.cardboard = m.add("plain", [m.pick(["#b08a5a", "#a07a4c"])], 0.5)
        self.china = m.add("plain", [m.pick(WALLS)], 0.5, 0.04)
        self.paper = m.add("poster", [m.pick(["#f4f2ec"]), m.pick(WALLS), m.pick(STONE)])
        self.metal, self.screen, self.dark = m.metal(), m.black_glass(m.rng.random() < 0.6), m.black_glass(False)
        self.keys = m.add("keys", [[0.02] * 3, m.pick(["#2a2a2c", "#d8d8d4"]), m.pick(WALLS)])
        self.leaf = m.add("wood", [m.pick(["#3f6b35", "#56803f"]), m.pick(["#7c9c55"])], 0.2)
        self.cloth = m.cloth()
        self._small = [
            self.book_pile, self.book_pile, self.bottle, self.mug, self.mug, self.can, self.carton, self.carton,
            self.bowl, self.ball, self.sheet, self.sheet, self.phone, self.frame, self.vase, self.jar,
        ]  # fmt: skip

    def _one(self, materials: list[int]) -> int:
        return materials[self.rng.integers(len(materials))]

    # Each thing draws itself at the origin of the current frame, no higher than `room`, and fits within its radius.
    def book_pile(self, room: float) -> None:
        z = 0.0
        for _ in range(int(self.rng.integers(1, 5))):
            w, d, h = self.rng.uniform([0.12, 0.17, 0.01], [0.2, 0.26, 0.05])
            if z + h > room:
                return
            with self.b.placed(0, 0, z, self.rng.normal(0, 0.15)):
                self.b.box(0, 0, 0, w, d, h, self._one(self.plastics), top=self._one(self.covers))
            z += h

    def bottle(self, room: float) -> None:
        r, h = self.rng.uniform(0.03, 0.045), min(self.rng.uniform(0.2, 0.33), room)
        body, label, cap = self._one(self.plastics), self._one(self.covers), self._one(self.plastics)
        profile = [(r, 0), (r, h * 0.6), (r * 0.75, h * 0.7), (r * 0.35, h * 0.8), (r * 0.35, h * 0.93)]
        self.b.lathe(0, 0, 0, profile, body, 12)
        self.b.lathe(0, 0, h * 0.2, [(r * 1.02, 0), (r * 1.02, h * 0.25)], label, 12)
        self.b.cylinder(0, 0, h * 0.92, r * 0.42, h * 0.08, cap, 8)

    def mug(self, room: float) -> None:
        r, h, body = (
            self.rng.uniform(0.037, 0.045),
            self.rng.uniform(0.08, 0.11),
            self._one([self.china, *self.plastics]),
        )
        self.b.lathe(0, 0, 0, [(r * 0.9, 0), (r, h), (r * 0.88, h), (r * 0.85, 0.02), (0, 0.015)], body, 14)
        angle = np.linspace(-1.3, 1.3, 6)
        path = np.stack([r * 0.9 + 0.03 * np.cos(angle), 0 * angle, h / 2 + 0.03 * np.sin(angle)], axis=1)
        for start, end in pairwise(path):
            self.b.tube(start, end, 0.005, body, 5)

    def can(self, room: float) -> None:
        self.b.cylinder(0, 0, 0, 0.033, 0.115, self._one(self.covers), 12, top=self.metal)

    def jar(self, room: float) -> None:
        r, h = self.rng.uniform(0.03, 0.08), min(self.rng.uniform(0.06, 0.2), room)
        self.b.cylinder(0, 0, 0, r, h, self._one([*self.plastics, self.china]), 12, top=self._one(self.plastics))

    def carton(self, room: float) -> None:
        w, d, h = self.rng.uniform([0.06, 0.04, 0.05], [0.25, 0.18, 0.3])
        side = self._one([*self.plastics, *self.covers, self.cardboard])
        self.b.box(0, 0, 0, w, d, min(h, room), side, front=self._one(self.covers), top=self._one(self.covers))

    def bowl(self, room: float) -> None:
        r = self.rng.uniform(0.07, 0.13)
        profile = [(r * 0.4, 0), (r * 0.8, r * 0.3), (r, r * 0.65), (r * 0.94, r * 0.65), (r * 0.7, r * 0.3), (0, 0.02)]
        self.b.lathe(0, 0, 0, profile, self._one([self.china, *self.plastics]), 16)
        for _ in range(int(self.rng.integers(0, 4))):
            x, y = self.rng.uniform(-r / 3, r / 3, 2)
            self.b.ellipsoid(x, y, 0.02, 0.07, 0.07, 0.07, self._one(self.plastics), 10)

    def ball(self, room: float) -> None:
        size = min(self.rng.choice([0.065, 0.15, 0.22]), room)
        self.b.ellipsoid(0, 0, 0, size, size, size, self._one(self.plastics + self.covers), 20)

    def sheet(self, room: float) -> None:
        w, d = (0.21, 0.297) if self.rng.random() < 0.6 else (0.15, 0.21)
        self.b.box(0, 0, 0, w, d, self.rng.uniform(0.001, 0.006), self.paper, top=self._one([self.paper, *self.covers]))

    def phone(self, room: float) -> None:
        self.b.box(0, 0, 0, 0.072, 0.15, 0.009, self.metal, top=self.dark)

    def frame(self, room: float) -> None:
        w, h = self.rng.uniform(0.1, 0.2), min(self.rng.uniform(0.13, 0.25), room)
        self.b.box(0, 0, 0, w, 0.02, h, self.metal)
        self.b.quad([-w / 2 + 0.012, -0.011, 0.012], [w - 0.024, 0, 0], [0, 0, h - 0.024], self._one(self.covers), True)

    def vase(self, room: float) -> None:
        h = min(self.rng.uniform(0.12, 0.3), room * 0.6)
        r = h * self.rng.uniform(0.2, 0.35)
        profile = [(r * 0.6, 0), (r, h * 0.4), (r * 0.4, h * 0.85), (r * 0.5, h), (0, h * 0.95)]
        self.b.lathe(0, 0, 0, profile, self._one([self.china, *self.plastics]), 14)
        for angle in self.rng.uniform(0, 2 * np.pi, int(self.rng.integers(0, 9))):
            tip = np.array([0.1 * np.cos(angle), 0.1 * np.sin(angle), h + self.rng.uniform(0.3, 1) * (room - h) * 0.6])
            side = np.array([-np.sin(angle), np.cos(angle), 0]) * 0.02
            middle = np.array([0, 0, h]) * 0.5 + tip * 0.5 + [0, 0, 0.02]
            leaf = np.array(
                [[[0, 0, h * 0.95]] * 2, [middle - side, middle + side], [tip - side * 0.2, tip + side * 0.2]]
            )
            self.b.grid(leaf, self.leaf)
            self.b.grid(leaf[:, ::-1] - [0, 0, 0.001], self.leaf)

    def monitor(self) -> None:
        """A monitor with keyboard and mouse; the user sits at -y."""
        w = self.rng.uniform(0.42, 0.62)
        h = w * 0.58
        self.b.cylinder(0, 0.06, 0, 0.11, 0.015, self.metal, 14)
        self.b.box(0, 0.08, 0.01, 0.06, 0.03, 0.2, self.metal)
        self.b.box(0, 0.055, 0.1, w, 0.035, h, self.metal)
        self.b.quad([-w / 2 + 0.015, 0.036, 0.12], [w - 0.03, 0, 0], [0, 0, h - 0.04], self.screen, True)
        self.b.box(-0.03, -0.2, 0, 0.44, 0.14, 0.02, self.metal, top=self.keys)
        self.b.ellipsoid(0.27, -0.2, 0, 0.06, 0.1, 0.035, self.metal, 10)

    def laptop(self) -> None:
        """An open laptop; the user sits at -y."""
        w, d = 0.33, 0.23
        self.b.box(0, 0, 0, w, d, 0.018, self.metal)
        self.b.quad([-w / 2 + 0.02, -0.01, 0.0185], [w - 0.04, 0, 0], [0, 0.1, 0], self.keys, True)
        back, lean = np.array([-w / 2, d / 2, 0.018]), np.array([0, 0.06, 0.2])
        self.b.quad(back, [w, 0, 0], lean, self.screen, True)
        self.b.quad(back + [w, 0.006, 0], [-w, 0, 0], lean, self.metal)

    def desk_lamp(self) -> None:
        """A reading lamp on two arms."""
        colour = self._one([self.metal, *self.plastics])
        self.b.cylinder(0, 0, 0, 0.08, 0.02, colour, 14)
        self.b.tube([0, 0, 0.02], [0.08, 0.02, 0.3], 0.008, colour)
        self.b.tube([0.08, 0.02, 0.3], [-0.08, -0.05, 0.45], 0.008, colour)
        self.b.lathe(-0.1, -0.06, 0.37, [(0.075, 0), (0.03, 0.1), (0, 0.1)], colour, 12)

    def books(self, top: Top) -> None:
        """A row of standing books over a part of a board."""
        left, right = -top.w / 2, top.w / 2
        x, end = left, left + top.w * self.rng.uniform(0.3, 1.0)
        limit = min(0.3, top.headroom)
        while x < min(end, right - 0.05):
            t, h, d = self.rng.uniform([0.015, 0.6 * limit, 0.6], [0.05, limit * 0.98, 1.0]) * [1, 1, min(top.d, 0.24)]
            spine = self._one(self.plastics + self.covers)
            self.b.box(top.x + x + t / 2, top.y - top.d / 2 + d / 2 + 0.01, top.z, t - 0.001, d, h, spine, front=spine)
            x += t

    def scatter(self, top: Top, density: float) -> None:
        """Small things on a surface, apart from one another; density is things a square metre."""
        placed: list[tuple[float, float, float]] = []
        for _ in range(int(self.rng.poisson(density * top.w * top.d))):
            radius = 0.11 if min(top.w, top.d) > 0.25 else min(top.w, top.d) / 2
            x = self.rng.uniform(-1, 1) * max(top.w / 2 - radius, 0)
            y = self.rng.uniform(-1, 1) * max(top.d / 2 - radius, 0)
            if any(np.hypot(x - px, y - py) < radius + pr for px, py, pr in placed):
                continue
            placed.append((x, y, radius))
            turn = self.rng.normal(0, 0.3) if top.d < 0.3 else self.rng.uniform(0, 2 * np.pi)
            with self.b.placed(top.x + x, top.y + y, top.z, turn):
                self._small[self.rng.integers(len(self._small))](max(top.headroom - 0.02, 0.05))

    def floor_thing(self) -> float:
        """A carton, ball, bag, basket or pile on the floor; returns its height."""
        kind = self.rng.integers(4)
        if kind == 0:
            w, d, h = self.rng.uniform([0.25, 0.2, 0.15], [0.6, 0.45, 0.5])
            self.b.box(0, 0, 0, w, d, h, self.cardboard, front=self._one(self.covers))
        elif kind == 1:
            h = 0.22
            self.ball(0.3)
        elif kind == 2:
            h = self.rng.uniform(0.3, 0.5)
            self.b.cushion(0, 0, 0, 0.32, 0.2, h, self.cloth, 3)
        else:
            h, r = self.rng.uniform(0.25, 0.4), self.rng.uniform(0.12, 0.17)
            profile = [(r * 0.8, 0), (r, h), (r * 0.95, h), (r * 0.75, 0.02), (0, 0.02)]
            self.b.lathe(0, 0, 0, profile, self._one(self.plastics), 16)
        return float(h)
