"""Meshes in a few lines: boxes, turned shapes, sheets, tubes; metres, z up."""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np
from mathutils import Matrix


def mesh(name: str, vertices: np.ndarray, faces: Sequence, material, smooth: bool = False):
    """A new object of (V, 3) vertices and faces of vertex numbers."""
    data = bpy.data.meshes.new(name)
    data.from_pydata(np.asarray(vertices, float).tolist(), [], [list(map(int, face)) for face in faces])
    if smooth:
        data.polygons.foreach_set("use_smooth", [True] * len(data.polygons))
    data.materials.append(material)
    data.update()
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
    bevel = thing.modifiers.new("bevel", "BEVEL")
    bevel.width, bevel.segments, bevel.limit_method = min(radius, 0.45 * min(size)), segments, "NONE"
    thing.data.polygons.foreach_set("use_smooth", [True] * len(thing.data.polygons))
    return thing


def lathe(name: str, profile: Sequence[tuple[float, float]], material, segments: int = 28):
    """A shape turned about z from (radius, height) pairs; sharp where the profile is."""
    profile = np.asarray(profile, float)
    angles = np.arange(segments) * 2 * np.pi / segments
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    vertices = np.concatenate([np.c_[ring * max(r, 1e-4), np.full(segments, z)] for r, z in profile])
    faces = [
        (i * segments + k, i * segments + (k + 1) % segments, (i + 1) * segments + (k + 1) % segments,
         (i + 1) * segments + k)
        for i in range(len(profile) - 1)
        for k in range(segments)
    ]  # fmt: skip
    thing = mesh(name, vertices, faces, material, smooth=True)
    edges = thing.modifiers.new("edges", "EDGE_SPLIT")
    edges.split_angle = np.radians(40)
    return thing


def tube(name: str, points: np.ndarray, radius: float, material):
    """A round tube along (N, 3) points: legs, poles, cables."""
    curve = bpy.data.curves.new(name, "CURVE")
    curve.dimensions, curve.bevel_depth, curve.bevel_resolution, curve.use_fill_caps = "3D", radius, 3, True
    spline = curve.splines.new("POLY")
    spline.points.add(len(points) - 1)
    spline.points.foreach_set("co", np.c_[points, np.ones(len(points))].ravel())
    curve.materials.append(material)
    thing = bpy.data.objects.new(name, curve)
    bpy.context.scene.collection.objects.link(thing)
    return thing


def sheet(name: str, points: np.ndarray, material):
    """A surface through an (R, C, 3) grid of points, seen from both sides."""
    rows, columns, _ = points.shape
    at = np.arange(rows * columns).reshape(rows, columns)
    corners = np.stack([at[:-1, :-1], at[:-1, 1:], at[1:, 1:], at[1:, :-1]], axis=-1)
    return mesh(name, points.reshape(-1, 3), corners.reshape(-1, 4), material, smooth=True)


def joined(name: str, things: Sequence):
    """One object of several, their modifiers applied; each keeps its materials."""
    parts = []
    graph = bpy.context.evaluated_depsgraph_get()
    for thing in things:
        data = bpy.data.meshes.new_from_object(thing.evaluated_get(graph))
        data.transform(thing.matrix_world)
        part = bpy.data.objects.new(name, data)
        bpy.context.scene.collection.objects.link(part)
        parts.append(part)
    for thing in things:
        bpy.data.objects.remove(thing, do_unlink=True)
    if len(parts) == 1:
        return parts[0]
    with bpy.context.temp_override(
        active_object=parts[0], object=parts[0], selected_objects=parts, selected_editable_objects=parts
    ):
        bpy.ops.object.join()
    return parts[0]


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
    """(2, 3) lowest and highest corner of an object in its own coordinates, modifiers included."""
    if thing.type == "MESH":  # what modifiers do here never leaves the mesh's bounds
        corners = np.empty(len(thing.data.vertices) * 3, np.float32)
        thing.data.vertices.foreach_get("co", corners)
        corners = corners.reshape(-1, 3).astype(float)
        return np.stack([corners.min(axis=0), corners.max(axis=0)])
    evaluated = thing.evaluated_get(bpy.context.evaluated_depsgraph_get())
    corners = np.array([tuple(corner) for corner in evaluated.bound_box])
    return np.stack([corners.min(axis=0), corners.max(axis=0)])
