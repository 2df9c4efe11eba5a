"""Where small things stand on furniture: level surfaces as grids of cells. Nothing here knows Blender."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from photoreal.floor import footprint

Rng = np.random.Generator
CELL_M = 0.02
_LEAST_CELLS = 60  # 0.024 square metres
_SAME_M = 0.01  # heights that are one level


@dataclass
class Surface:
    """A level surface of a piece of furniture, in the piece's own coordinates.

    Attributes:
        z: its height, metres.
        low: (2,) where cell (0, 0) begins, metres.
        room: (nx, ny) float64 free height above each cell, metres; 0 where there is no surface or something stands.
    """

    z: float
    low: np.ndarray
    room: np.ndarray

    def place(
        self, rng: Rng, size: tuple[float, float, float], yaw: float, near: tuple[float, float] | None = None,
        tries: int = 25, margin: float = 0.01,
    ) -> tuple[float, float] | None:  # fmt: skip
        """Find a place for a thing and take it.

        Args:
            rng: random source.
            size: of the thing along its own axes, metres.
            yaw: its turn, radians.
            near: where its middle should be, metres; a place close to it is taken, or none.
            tries: before giving up.
            margin: kept free around it, metres.

        Returns:
            (x, y) of its middle; None where there is no room.
        """
        w, d = footprint(size[0], size[1], yaw)
        for _ in range(tries):
            if near is None:
                free = np.argwhere(self.room > size[2])
                if not len(free):
                    return None
                x, y = self.low + (free[rng.integers(len(free))] + rng.uniform(0, 1, 2)) * CELL_M
            else:
                x, y = np.asarray(near) + rng.normal(0, 0.02, 2)
            cells = self._cells(x - w / 2, x + w / 2, y - d / 2, y + d / 2)
            if cells is not None and (self.room[cells] > size[2]).all():
                wide = self._cells(x - w / 2 - margin, x + w / 2 + margin, y - d / 2 - margin, y + d / 2 + margin, True)
                self.room[wide] = 0
                return float(x), float(y)
        return None

    def _cells(self, x0: float, x1: float, y0: float, y1: float, cut: bool = False):
        """The cells that a rectangle touches; None where it goes over the edge, unless cut off there."""
        i0, i1 = int(np.floor((x0 - self.low[0]) / CELL_M)), int(np.ceil((x1 - self.low[0]) / CELL_M))
        j0, j1 = int(np.floor((y0 - self.low[1]) / CELL_M)), int(np.ceil((y1 - self.low[1]) / CELL_M))
        if not cut and (min(i0, j0) < 0 or i1 > self.room.shape[0] or j1 > self.room.shape[1]):
            return None
        return np.s_[max(i0, 0) : i1, max(j0, 0) : j1]


def surfaces(
    columns: list[list[list[tuple[float, float]]]], low: np.ndarray, least_room: float = 0.08
) -> list[Surface]:
    """Sort what rays from above have hit into level surfaces.

    Args:
        columns: [nx][ny] lists of (height, free height above it) of the level places under each cell, metres.
        low: (2,) where cell (0, 0) begins, metres.
        least_room: less free height than this does not count.

    Returns:
        From the lowest to the highest, those of some size.
    """
    shape = (len(columns), len(columns[0]))
    rooms: dict[int, np.ndarray] = {}
    heights: dict[int, float] = {}
    for i, line in enumerate(columns):
        for j, levels in enumerate(line):
            for z, room in levels:
                if room >= least_room:
                    level = round(z / _SAME_M)
                    rooms.setdefault(level, np.zeros(shape))[i, j] = room
                    heights[level] = max(heights.get(level, z), z)
    return [
        Surface(heights[level], low, room) for level, room in sorted(rooms.items()) if (room > 0).sum() >= _LEAST_CELLS
    ]
