"""Triangle meshes with a light map and a texture map, collected from boxes, quads and swept surfaces."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from depth_models.data.rooms import unwrap

# Spacing of the light map: finest on faces that look up, where the shadows of small things lie, coarsest underneath.
TEXEL_UP_M, TEXEL_M, TEXEL_DOWN_M = 0.045, 0.08, 0.16
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
        material = np.array([m for m, *_ in self._quad_info] + [m for *_, m in self._grids], np.int32)
        fitted = np.array([f for _, f, _ in self._quad_info], bool)
        origin = np.array([(np.nan, np.nan) if o is None else o for *_, o in self._quad_info]).reshape(-1, 2)
        length = np.linalg.norm(quads[:, 1:], axis=2)  # (Q, 2)
        rise = np.cross(quads[:, 1], quads[:, 2])[:, 2:]
        spacing = np.where(rise > 1e-9, TEXEL_UP_M, np.where(rise < -1e-9, TEXEL_DOWN_M, TEXEL_M))
        cells = np.clip(np.ceil(length / spacing), 1, 250).astype(np.int32)
        grid_shapes = np.array([points.shape[:2] for points, *_ in self._grids], np.int32).reshape(-1, 2)
        shapes = np.concatenate([cells[:, ::-1] + 1, grid_shapes])
        place, rows = unwrap.pack(shapes)
        parts = [unwrap.quad_triangles(quads, length, cells, fitted, origin, place[: len(quads)])]
        lattice = [unwrap.quad_lattice(quads, cells, place[: len(quads)])]
        for (points, normals, uv, _), corner in zip(self._grids, place[len(quads) :], strict=True):
            parts.append(unwrap.grid_triangles(points, uv, corner))
            lattice.append(unwrap.grid_lattice(points, normals, corner))
        vertices = np.concatenate([v.reshape(-1, 3, 3) for v, _ in parts])
        values = np.concatenate([c.reshape(-1, 3, 4) for _, c in parts])
        counts = [2] * len(quads) + [v.size // 9 for v, _ in parts[1:]]  # triangles of each surface
        surface = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        patches = np.concatenate([place, shapes], axis=1)
        return _mesh(vertices, values, surface, material, lattice, patches, (rows, unwrap.ATLAS_WIDTH))


def _mesh(vertices, values, surface, material, lattice, patches, atlas_shape) -> Mesh:
    """The mesh without the triangles that are no more than a line, at the poles of swept surfaces."""
    cross = np.cross(vertices[:, 1] - vertices[:, 0], vertices[:, 2] - vertices[:, 0])
    area = np.linalg.norm(cross, axis=1)
    keep = area > 1e-10
    vertices, cross, surface = vertices[keep], cross[keep], surface[keep]
    normals = cross / area[keep, None]
    points, point_normals, texel = (np.concatenate(a) for a in zip(*lattice, strict=True))
    return Mesh(
        vertices=vertices,
        normals=normals,
        normals32=normals.astype(np.float32),
        surface=surface,
        material=material[surface],
        maps=unwrap.affine(vertices, cross, values[keep]),
        points=points.astype(np.float32),
        point_normals=point_normals.astype(np.float32),
        texel=texel,
        patches=patches.astype(np.int32),
        atlas_shape=atlas_shape,
    )
