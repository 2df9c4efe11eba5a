"""What shading needs of a surface, one column a triangle, so that one gather fetches it for every pixel."""

from __future__ import annotations

import numpy as np

from depth_models.data.rooms.mesh import Mesh

# Rows of the table.
MAPS = slice(0, 16)  # affine maps of (x, y, z, 1) to light-map x, y and texture u, v (tiles)
NORMAL = slice(16, 19)
COLOUR, COLOUR_A, COLOUR_B = slice(19, 22), slice(22, 25), slice(25, 28)  # c0, c1 - c0, c2 - c0
EMISSION = slice(28, 31)
GLOSS, TEXTURE, DENSITY = 31, 32, 33  # reflectance, pattern's number, tiles a metre
_ROWS = 34


def shading_table(mesh: Mesh, materials: dict[str, np.ndarray]) -> np.ndarray:
    """(34, T) float32: rows as named above.

    Args:
        mesh: the room's.
        materials: arrays by attribute, see `Materials.table`.
    """
    table = np.empty((_ROWS, len(mesh.normals)), np.float32)
    per_metre = materials["per_metre"][mesh.material]
    maps = mesh.maps.copy()
    maps[:, 2:] *= per_metre[:, None, None]
    colours = materials["colours"][mesh.material]
    table[MAPS] = maps.reshape(-1, 16).T
    table[NORMAL] = mesh.normals.T
    table[COLOUR] = colours[:, 0].T
    table[COLOUR_A] = (colours[:, 1] - colours[:, 0]).T
    table[COLOUR_B] = (colours[:, 2] - colours[:, 0]).T
    table[EMISSION] = materials["emission"][mesh.material].T
    table[GLOSS] = materials["gloss"][mesh.material]
    table[TEXTURE] = materials["texture"][mesh.material]
    # A fitted texture's u runs from 0 to 1 over its face, whatever the face's size: its slope is the density.
    table[DENSITY] = np.linalg.norm(maps[:, 2, :3], axis=1)
    return table
