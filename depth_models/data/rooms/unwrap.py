"""Light-map atlas of a mesh: where each surface lies in it, and the maps from world points to its texels."""

from __future__ import annotations

import numpy as np

ATLAS_WIDTH = 1024


def pack(shapes: np.ndarray) -> tuple[np.ndarray, int]:
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


def quad_triangles(quads, length, cells, fitted, origin, place):
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


def quad_lattice(quads, cells, place):
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
    return points, normals[which], texel.astype(np.int32)


def grid_triangles(points, uv, corner):
    """Vertices and coordinates of a swept surface's triangles."""
    m, n = points.shape[:2]
    row, column = np.mgrid[:m, :n]
    coordinates = np.concatenate([np.stack([column + corner[1], row + corner[0]], axis=2), uv], axis=2)

    def split(a: np.ndarray) -> np.ndarray:
        a00, a10, a11, a01 = a[:-1, :-1], a[:-1, 1:], a[1:, 1:], a[1:, :-1]
        return np.stack([np.stack([a00, a10, a11], axis=2), np.stack([a00, a11, a01], axis=2)], axis=2)

    return split(points), split(coordinates)


def grid_lattice(points, normals, corner):
    """Baking points of a swept surface: its vertices."""
    row, column = np.mgrid[: points.shape[0], : points.shape[1]]
    texel = np.stack([row.ravel() + corner[0], column.ravel() + corner[1]], axis=1).astype(np.int32)
    return points.reshape(-1, 3), normals.reshape(-1, 3), texel


def affine(vertices: np.ndarray, cross: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(T, 4, 4) float32 maps of (x, y, z, 1) that give (T, 3, 4) values at the triangles' vertices."""
    e1, e2 = vertices[:, 1] - vertices[:, 0], vertices[:, 2] - vertices[:, 0]
    square = (cross**2).sum(axis=1, keepdims=True)
    dual1, dual2 = np.cross(e2, cross) / square, np.cross(cross, e1) / square
    slope = (values[:, 1] - values[:, 0])[..., None] * dual1[:, None]
    slope = slope + (values[:, 2] - values[:, 0])[..., None] * dual2[:, None]
    offset = values[:, 0] - (slope @ vertices[:, 0, :, None])[..., 0]
    return np.concatenate([slope, offset[..., None]], axis=2).astype(np.float32)
