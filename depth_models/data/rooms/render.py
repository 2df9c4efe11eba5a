"""From a room and a camera to a frame: exact depth, shaded colour, and a Kinect's depth."""

from __future__ import annotations

import numpy as np

from depth_models.data.rooms import sensor
from depth_models.data.rooms.camera import Frame
from depth_models.data.rooms.layout import Room
from depth_models.data.rooms.lighting import dot
from depth_models.data.rooms.shading import (
    COLOUR,
    COLOUR_A,
    COLOUR_B,
    DENSITY,
    EMISSION,
    GLOSS,
    MAPS,
    NORMAL,
    TEXTURE,
)
from depth_models.data.rooms.textures import gather
from depth_models.types import Camera

_BLOCK = 16384  # rays shaded at a time, so that intermediate arrays stay in the cache
_SUBPIXELS = np.array([[-0.375, -0.125], [0.125, -0.375], [0.375, 0.125], [-0.125, 0.375]])


def render(
    room: Room, camera: Camera, pose: np.ndarray, rng: np.random.Generator, look: sensor.Look | None = None
) -> Frame:
    """Render one frame.

    Args:
        room: from `sample_room`.
        camera: intrinsics.
        pose: (4, 4) camera-to-world, see `Frame`.
        rng: for the sensor's noise and, without `look`, its exposure, white balance, blur and so on.
        look: the sensor's settings, for several frames of one camera.

    Returns:
        The frame; its depth is exact at pixel centres.
    """
    shape = camera.height, camera.width
    pixels = camera.pixels()
    directions = camera.rays(pixels, pose)
    triangle, depth = intersect(room, pose[:3, 3], directions)
    radiance = shade(room, pose[:3, 3], directions, triangle, depth, camera.fx).reshape(*shape, 3)
    edge = _edges(room.mesh.surface[triangle].reshape(shape))
    at = np.flatnonzero(edge)
    # Four rays a pixel where faces meet; elsewhere the texture's mip level is the filter.
    fine = camera.rays((pixels[at, None] + _SUBPIXELS).reshape(-1, 2), pose)
    fine_triangle, fine_depth = intersect(room, pose[:3, 3], fine)
    fine_radiance = shade(room, pose[:3, 3], fine, fine_triangle, fine_depth, camera.fx)
    # Clipped before the mean, as a lamp a hundred times too bright would otherwise win every pixel that it touches.
    limit = 4 * np.float32(np.median(radiance))
    radiance[edge] = np.minimum(fine_radiance, limit).reshape(-1, len(_SUBPIXELS), 3).mean(axis=1)
    look = sensor.sample_look(rng) if look is None else look
    rgb = sensor.develop(radiance, look, rng)
    raw = sensor.kinect(room, camera, pose, directions, triangle, depth, rng)
    return Frame(rgb, depth.reshape(shape).astype(np.float32), raw, camera, pose, room.seed, room.scene)


def intersect(room: Room, origin: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The triangle (N,) that each ray hits, and the depth (N,) float64 from that triangle's plane."""
    mesh = room.mesh
    triangle, distance = room.tracer.nearest(origin, directions)
    lost = np.flatnonzero(triangle < 0)  # a ray can slip through a seam between two triangles
    if len(lost):
        triangle[lost], distance[lost] = room.tracer.nearest(origin, directions[lost] + 3e-4)
    offset = np.einsum("tj,tj->t", mesh.vertices[:, 0] - origin, mesh.normals)
    normal = mesh.normals[triangle]
    slope = np.einsum("nj,nj->n", directions, normal)
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = offset[triangle] / slope
    # On a triangle seen edge-on the plane says nothing; Embree's own distance does.
    wrong = ~(np.abs(depth - distance) < 2e-3 * np.maximum(distance, 1))
    return triangle, np.where(wrong, distance.astype(np.float64), depth)


def shade(room: Room, origin, directions, triangle, depth, f_px: float) -> np.ndarray:
    """(N, 3) float32 radiance where rays from `origin` hit `triangle` at `depth`."""
    out = np.empty((len(triangle), 3), np.float32)
    start = np.asarray(origin, np.float32)[:, None]
    for i in range(0, len(triangle), _BLOCK):
        part = slice(i, i + _BLOCK)
        way, t = np.ascontiguousarray(directions[part].T, np.float32), depth[part].astype(np.float32)
        out[part] = _shade(room, start, way, triangle[part], t, f_px, True).T
    return out


def _shade(room: Room, start, way, triangle, depth, f_px: float, mirror: bool) -> np.ndarray:
    """(3, N) radiance: texture times light map, emission, and one mirror reflection; (3, N) float32 vectors."""
    where = start + depth * way
    row = np.take(room.shading, triangle, axis=1)
    x, y, u, v = (dot(m, where) + m[3] for m in row[MAPS].reshape(4, 4, -1))
    length = np.sqrt(dot(way, way))
    along = dot(way, row[NORMAL]) / length
    cosine = np.abs(along)
    footprint = depth * row[DENSITY] / np.float32(f_px) / np.sqrt(np.maximum(cosine, 0.05))
    a, b, g = room.bank.sample(row[TEXTURE].astype(np.int32), u, v, footprint)
    albedo = g * (row[COLOUR] + a * row[COLOUR_A] + b * row[COLOUR_B])
    radiance = albedo * (gather(room.light_map, x, y).T + row[EMISSION])
    at = np.flatnonzero(row[GLOSS])
    if mirror and len(at):
        _add_mirrored(
            room, radiance, at, where[:, at], (way / length)[:, at], row[NORMAL.start : GLOSS + 1][:, at], f_px
        )
    return radiance


def _add_mirrored(room: Room, radiance, at, where, way, row, f_px: float) -> None:
    """Add to the columns `at` what their glossy surfaces mirror, by Schlick's approximation."""
    normal, gloss = row[:3], row[-1]
    along = dot(way, normal)
    mirrored = way - 2 * along * normal
    start = where - 0.002 * np.sign(along) * normal
    triangle, distance = room.tracer.nearest(start.T, mirrored.T)
    hit = np.flatnonzero(triangle >= 0)
    # Seen through a coarser mip level, as no floor is perfectly flat.
    seen = _shade(room, start[:, hit], mirrored[:, hit], triangle[hit], distance[hit], f_px / 6, False)
    fresnel = gloss + (0.6 - gloss) * (1 - np.abs(along)) ** 5
    radiance[:, at[hit]] += fresnel[hit] * np.minimum(seen, 6)


def _edges(surface: np.ndarray) -> np.ndarray:
    """(H, W) bool: pixels with a neighbour on another surface."""
    edge = np.zeros(surface.shape, bool)
    across, down = surface[:, 1:] != surface[:, :-1], surface[1:] != surface[:-1]
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    edge[1:] |= down
    edge[:-1] |= down
    return edge
