"""A folder of shards: files in NYUv2's layout, each whole or absent, and a manifest of them; without Blender.

A shard holds the frames of some flats, and is called after its number, which with the folder's seed decides all that is
in it.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

VERSION = 7  # changes when the same seed gives other frames
FLATS_PER_SHARD = 2
VIEWS_PER_FLAT = 16
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Shot:
    """One frame.

    Attributes:
        rgb: (H, W, 3) uint8.
        depth: (H, W) float32 metres, Z along the optical axis; 0 where there is none (sky, beyond 20 m).
        intrinsics: (4,) float64 fx, fy, cx, cy, pixels; pixel centres have integer coordinates.
        pose: (4, 4) float64 camera-to-world; camera x right, y down, z forward; world z up, metres.
        kind: of room, such as `office`.
        scene: name of the flat, such as `flat_s41p000012`.
    """

    rgb: np.ndarray
    depth: np.ndarray
    intrinsics: np.ndarray
    pose: np.ndarray
    kind: str
    scene: str


def shard_path(folder: Path, number: int) -> Path:
    """Of the shard of a number."""
    return folder / f"shard-{number:05d}.mat"


def flats_of(number: int) -> range:
    """Numbers of the flats in a shard."""
    return range(number * FLATS_PER_SHARD, (number + 1) * FLATS_PER_SHARD)


def scene_name(seed: int, flat: int) -> str:
    """Of all rooms of a flat, which are seen through each other's doors: a split by scene must not part them.

    Unlike that of any other flat, also where folders of several seeds become one.
    """
    return f"flat_s{seed}p{flat:06d}"


def missing(folder: Path, failed: set[int], shards: int | None) -> int | None:
    """The lowest number of a shard that is not there and has not failed; None where all of `shards` are."""
    number = 0
    while shards is None or number < shards:
        if number not in failed and not shard_path(folder, number).exists():
            return number
        number += 1
    return None


def write_shard(path: Path, shots: list[Shot], attributes: dict[str, Any]) -> None:
    """Write a file that appears whole or not at all."""
    from depth_models.data.rooms.camera import Frame
    from depth_models.data.rooms.matfile import MatWriter, pack
    from depth_models.types import Camera

    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    height, width = shots[0].depth.shape
    with MatWriter(temporary, len(shots), (height, width), attributes) as writer:
        for index, shot in enumerate(shots):
            camera = Camera(*map(float, shot.intrinsics), width=width, height=height)
            frame = Frame(shot.rgb, shot.depth, shot.depth, camera, shot.pose, 0, shot.kind)
            writer.write(index, pack(frame, shot.scene, f"{path.stem}-{index:04d}"))
    temporary.replace(path)


def save_manifest(folder: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """Write manifest.json anew from the shards that are there; returns it."""
    import h5py

    rows = []
    for path in sorted(folder.glob("shard-*.mat")):
        with h5py.File(path, "r") as file:
            own = {name: value.item() if hasattr(value, "item") else value for name, value in file.attrs.items()}
            rows.append({"file": path.name, "frames": len(file["images"]), **own})
    manifest = {**facts, "frames": sum(row["frames"] for row in rows), "shards": rows}
    temporary = folder / f".{MANIFEST}"
    temporary.write_text(json.dumps(manifest, indent=1))
    temporary.replace(folder / MANIFEST)
    return manifest
