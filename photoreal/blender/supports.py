"""Level surfaces of furniture, found by rays from above."""

from __future__ import annotations

import bpy
from mathutils import Vector
from mathutils.bvhtree import BVHTree

from photoreal.blender.meshes import bounds
from photoreal.surfaces import CELL_M, Surface, surfaces


def surfaces_of(thing) -> list[Surface]:
    """Level surfaces of an object, found by rays from above, in its own coordinates."""
    tree = BVHTree.FromObject(thing, bpy.context.evaluated_depsgraph_get())
    low, high = bounds(thing)
    nx, ny = (max(1, int((high[k] - low[k]) / CELL_M)) for k in (0, 1))
    columns = [[_levels(tree, low[0] + (i + 0.5) * CELL_M, low[1] + (j + 0.5) * CELL_M, high[2]) for j in range(ny)]
               for i in range(nx)]  # fmt: skip
    return surfaces(columns, low[:2])


def _levels(tree: BVHTree, x: float, y: float, top: float) -> list[tuple[float, float]]:
    """(height, free height above) of what is level under a point."""
    found, z, ceiling = [], top + 0.5, top + 0.6
    for _ in range(40):
        hit, normal, _, _ = tree.ray_cast(Vector((x, y, z)), Vector((0, 0, -1)))
        if hit is None:
            break
        if normal.z > 0.95 and hit.z > 0.05:
            found.append((hit.z, ceiling - hit.z))
        ceiling, z = hit.z, hit.z - 0.001
    return found
