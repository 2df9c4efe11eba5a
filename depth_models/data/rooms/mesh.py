"""Triangle meshes with a light map and a texture map, collected from boxes, quads and swept surfaces."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

TEXEL_M = 0.07  # spacing of the light map on large faces
TEXEL_UP_M = 0.04  # on faces that look up, where the shadows of small things lie
ATLAS_WIDTH = 1024
# Faces of a unit box as (corner, right, up), seen from outside, so that right x up points outwards.
_BOX_FACES = np.array(
    [
        [(-1, -1, 0), (2, 0, 0), (0, 0, 1)],
        [(1, 1, 0), (-2, 0, 0), (0, 0, 1)],
        [(1, -1, 0), (0, 2, 0), (0, 0, 1)],
        [(-1, 1, 0), (0, -2, 0), (0, 0, 1)],
        [(-1, -1, 1), (2, 0, 0), (0, 2, 0)],
        [(-1, 1, 0), (2, 0, 0), (0, -2, 0)],
    ],
    np.float64,
) * [0.5, 0.5, 1.0]


@dataclass(frozen=True)
class Mesh:
    """Triangles and the points where light is baked.

    Attributes:
        vertices: (T, 3, 3) float64 metres.
        normals, normals32: (T, 3) float64 and float32 unit, outwards.
        surface: (T,) int32, which face or swept surface a triangle belongs to.
        material: (T,) int32.
        maps: (T, 4, 4) float32, affine maps of a world point (x, y, z, 1) to light-map x, y (texels of the
            atlas) and texture u, v (metres, or fractions where the texture is fitted to its face).
        points, point_normals: (L, 3) float32, where light is baked.
        point_material: (L,) int32.
        texel: (L, 2) int32 row and column in the atlas.
        patches: (P, 4) int32 row, column, height, width of each face's part of the atlas.
        atlas_shape: rows and columns of the atlas.
    """

    vertices: np.ndarray
    normals: np.ndarray
    normals32: np.ndarray
    surface: np.ndarray
    material: np.ndarray
    maps: np.ndarray
    points: np.ndarray
    point_normals: np.ndarray
    point_material: np.ndarray
    texel: np.ndarray
    patches: np.ndarray
    atlas_shape: tuple[int, int]


def _rotation(yaw: float) -> np.ndarray:
    c, s = np.cos(yaw), np.sin(yaw)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])


class MeshBuilder:
    """Collects surfaces in the current local frame; `build()` makes the mesh."""

    def __init__(self) -> None:
        self._rotation, self._origin = np.eye(3), np.zeros(3)
        self._quads: list[np.ndarray] = [np.empty((0, 3, 3))]
        self._quad_info: list[tuple[int, bool, tuple[float, float] | None]] = []  # material, fitted, texture's origin
        self._grids: list[tuple[np.ndarray, np.ndarray, np.ndarray, int]] = []  # points, normals, uv, material

    @contextmanager
    def placed(self, x: float, y: float, z: float = 0.0, yaw: float = 0.0) -> Iterator[None]:
        """Draw in a frame whose origin and heading are given in the present one."""
        kept = self._rotation, self._origin
        self._origin = self._origin + self._rotation @ np.array([x, y, z])
        self._rotation = self._rotation @ _rotation(yaw)
        yield
        self._rotation, self._origin = kept

    def quad(self, corner, right, up, material: int, fitted=False, origin: tuple[float, float] | None = None) -> None:
        """A parallelogram seen from the side to which right x up points.

        Args:
            fitted: the texture covers it once.
            origin: texture coordinates at the corner, metres, for faces that continue one another; the texture
                then lies along `right`. Otherwise it lies along the longer side.
        """
        frame = np.array([corner, right, up], np.float64) @ self._rotation.T
        frame[0] += self._origin
        self._quads.append(frame[None])
        self._quad_info.append((material, fitted, origin))

    def box(self, x, y, z, w, d, h, material: int, top: int | None = None, front: int | None = None) -> None:
        """A box that stands at height z with its footprint's centre at (x, y); top and front may differ."""
        frames = _BOX_FACES * [w, d, h]
        frames[:, 0] += [x, y, z]
        frames = frames @ self._rotation.T
        frames[:, 0] += self._origin
        self._quads.append(frames)
        info = [(material, False, None)] * 6
        if front is not None:
            info[0] = (front, True, None)
        if top is not None:
            info[4] = (top, True, None)
        self._quad_info.extend(info)

    def grid(self, points: np.ndarray, material: int) -> None:
        """A smooth surface over (M, N, 3) points; its outside is where (along N) x (along M) points."""
        points = points @ self._rotation.T + self._origin
        along_m, along_n = np.gradient(points, axis=0), np.gradient(points, axis=1)
        if np.allclose(points[:, 0], points[:, -1]):  # closed: the seam's two sides share one tangent
            along_n[:, 0] = along_n[:, -1] = (points[:, 1] - points[:, -2]) / 2
        normals = np.cross(along_n, along_m)
        length = np.linalg.norm(normals, axis=2, keepdims=True)
        poles = length[..., 0] < 1e-12
        normals = np.where(length > 1e-12, normals / np.maximum(length, 1e-12), 0)
        for row in np.flatnonzero(poles.any(axis=1)):
            inner = normals[row + 1 if row == 0 else row - 1].mean(axis=0)
            normals[row] = inner / max(np.linalg.norm(inner), 1e-12)
        step_m = np.linalg.norm(np.diff(points, axis=0), axis=2).max(axis=1)
        step_n = np.linalg.norm(np.diff(points, axis=1), axis=2).max(axis=0)
        v, u = np.concatenate([[0], np.cumsum(step_m)]), np.concatenate([[0], np.cumsum(step_n)])
        uv = np.stack(np.meshgrid(u, v), axis=2)
        self._grids.append((points, normals, uv, material))

    def lathe(self, x, y, z, profile, material: int, sides: int = 10) -> None:
        """Turn a profile [(radius, height), ...], listed upwards, about the vertical through (x, y)."""
        angle = np.linspace(0, 2 * np.pi, sides + 1)
        radius, height = np.array(profile, np.float64).T
        ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        points = np.empty((len(radius), sides + 1, 3))
        points[..., :2] = [x, y] + radius[:, None, None] * ring
        points[..., 2] = z + height[:, None]
        points[:, -1] = points[:, 0]
        self.grid(points, material)

    def cylinder(self, x, y, z, radius, h, material: int, sides: int = 10, top: int | None = None) -> None:
        """An upright cylinder with a flat top."""
        self.lathe(x, y, z, [(radius, 0), (radius, h)], material, sides)
        self.lathe(x, y, z + h, [(radius, 0), (0, 0)], material if top is None else top, sides)

    def tube(self, start, end, radius: float, material: int, sides: int = 6) -> None:
        """An open cylinder between two points."""
        start, end = np.asarray(start, np.float64), np.asarray(end, np.float64)
        axis = (end - start) / np.linalg.norm(end - start)
        across = np.cross(axis, [0, 0, 1] if abs(axis[2]) < 0.9 else [1, 0, 0])
        across /= np.linalg.norm(across)
        angle = np.linspace(0, 2 * np.pi, sides + 1)[:, None]
        ring = radius * (np.cos(angle) * across + np.sin(angle) * np.cross(axis, across))
        ring[-1] = ring[0]
        self.grid(np.stack([start + ring, end + ring]), material)

    def ellipsoid(self, x, y, z, w, d, h, material: int, sides: int = 16) -> None:
        """An ellipsoid that stands at height z in the given bounding box."""
        lon, lat = np.linspace(0, 2 * np.pi, sides + 1), np.linspace(-np.pi / 2, np.pi / 2, sides // 2 + 1)
        out = np.cos(lat)
        out[[0, -1]] = 0
        points = np.empty((len(lat), sides + 1, 3))
        points[..., :2] = [x, y] + out[:, None, None] * np.stack([np.cos(lon), np.sin(lon)], axis=1) * [w / 2, d / 2]
        points[..., 2] = z + h / 2 * (1 + np.sin(lat))[:, None]
        points[:, -1] = points[:, 0]
        self.grid(points, material)

    def cushion(self, x, y, z, w, d, h, material: int, power: float = 6.0) -> None:
        """A block with rounded edges in the given bounding box; power 2 is a pillow, 12 nearly a box."""
        side = np.array([-1, -0.98, -0.9, -0.6, 0, 0.6, 0.9, 0.98, 1])
        fall = np.maximum(1 - np.abs(side) ** power, 0) ** (1 / power)
        across, along = np.meshgrid(side, side)
        rise = np.outer(fall, fall)
        for sign in (1, -1):
            points = np.stack([x + across * w / 2, y + along * d / 2, z + h / 2 * (1 + sign * rise)], axis=2)
            self.grid(points if sign > 0 else points[:, ::-1], material)

    def build(self) -> Mesh:
        """The mesh of everything drawn so far."""
        quads = np.concatenate(self._quads)
        material = np.array([m for m, *_ in self._quad_info], np.int32)
        fitted = np.array([f for _, f, _ in self._quad_info], bool)
        origin = np.array([(np.nan, np.nan) if o is None else o for *_, o in self._quad_info]).reshape(-1, 2)
        length = np.linalg.norm(quads[:, 1:], axis=2)  # (Q, 2)
        upward = np.cross(quads[:, 1], quads[:, 2])[:, 2:] > 1e-9
        cells = np.clip(np.ceil(length / np.where(upward, TEXEL_UP_M, TEXEL_M)), 1, 250).astype(np.int32)
        shapes = np.concatenate(
            [cells[:, ::-1] + 1, np.array([p.shape[:2] for p, *_ in self._grids], np.int32).reshape(-1, 2)]
        )
        place, atlas_rows = _pack(shapes)
        n = len(quads)
        parts = [_quad_triangles(quads, length, cells, fitted, origin, place[:n]) + (material,)]
        lattice = [_quad_lattice(quads, cells, material, place[:n])]
        for (points, normals, uv, mat), corner in zip(self._grids, place[n:], strict=True):
            parts.append(_grid_triangles(points, uv, corner) + (np.full(1, mat, np.int32),))
            lattice.append(_grid_lattice(points, normals, mat, corner))
        vertices = np.concatenate([p[0].reshape(-1, 3, 3) for p in parts])
        uv = np.concatenate([p[1].reshape(-1, 3, 4) for p in parts])
        surface = np.concatenate(
            [np.repeat(np.arange(n), 2)] + [np.full(p[0].size // 9, n + i) for i, p in enumerate(parts[1:])]
        ).astype(np.int32)
        per_surface = np.concatenate([material, np.array([m for *_, m in self._grids], np.int32)])
        cross = np.cross(vertices[:, 1] - vertices[:, 0], vertices[:, 2] - vertices[:, 0])
        area = np.linalg.norm(cross, axis=1)
        keep = area > 1e-10  # the poles of swept surfaces
        vertices, uv, surface, cross = vertices[keep], uv[keep], surface[keep], cross[keep]
        points, point_normals, point_material, texel = (np.concatenate(a) for a in zip(*lattice, strict=True))
        normals = cross / area[keep, None]
        return Mesh(
            vertices, normals, normals.astype(np.float32), surface, per_surface[surface], _affine(vertices, cross, uv),
            points.astype(np.float32), point_normals.astype(np.float32), point_material, texel,
            np.concatenate([place, shapes], axis=1).astype(np.int32), (atlas_rows, ATLAS_WIDTH),
        )  # fmt: skip


def _pack(shapes: np.ndarray) -> tuple[np.ndarray, int]:
    """Row and column in the atlas for each (height, width), on shelves of falling height; and the atlas's rows."""
    place = np.zeros((len(shapes), 2), np.int32)
    row, column, shelf = 0, 0, 0
    for i in np.argsort(-shapes[:, 0], kind="stable"):
        height, width = shapes[i]
        if column + width > ATLAS_WIDTH:
            row, column, shelf = row + shelf, 0, 0
        place[i] = row, column
        column, shelf = column + width, max(shelf, height)
    return place, row + shelf


def _quad_triangles(quads, length, cells, fitted, origin, place):
    """(Q, 2, 3, 3) vertices and (Q, 2, 3, 4) light-map and texture coordinates of quads."""
    corner = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64)
    position = quads[:, None, 0] + corner[:, :1] * quads[:, None, 1] + corner[:, 1:] * quads[:, None, 2]
    coordinates = np.empty((len(quads), 4, 4))
    coordinates[..., :2] = place[:, None, ::-1] + corner * cells[:, None]
    # Texture in metres; the grain runs along the longer side, and a shift of its own keeps parts from looking alike.
    metric = corner * length[:, None]
    free = np.isnan(origin[:, 0])
    turned = free & (length[:, 1] > length[:, 0])
    metric[turned] = metric[turned][..., ::-1]
    shift = np.where(free, (np.arange(len(quads)) // 6 * 0.377) % 1, 0)[:, None] + np.nan_to_num(origin)
    coordinates[..., 2:] = np.where(fitted[:, None, None], corner * [1, -1] + [0, 1], metric + shift[:, None])
    order = [[0, 1, 2], [0, 2, 3]]
    return position[:, order], coordinates[:, order]


def _quad_lattice(quads, cells, material, place):
    """Baking points of quads: a lattice with its rim drawn in a little, so that no point lies in a neighbour."""
    width, count = cells[:, 0] + 1, (cells + 1).prod(axis=1)
    which = np.repeat(np.arange(len(quads)), count)
    index = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    column, row = index % width[which], index // width[which]
    st = np.stack([column, row], axis=1) / cells[which]
    inset = np.minimum(0.12 / cells[which], 0.02)
    st = np.clip(st, inset, 1 - inset)
    points = quads[which, 0] + st[:, :1] * quads[which, 1] + st[:, 1:] * quads[which, 2]
    normals = np.cross(quads[:, 1], quads[:, 2])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    texel = place[which] + np.stack([row, column], axis=1)
    return points, normals[which], material[which], texel.astype(np.int32)


def _grid_triangles(points, uv, corner):
    """Vertices and coordinates of a swept surface's triangles."""
    m, n = points.shape[:2]
    row, column = np.mgrid[:m, :n]
    coordinates = np.concatenate([np.stack([column + corner[1], row + corner[0]], axis=2), uv], axis=2)

    def split(a: np.ndarray) -> np.ndarray:
        a00, a10, a11, a01 = a[:-1, :-1], a[:-1, 1:], a[1:, 1:], a[1:, :-1]
        return np.stack([np.stack([a00, a10, a11], axis=2), np.stack([a00, a11, a01], axis=2)], axis=2)

    return split(points), split(coordinates)


def _grid_lattice(points, normals, material, corner):
    """Baking points of a swept surface: its vertices."""
    row, column = np.mgrid[: points.shape[0], : points.shape[1]]
    texel = np.stack([row.ravel() + corner[0], column.ravel() + corner[1]], axis=1).astype(np.int32)
    return points.reshape(-1, 3), normals.reshape(-1, 3), np.full(len(texel), material, np.int32), texel


def _affine(vertices: np.ndarray, cross: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(T, 4, 4) float32 maps of (x, y, z, 1) that give (T, 3, 4) values at the triangles' vertices."""
    e1, e2 = vertices[:, 1] - vertices[:, 0], vertices[:, 2] - vertices[:, 0]
    square = (cross**2).sum(axis=1, keepdims=True)
    dual1, dual2 = np.cross(e2, cross) / square, np.cross(cross, e1) / square
    slope = (values[:, 1] - values[:, 0])[..., None] * dual1[:, None]
    slope = slope + (values[:, 2] - values[:, 0])[..., None] * dual2[:, None]
    offset = values[:, 0] - (slope @ vertices[:, 0, :, None])[..., 0]
    return np.concatenate([slope, offset[..., None]], axis=2).astype(np.float32)
