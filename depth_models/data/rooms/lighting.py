"""Light baked once a room: area lights with soft shadows, and one bounce between surfaces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from depth_models.data.rooms.mesh import Mesh
from depth_models.data.rooms.textures import gather
from depth_models.data.rooms.trace import Tracer

DIRECT_RAYS = 20  # shared by a room's lights, with three to seven for each
BOUNCE_RAYS = 6
SUN = (4.0, 3.7, 3.1)  # a sunlit white wall's radiance, where a lamp's light gives about 0.3
_PATTERN = 9  # neighbouring texels take different samples, and a 3 x 3 mean makes them one set


@dataclass(frozen=True)
class Light:
    """A one-sided area light, shining to the side to which right x up points.

    Attributes:
        corner, right, up: (3,) metres.
        radiance: (3,) linear RGB.
        beam: (3,) unit direction of sunlight that comes in through the light's rectangle, or None.
    """

    corner: np.ndarray
    right: np.ndarray
    up: np.ndarray
    radiance: np.ndarray
    beam: np.ndarray | None = None


def _samples(count: int, seed: int) -> np.ndarray:
    """(count, _PATTERN, 2) points of the unit square, low discrepancy over each pattern and over all."""
    index = np.arange(count * _PATTERN) + seed * 977 + 1
    points = (0.5 + index[:, None] * np.array([0.7548776662466927, 0.5698402909980532])) % 1  # the R2 sequence
    return points.reshape(count, _PATTERN, 2).astype(np.float32)


def bake(mesh: Mesh, mean_albedo: np.ndarray, lights: list[Light], ambient: np.ndarray, tracer: Tracer) -> np.ndarray:
    """Irradiance over pi at the mesh's lattice points, as an atlas.

    Args:
        mesh: the room.
        mean_albedo: (M, 3) float32 by material.
        lights: area lights.
        ambient: (3,) light that reaches everything.
        tracer: the mesh's ray caster.

    Returns:
        (rows, columns, 3) float32 atlas; a surface's radiance is its albedo times this.
    """
    points = mesh.points + 0.004 * mesh.point_normals
    smooth = np.zeros(mesh.atlas_shape, bool)
    for row, column, height, width in _smoothed(mesh.patches):
        smooth[row : row + height, column : column + width] = True
    row, column = mesh.texel.T
    # Faces too small to be smoothed take one set of samples, so that they have no noise.
    pattern = np.where(smooth[row, column], row % 3 * 3 + column % 3, 0)
    rays = int(np.clip(DIRECT_RAYS / max(len(lights), 1), 3, 7))
    direct = np.zeros((len(points), 3), np.float32)
    for number, light in enumerate(lights):
        direct += _direct(mesh, points, pattern, light, _samples(rays, number), tracer)
        if light.beam is not None:
            direct += _sunshine(mesh, points, light, tracer)
    atlas = np.zeros((*mesh.atlas_shape, 3), np.float32)
    atlas[row, column] = direct
    _smooth(atlas, mesh.patches)
    bounce = np.zeros_like(atlas)
    bounce[row, column] = _bounce(mesh, points, pattern, atlas, mean_albedo, ambient, tracer)
    _smooth(bounce, mesh.patches)
    return atlas + bounce


def _direct(mesh: Mesh, points, pattern, light: Light, samples: np.ndarray, tracer: Tracer) -> np.ndarray:
    """(L, 3) float32 light that arrives straight from an area light."""
    right, up, corner = (a.astype(np.float32)[:, None] for a in (light.right, light.up, light.corner))
    cross = np.cross(right[:, 0], up[:, 0])
    area = np.linalg.norm(cross)
    facing = cross / area
    # Points behind the light or turned away from all of it need no rays.
    near = np.flatnonzero((points - light.corner.astype(np.float32)) @ facing > 1e-3)
    at, normal = points[near].T, mesh.point_normals[near].T
    total = np.zeros(len(points), np.float32)
    for uv in samples:
        target = np.take(corner + uv[:, 0] * right + uv[:, 1] * up, pattern[near], axis=1)
        way = target - at
        square = np.maximum(dot(way, way), 0.01)
        cosine = np.maximum(dot(way, normal), 0) * np.maximum(-dot(way, facing), 0)
        weight = cosine * (area / np.pi) / (square * square)
        lit = np.flatnonzero(weight > 1e-5)
        seen = ~tracer.occluded(at.T[lit], way.T[lit])
        total[near[lit]] += weight[lit] * seen
    return total[:, None] / len(samples) * light.radiance.astype(np.float32)


def _sunshine(mesh: Mesh, points, light: Light, tracer: Tracer) -> np.ndarray:
    """(L, 3) float32 light of the sun through a window."""
    assert light.beam is not None
    facing = np.cross(light.right, light.up)
    facing /= np.linalg.norm(facing)
    distance = ((points - light.corner) @ facing / (light.beam @ facing)).astype(np.float32)
    way = -distance[:, None] * light.beam.astype(np.float32)  # to the window's plane, against the beam
    across = points + way - light.corner.astype(np.float32)
    u, v = (across @ (edge / (edge @ edge)).astype(np.float32) for edge in (light.right, light.up))
    cosine = -(mesh.point_normals @ light.beam.astype(np.float32))
    lit = np.flatnonzero((distance > 0.01) & (u > 0) & (u < 1) & (v > 0) & (v < 1) & (cosine > 0))
    total = np.zeros((len(points), 3), np.float32)
    seen = ~tracer.occluded(points[lit], way[lit])
    total[lit] = (cosine[lit] * seen)[:, None] * np.array(SUN, np.float32)
    return total


def _bounce(mesh: Mesh, points, pattern, atlas, mean_albedo, ambient, tracer: Tracer) -> np.ndarray:
    """(L, 3) float32 light by way of one other surface; further bounces are an ambient term at that surface."""
    normals = mesh.point_normals
    axes = np.eye(3, dtype=np.float32)
    helper = np.where(np.abs(normals[:, :1]) < 0.7, axes[:1], axes[1:2])
    tangent = np.cross(normals, helper)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-9)
    bitangent = np.cross(normals, tangent)
    maps = np.ascontiguousarray(mesh.maps[:, :2].reshape(-1, 8).T)
    total = np.zeros_like(points)
    for uv in _samples(BOUNCE_RAYS, 99):
        radius, angle = np.sqrt(uv[:, 0]), 2 * np.pi * uv[:, 1]
        local = np.stack([radius * np.cos(angle), radius * np.sin(angle), np.sqrt(1 - uv[:, 0])], axis=1)[pattern]
        way = local[:, :1] * tangent + local[:, 1:2] * bitangent + local[:, 2:] * normals
        triangle, distance = tracer.nearest(points, way)
        hit = np.flatnonzero(triangle >= 0)
        hit = hit[dot(mesh.normals32[triangle[hit]].T, way[hit].T) < 0]  # the inside of things sends no light
        triangle = triangle[hit]
        where = (points[hit] + distance[hit, None] * way[hit]).T
        m = np.take(maps, triangle, axis=1)
        light = gather(atlas, dot(m[:3], where) + m[3], dot(m[4:7], where) + m[7]) + ambient.astype(np.float32)
        total[hit] += light * mean_albedo[mesh.material[triangle]]
    return total / BOUNCE_RAYS


def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N,) dot products of (3, N) vectors; much faster than a sum over an axis of three."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _smoothed(patches: np.ndarray) -> np.ndarray:
    return patches[(patches[:, 2] > 2) & (patches[:, 3] > 2)]


def _smooth(atlas: np.ndarray, patches: np.ndarray) -> None:
    """Mean over 3 x 3 texels within each face, in place; faces of two rows or columns are left as they are."""
    import cv2

    for row, column, height, width in _smoothed(patches):
        part = atlas[row : row + height, column : column + width]
        part[...] = cv2.blur(part, (3, 3), borderType=cv2.BORDER_REFLECT_101)
