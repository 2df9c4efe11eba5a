"""A room's floor plan: outline, walls with openings, and a height map of what stands where."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

CELL_M = 0.05


@dataclass(frozen=True)
class Opening:
    """A door or window in a wall: its extent along the wall and in height, metres."""

    kind: str
    x0: float
    x1: float
    z0: float
    z1: float


@dataclass
class Wall:
    """One straight wall; local x runs along it with the room to its left, local y points into the room."""

    start: np.ndarray
    length: float
    yaw: float
    openings: list[Opening] = field(default_factory=list)
    taken: list[tuple[float, float, float]] = field(default_factory=list)  # x0, x1, height of what stands there

    def point(self, along: float, inward: float) -> np.ndarray:
        """(2,) world position."""
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        return self.start + [c * along - s * inward, s * along + c * inward]

    def free(self, x0: float, x1: float, z0: float, z1: float, gap: float = 0.05) -> bool:
        """Whether no opening or furniture meets a rectangle on the wall."""
        clear = all(x1 + gap < o.x0 or o.x1 < x0 - gap or z1 < o.z0 or o.z1 < z0 for o in self.openings)
        return clear and all(x1 < t0 or t1 < x0 or z0 > h for t0, t1, h in self.taken)


class Plan:
    """An axis-aligned outline (counter-clockwise) and what stands in it.

    Attributes:
        outline: (V, 2) metres.
        walls: one per edge of the outline.
        height: (ny, nx) metres, top of what stands in each cell; inf outside the room.
        reserved: (ny, nx) bool, kept free of furniture (in front of doors).
    """

    def __init__(self, outline: np.ndarray) -> None:
        import cv2

        self.outline = outline
        edges = np.roll(outline, -1, axis=0) - outline
        self.walls = [
            Wall(a, float(np.hypot(*e)), float(np.arctan2(e[1], e[0]))) for a, e in zip(outline, edges, strict=True)
        ]
        shape = np.ceil(outline.max(axis=0)[::-1] / CELL_M).astype(int)
        inside = np.zeros(shape, np.uint8)
        cv2.fillPoly(inside, [np.round(outline / CELL_M - 0.5).astype(np.int32)], 1)
        self.height = np.where(inside, 0.0, np.inf)
        self.reserved = np.zeros(shape, bool)

    def _cells(self, x: float, y: float, w: float, d: float, yaw: float) -> np.ndarray:
        import cv2

        c, s = np.cos(yaw), np.sin(yaw)
        corners = np.array([[-w, -d], [w, -d], [w, d], [-w, d]]) / 2 @ np.array([[c, s], [-s, c]]) + [x, y]
        mask = np.zeros(self.height.shape, np.uint8)
        cv2.fillConvexPoly(mask, np.round(corners / CELL_M - 0.5).astype(np.int32), 1)
        return mask.astype(bool)

    def fits(self, x: float, y: float, w: float, d: float, yaw: float) -> bool:
        """Whether a turned rectangle lies on free floor."""
        c, s = abs(np.cos(yaw)), abs(np.sin(yaw))
        half = np.array([c * w + s * d, s * w + c * d]) / 2
        low, high = np.array([x, y]) - half, np.array([x, y]) + half
        if (low < self.outline.min(axis=0) - 0.01).any() or (high > self.outline.max(axis=0) + 0.01).any():
            return False
        cells = self._cells(x, y, w - 0.05, d - 0.05, yaw)
        return not (self.reserved[cells].any() or (self.height[cells] > 0).any())

    def mark(self, x: float, y: float, w: float, d: float, yaw: float, h: float) -> None:
        """Note that something of height h stands there."""
        cells = self._cells(x, y, w, d, yaw)
        self.height[cells] = np.maximum(self.height[cells], h)

    def reserve(self, x: float, y: float, w: float, d: float, yaw: float) -> None:
        """Keep a turned rectangle free of furniture."""
        self.reserved |= self._cells(x, y, w, d, yaw)

    def clearance(self, z: float) -> np.ndarray:
        """(ny, nx) metres from each cell to the nearest cell whose contents reach above height z."""
        import cv2

        free = np.pad((self.height < z).astype(np.uint8), 1)
        return cv2.distanceTransform(free, cv2.DIST_L2, 5)[1:-1, 1:-1].astype(np.float64) * CELL_M

    def position(self, cell: np.ndarray) -> np.ndarray:
        """(2,) world position of a cell (row, column)."""
        return (np.asarray(cell)[::-1] + 0.5) * CELL_M
