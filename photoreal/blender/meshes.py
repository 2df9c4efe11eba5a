"""Meshes in a few lines: boxes, turned shapes, sheets, tubes; metres, z up."""

from __future__ import annotations

from collections.abc import Sequence

import bmesh
import bpy
import numpy as np
from mathutils import Matrix


def mesh(name: str, vertices: np.ndarray, faces: np.ndarray, material, smooth: bool = False):
    """A new object of (V, 3) vertices and (F, 4) vertex numbers of its faces."""
    faces = np.asarray(faces, np.int32)
    starts = np.arange(len(faces)) * 4
    count = np.zeros(len(faces), np.int32)
    return _object(name, np.asarray(vertices, float), faces.ravel(), starts, count, count + smooth, [material])


def _object(name: str, vertices, corners, starts, materials, smooth, slots: Sequence):
    """An object of vertices, the vertex of each face's corner, each face's first corner, material and shading."""
    data = bpy.data.meshes.new(name)
    data.vertices.add(len(vertices))
    data.loops.add(len(corners))
    data.polygons.add(len(starts))
    data.vertices.foreach_set("co", vertices.astype(np.float32).ravel())
    data.loops.foreach_set("vertex_index", corners.astype(np.int32))
    data.polygons.foreach_set("loop_start", starts.astype(np.int32))
    data.polygons.foreach_set("material_index", materials.astype(np.int32))
    data.polygons.foreach_set("use_smooth", smooth.astype(bool))
    for slot in slots:
        data.materials.append(slot)
    data.update(calc_edges=True)
    thing = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(thing)
    return thing


_BOX_FACES = ((0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7))


def box(name: str, low: Sequence[float], high: Sequence[float], material):
    """An axis-aligned box between two corners."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    vertices = [(x, y, z) for z in (z0, z1) for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))]
    return mesh(name, np.array(vertices), _BOX_FACES, material)


def bevelled_box(name: str, size: Sequence[float], radius: float, material, segments: int = 3):
    """A box standing on z = 0, centred in x and y, with round edges: cushions, mattresses, devices."""
    w, d, h = size
    thing = box(name, (-w / 2, -d / 2, 0), (w / 2, d / 2, h), material)
    work = bmesh.new()
    work.from_mesh(thing.data)
    bmesh.ops.bevel(
        work, geom=list(work.edges), offset=min(radius, 0.45 * min(size)), segments=segments, profile=0.5,
        affect="EDGES", clamp_overlap=True,
    )  # fmt: skip
    work.to_mesh(thing.data)
    work.free()
    thing.data.polygons.foreach_set("use_smooth", [True] * len(thing.data.polygons))
    return thing


def lathe(name: str, profile: Sequence[tuple[float, float]], material, segments: int = 24):
    """A shape turned about z from (radius, height) pairs; sharp where the profile turns by more than 40 degrees."""
    profile = np.asarray(profile, float)
    angles = np.arange(segments) * 2 * np.pi / segments
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    rows = [(max(r, 1e-4), z) for r, z in profile]
    steps = np.diff(profile, axis=0)
    turns = np.abs(np.diff(np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))))
    bands, first = [], 0
    for k in [*(np.flatnonzero(turns > np.radians(40)) + 1), len(rows) - 1]:
        bands.append(rows[first : k + 1])  # a sharp ring belongs to the bands on both sides, so normals differ
        first = k
    vertices = np.concatenate([np.c_[ring * r, np.full(segments, z)] for band in bands for r, z in band])
    faces, start, k = [], 0, np.arange(segments)
    for band in bands:
        for row in range(len(band) - 1):
            low, high = start + row * segments, start + (row + 1) * segments
            faces.append(np.stack([low + k, low + (k + 1) % segments, high + (k + 1) % segments, high + k], axis=1))
        start += len(band) * segments
    return mesh(name, vertices, np.concatenate(faces), material, smooth=True)


def tube(name: str, points: np.ndarray, radius: float, material, segments: int = 10):
    """A round tube along (N, 3) points, its ends closed to a point: legs, poles, handles."""
    points = np.asarray(points, float)
    ways = np.gradient(points, axis=0)
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    aside = np.cross(ways[0], np.eye(3)[np.abs(ways[0]).argmin()])
    angles, rings = np.arange(segments) * 2 * np.pi / segments, []
    for point, way in zip(points, ways, strict=True):
        aside = aside - way * (aside @ way)
        aside /= np.linalg.norm(aside)
        circle = np.outer(np.cos(angles), aside) + np.outer(np.sin(angles), np.cross(way, aside))
        rings.append(point + radius * circle)
    ends = [np.broadcast_to(points[k], (segments, 3)) for k in (0, -1)]
    vertices = np.concatenate([ends[0], rings[0], *rings, rings[-1], ends[1]])
    k, faces = np.arange(segments), []
    for row in [0, *range(2, len(rings) + 1), len(rings) + 2]:
        low, high = row * segments, (row + 1) * segments
        faces.append(np.stack([low + k, low + (k + 1) % segments, high + (k + 1) % segments, high + k], axis=1))
    return mesh(name, vertices, np.concatenate(faces), material, smooth=True)


def sheet(name: str, points: np.ndarray, material):
    """A surface through an (R, C, 3) grid of points, seen from both sides."""
    rows, columns, _ = points.shape
    at = np.arange(rows * columns).reshape(rows, columns)
    corners = np.stack([at[:-1, :-1], at[:-1, 1:], at[1:, 1:], at[1:, :-1]], axis=-1)
    return mesh(name, points.reshape(-1, 3), corners.reshape(-1, 4), material, smooth=True)


def joined(name: str, things: Sequence):
    """One object of several, which it replaces; each keeps its materials."""
    slots: list = []
    lists: list[list[np.ndarray]] = [[], [], [], [], []]
    vertex, corner = 0, 0
    for thing in things:
        data = thing.data
        own = [slots.index(m) if m in slots else slots.append(m) or len(slots) - 1 for m in data.materials]
        matrix, points = np.array(thing.matrix_basis), _read(data.vertices, "co", 3, np.float32)
        corners, starts = (
            _read(data.loops, "vertex_index", 1, np.int32),
            _read(data.polygons, "loop_start", 1, np.int32),
        )
        parts = (
            points @ matrix[:3, :3].T + matrix[:3, 3],
            corners + vertex,
            starts + corner,
            np.array(own)[_read(data.polygons, "material_index", 1, np.int32)],
            _read(data.polygons, "use_smooth", 1, bool),
        )
        for whole, part in zip(lists, parts, strict=True):
            whole.append(part)
        vertex, corner = vertex + len(points), corner + len(corners)
    bpy.data.batch_remove([part for thing in things for part in (thing, thing.data)])  # one by one takes seconds
    return _object(name, *map(np.concatenate, lists), slots)


def _read(elements, name: str, width: int, dtype) -> np.ndarray:
    """An attribute of all vertices, corners or faces."""
    values = np.empty(len(elements) * width, dtype)
    elements.foreach_get(name, values)
    return values.reshape(-1, width) if width > 1 else values


def moved(thing, x: float, y: float, z: float, yaw: float = 0.0):
    """The object itself, turned about z and moved; the mesh's own coordinates stay."""
    thing.matrix_world = Matrix.Translation((x, y, z)) @ Matrix.Rotation(yaw, 4, "Z")
    return thing


def removed(thing) -> None:
    """Take an object out of the scene."""
    bpy.data.objects.remove(thing, do_unlink=True)


def update() -> None:
    """Have Blender work out where everything is."""
    bpy.context.view_layer.update()


def bounds(thing) -> np.ndarray:
    """(2, 3) lowest and highest corner of a mesh object in its own coordinates."""
    points = _read(thing.data.vertices, "co", 3, np.float32).astype(float)
    return np.stack([points.min(axis=0), points.max(axis=0)])
