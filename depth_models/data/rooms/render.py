"""From a room and a camera to a frame: exact depth, shaded colour, and a Kinect's depth."""

from __future__ import annotations

import numpy as np

from depth_models.data.rooms import sensor
from depth_models.data.rooms.camera import Camera, Frame
from depth_models.data.rooms.layout import Room
from depth_models.data.rooms.textures import gather

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


def shade(room: Room, origin, directions, triangle, depth, f_px: float, mirrored: bool = False) -> np.ndarray:
    """(N, 3) float32 radiance where rays hit: texture times light map, emission, and one mirror reflection."""
    mesh, table = room.mesh, room.materials
    material = mesh.material[triangle]
    way = directions.astype(np.float32)
    where = np.asarray(origin, np.float32) + depth.astype(np.float32)[:, None] * way
    maps = mesh.maps[triangle]
    x, y, u, v = np.einsum("nkj,nj->kn", maps[..., :3], where) + maps[..., 3].T
    normal = mesh.normals.astype(np.float32)[triangle]
    length = np.sqrt(np.einsum("nj,nj->n", way, way))
    cosine = np.abs(np.einsum("nj,nj->n", way, normal)) / length
    per_metre = table["per_metre"][material]
    metres = np.sqrt(np.einsum("nj,nj->n", maps[:, 2, :3], maps[:, 2, :3]))  # 1 unless the texture is fitted
    footprint = depth.astype(np.float32) * metres * per_metre / np.float32(f_px) / np.maximum(cosine, 0.05) ** 0.6
    a, b, g = room.bank.sample(table["texture"][material], np.stack([u, v]) * per_metre, footprint).T[:, :, None]
    colours = table["colours"][material]
    albedo = g * (colours[:, 0] + a * (colours[:, 1] - colours[:, 0]) + b * (colours[:, 2] - colours[:, 0]))
    radiance = albedo * (gather(room.light_map, x, y) + table["emission"][material])
    if not mirrored:
        _reflect(room, radiance, where, way / length[:, None], normal, cosine, table["gloss"][material], f_px)
    return radiance


def _reflect(room: Room, radiance, where, way, normal, cosine, gloss, f_px: float) -> None:
    """Add what a glossy surface mirrors, by Schlick's approximation, in place."""
    at = np.flatnonzero(gloss > 0)
    if not len(at):
        return
    way, normal = way[at], normal[at]
    along = np.einsum("nj,nj->n", way, normal)[:, None]
    mirrored = way - 2 * along * normal
    start = where[at] - 0.002 * np.sign(along) * normal
    triangle, distance = room.tracer.nearest(start, mirrored)
    hit = triangle >= 0
    seen = shade(room, start[hit], mirrored[hit], triangle[hit], distance[hit], f_px / 6, mirrored=True)
    fresnel = gloss[at] + (0.6 - gloss[at]) * (1 - cosine[at]) ** 5
    radiance[at[hit]] += fresnel[hit, None] * np.minimum(seen, 6)


def _edges(surface: np.ndarray) -> np.ndarray:
    """(H, W) bool: pixels with a neighbour on another surface."""
    edge = np.zeros(surface.shape, bool)
    across, down = surface[:, 1:] != surface[:, :-1], surface[1:] != surface[:-1]
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    edge[1:] |= down
    edge[:-1] |= down
    return edge
