"""Renders one shard; a process of its own, as Blender never gives all of its memory back.

`python -m photoreal.worker FOLDER NUMBER SEED HEIGHT WIDTH SAMPLES`
"""

from __future__ import annotations

import sys
import tempfile
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from photoreal.shards import VERSION, VIEWS_PER_FLAT, Shot, flats_of, scene_name, shard_path, write_shard


def render_shard(folder: Path, number: int, seed: int, size: tuple[int, int], samples: int) -> None:
    """Build the flats of a shard, render their views, write the file."""
    import bpy

    began_s, shots, rooms = time.process_time(), [], 0
    with tempfile.TemporaryDirectory(dir=folder, prefix=".frames-") as scratch:
        for flat in flats_of(number):
            more, seen = _flat_shots(flat, seed, size, samples, Path(scratch))
            shots, rooms = shots + more, rooms + seen
    facts = {
        "generator": "photoreal", "version": VERSION, "seed": seed, "number": number, "samples": samples,
        "flats": len(flats_of(number)), "rooms": rooms,
        "cpu_s": round(time.process_time() - began_s, 1), "bpy": bpy.app.version_string,
        "infinigen": version("infinigen") if find_spec("infinigen") else "none",
    }  # fmt: skip
    write_shard(shard_path(folder, number), shots, facts)


def _flat_shots(flat: int, seed: int, size: tuple[int, int], samples: int, scratch: Path) -> tuple[list[Shot], int]:
    """What is seen of a flat, and in how many rooms."""
    from photoreal.blender.render import render, set_up
    from photoreal.blender.scene import build, sample_views
    from photoreal.camera import develop

    rng, shots, rooms = np.random.default_rng([seed, flat]), [], set()
    plan, targets = build(rng)
    scene = scene_name(seed, flat)
    set_up(size, samples)
    for view, room in sample_views(rng, plan, targets, VIEWS_PER_FLAT):
        radiance, depth = render(view, int(rng.integers(1 << 31)), scratch)
        if (depth > 0).mean() < 0.6:
            continue
        rooms.add(plan.rooms.index(room))
        shots.append(Shot(develop(radiance, rng), depth, intrinsics(view.fov_deg, size), view.pose, room.kind, scene))
    return shots, len(rooms)


def intrinsics(fov_deg: float, size: tuple[int, int]) -> np.ndarray:
    """(4,) fx, fy, cx, cy in pixels of a camera with square pixels, for (height, width)."""
    height, width = size
    f = width / 2 / np.tan(np.radians(fov_deg) / 2)
    return np.array([f, f, (width - 1) / 2, (height - 1) / 2])


if __name__ == "__main__":
    numbers = list(map(int, sys.argv[2:]))
    render_shard(Path(sys.argv[1]), numbers[0], numbers[1], (numbers[2], numbers[3]), numbers[4])
