"""A surface from many depth images and the camera's pose at each: TSDF integration (Curless and Levoy 1996) by Open3D.

Open3D comes with the extra `map` and is imported when a function is called.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from depth_models.data.posed import PosedSequence
from depth_models.errors import DepthModelsError

TRUNCATION_VOXELS = 4.0  # the band behind and before a surface that a depth image changes
_NEAR_M = 0.05  # what counts as on the true surface
_LIGHT = 0.4  # share of a picture's brightness that does not depend on how a face is turned


@dataclass(frozen=True)
class Surface:
    """What was mapped.

    Attributes:
        mesh: `open3d.geometry.TriangleMesh` in metres, coloured, its faces turned to where the camera was.
        up, ahead: (3,) unit vectors: where up was and where the cameras looked, on average.
        frames: how many went in.
        left_out: how many did not, for want of a pose or a depth.
    """

    mesh: Any
    up: np.ndarray
    ahead: np.ndarray
    frames: int
    left_out: int


@dataclass(frozen=True)
class SurfaceError:
    """Distances between a mapped surface and the true one, metres.

    Attributes:
        accuracy_median_m, accuracy_mean_m: from the vertices of the mapped one to the true one.
        accuracy_near: share of them within 5 cm.
        completeness_median_m, completeness_mean_m, completeness_near: from the vertices of the true one to the mapped
            one, likewise.
    """

    accuracy_median_m: float
    accuracy_mean_m: float
    accuracy_near: float
    completeness_median_m: float
    completeness_mean_m: float
    completeness_near: float


def open3d() -> Any:
    """The module.

    Raises:
        DepthModelsError: the system lacks a library that it needs.
        ModuleNotFoundError: the extra `map` is missing.
    """
    try:
        import open3d
    except ModuleNotFoundError:
        raise
    except ImportError as error:
        raise DepthModelsError(
            f"Open3D cannot be loaded ({error}); apt install libusb-1.0-0 libgl1 libgomp1 libx11-6"
        ) from error
    return open3d


def fuse(
    sequence: PosedSequence,
    metres_of: Callable[[int], np.ndarray | None],
    voxel_m: float = 0.02,
    farthest_m: float = 4.0,
    world: np.ndarray | None = None,
    progress: Callable[[int, int], None] = lambda done, frames: None,
) -> Surface:
    """Integrate a sequence's frames at their poses.

    Args:
        sequence: gives pictures, camera and poses.
        metres_of: depth of frame i, (H, W) float32 metres, anything not positive or not finite being invalid; None
            where there is none.
        voxel_m: edge of a voxel; what is thinner than some of them is lost.
        farthest_m: depths beyond are left out.
        world: (4, 4) rigid motion of all poses, see `world_of`; none if None.
        progress: called with frames done and frames in all.

    Raises:
        DepthModelsError: no frame has both a pose and a depth, or no depth is in range.
        ModuleNotFoundError: the extra `map` is missing.
    """
    o3d = open3d()
    core, t = o3d.core, o3d.t
    kinds = (core.float32,) * 3
    grid = t.geometry.VoxelBlockGrid(("tsdf", "weight", "color"), kinds, (1, 1, 3), voxel_m, 16, 1000)
    intrinsics = core.Tensor(sequence.camera.K)
    poses, seen = [], False
    for number, frame in enumerate(sequence.frames):
        metres = None if frame.pose is None else metres_of(number)
        if frame.pose is not None and metres is not None:
            usable = np.isfinite(metres) & (metres > 0) & (metres < farthest_m)
            depth = t.geometry.Image(np.where(usable, metres, 0).astype(np.float32))
            colour = t.geometry.Image((sequence.rgb(number) / 255).astype(np.float32))
            pose = frame.pose if world is None else world @ frame.pose
            extrinsics = core.Tensor(np.linalg.inv(pose))
            if usable.any():  # Open3D raises for a picture without
                scale_and_band = (1.0, farthest_m, TRUNCATION_VOXELS)
                blocks = grid.compute_unique_block_coordinates(depth, intrinsics, extrinsics, *scale_and_band)
                grid.integrate(blocks, depth, colour, intrinsics, intrinsics, extrinsics, *scale_and_band)
                seen = True
            poses.append(pose)
        progress(number + 1, len(sequence))
    if not poses:
        raise DepthModelsError(f"{sequence.name}: none of its {len(sequence)} frames has both a pose and a depth")
    mesh = grid.extract_triangle_mesh(0.5).to_legacy() if seen else None
    if mesh is None or not len(mesh.triangles):
        raise DepthModelsError(f"{sequence.name}: no surface: no depth between 0 and {farthest_m} m in any frame")
    axes = np.mean(poses, axis=0)[:3, :3]
    up, ahead = -axes[:, 1] / np.linalg.norm(axes[:, 1]), axes[:, 2] / np.linalg.norm(axes[:, 2])
    return Surface(mesh, up, ahead, len(poses), len(sequence) - len(poses))


def world_of(sequence: PosedSequence, truth: PosedSequence) -> np.ndarray:
    """(4, 4) rigid motion that brings estimated poses to the true ones: equal at the first frame that has both.

    Raises:
        DepthModelsError: no frame has both.
    """
    for ours, other in zip(sequence.frames, truth.frames, strict=True):
        if ours.pose is not None and other.pose is not None:
            return other.pose @ np.linalg.inv(ours.pose)
    raise DepthModelsError(f"{sequence.name}: no frame has both an estimated pose and a true one within 20 ms")


def surface_error(surface: Surface, truth: Surface) -> SurfaceError:
    """How far a mapped surface is from the true one, both in one frame of coordinates."""
    accuracy, completeness = _distances(surface.mesh, truth.mesh), _distances(truth.mesh, surface.mesh)
    return SurfaceError(*_summary(accuracy), *_summary(completeness))


def _summary(distances: np.ndarray) -> tuple[float, float, float]:
    return float(np.median(distances)), float(distances.mean()), float((distances < _NEAR_M).mean())


def _distances(mesh: Any, other: Any) -> np.ndarray:
    """(N,) metres from the vertices of one mesh to the nearest point of the other's faces."""
    points = np.asarray(mesh.vertices).astype(np.float32)
    return _scene(np.asarray(other.vertices), np.asarray(other.triangles)).compute_distance(points).numpy()


def _scene(vertices: np.ndarray, triangles: np.ndarray) -> Any:
    scene = open3d().t.geometry.RaycastingScene()
    scene.add_triangles(vertices.astype(np.float32), triangles.astype(np.uint32))
    return scene


def picture(surface: Surface, width: int = 960) -> np.ndarray:
    """(H, W, 3) uint8: the surface slantwise from above; faces that look away, as the ceiling's do, are left out."""
    vertices, triangles = np.asarray(surface.mesh.vertices), np.asarray(surface.mesh.triangles)
    normals = np.cross(*(vertices[triangles[:, k]] - vertices[triangles[:, 0]] for k in (1, 2)))
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    colours = np.asarray(surface.mesh.vertex_colors)[triangles].mean(axis=1)
    right, down, forward = _view(surface)
    facing = -(normals @ forward)
    seen = np.flatnonzero(facing > 0)
    if not len(seen):
        return np.full((width, width, 3), 255, np.uint8)
    flat = vertices @ np.stack([right, down, forward], axis=1)  # (N, 3) across, down and away, metres
    low, high = flat.min(axis=0) - 0.1, flat.max(axis=0) + 0.1
    pixel_m = (high[0] - low[0]) / width
    across = np.arange(low[0], high[0], pixel_m)[:width]
    downward = np.arange(low[1], high[1], pixel_m)
    x, y = np.meshgrid(across, downward)
    origins = x[..., None] * right + y[..., None] * down + low[2] * forward
    rays = np.concatenate([origins, np.broadcast_to(forward, origins.shape)], axis=2).astype(np.float32)
    hit = _scene(vertices, triangles[seen]).cast_rays(rays)["primitive_ids"].numpy().astype(np.int64)
    found = hit < len(seen)
    face = seen[np.where(found, hit, 0)]
    shade = _LIGHT + (1 - _LIGHT) * facing[face]
    image = np.where(found[..., None], colours[face] * shade[..., None], 1.0)
    return (np.clip(image, 0, 1) * 255).astype(np.uint8)


def _view(surface: Surface) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Right, down and forward of a camera that looks where the sequence's did, but down by 55 degrees."""
    level = surface.ahead - (surface.ahead @ surface.up) * surface.up
    level /= np.linalg.norm(level)
    angle = np.radians(55)
    forward = np.cos(angle) * level - np.sin(angle) * surface.up
    right = np.cross(level, surface.up)
    return right, np.cross(forward, right), forward
