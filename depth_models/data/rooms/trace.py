"""Ray casting with Embree."""

from __future__ import annotations

import numpy as np

from depth_models.data.rooms.mesh import Mesh
from depth_models.errors import DepthModelsError


class Tracer:
    """Nearest hits and occlusion over a mesh's triangles.

    Raises:
        DepthModelsError: embreex is not installed.
    """

    def __init__(self, mesh: Mesh) -> None:
        try:
            from embreex import rtcore_scene
            from embreex.mesh_construction import TriangleMesh
        except ImportError as error:
            raise DepthModelsError(
                f"rendering rooms needs the ray caster embreex ({error}); pip install 'depth_estimation_ros[train]' "
                "brings it, but only on x86_64"
            ) from error
        self._scene = rtcore_scene.EmbreeScene()
        self._mesh = TriangleMesh(self._scene, np.ascontiguousarray(mesh.vertices, np.float32))

    def nearest(self, origins: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Triangle (N,) int32 that each ray hits first, -1 for none, and (N,) float32 distance in direction lengths."""
        hits = self._scene.run(*_rays(origins, directions), output=1)
        return hits["primID"], hits["tfar"]

    def occluded(self, origins: np.ndarray, ways: np.ndarray) -> np.ndarray:
        """(N,) bool: whether something lies between origin and origin + way."""
        reach = np.full(len(ways), 0.999, np.float32)
        return self._scene.run(*_rays(origins, ways), reach, query="OCCLUDED") == 0


def _rays(origins: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    directions = np.ascontiguousarray(directions, np.float32)
    return np.ascontiguousarray(np.broadcast_to(origins, directions.shape), np.float32), directions
