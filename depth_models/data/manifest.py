"""prepared.json: what a prepared folder says of itself, and how its arrays are laid out. See prepared.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from depth_models.errors import DepthModelsError

MANIFEST = "prepared.json"
VERSION = 1  # of the layout
METRES_PER_UNIT = 0.0002


def read_manifest(folder: Path) -> dict[str, Any]:
    """prepared.json of a folder.

    Raises:
        DepthModelsError: not readable, not of this layout, or of another version of it.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text())
        version = manifest["version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DepthModelsError(
            f"{path}: not the record of a prepared folder ({error}); remove {folder}, prepare again"
        ) from error
    if version != VERSION:
        raise DepthModelsError(
            f"{folder}: prepared in version {version} of the layout, and this package reads version {VERSION}; "
            "remove it and run depth-models data prepare again"
        )
    return manifest


def save_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Replace prepared.json, which is whole at every moment."""
    temporary = folder / f".{MANIFEST}"
    temporary.write_text(json.dumps(manifest))
    temporary.replace(folder / MANIFEST)


def array_layout(manifest: dict[str, Any], name: str) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of an array: 'rgb', 'depths' or 'rawDepths'."""
    shape = (manifest["frames"], manifest["height"], manifest["width"])
    return ((*shape, 3), np.dtype(np.uint8)) if name == "rgb" else (shape, np.dtype("<u2"))
