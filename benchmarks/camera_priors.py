"""Where must a camera stand? A checkpoint's error by the height, pitch, field of view and distance that frames have.

python benchmarks/camera_priors.py CKPT FOLDER...

FOLDERs are photo-realistic rooms (`make photoreal`, whose shards hold the cameras' poses) that the checkpoint was not
trained on. Scale is the predicted median over the true one: what a bin lacks among the rooms shows there first.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
from real_frames import figures

from depth_models import DepthPredictor
from depth_models.data.sources import open_source
from depth_models.types import Sample

# Edges of the bins: the least and the most are open.
BINS = {
    "height (m)": [0.8, 1.1, 1.4],
    "pitch (degrees, up is positive)": [-20, -10, 0],
    "horizontal field of view (degrees)": [56, 62, 70],
    "median depth (m)": [0.8, 1.2, 1.8, 2.6],
}


def frames(folder: Path) -> Iterator[tuple[Sample, tuple[float, float, float, float]]]:
    """Each frame, and its place in the order of `BINS`."""
    for shard in sorted(folder.glob("shard-*.mat")):
        with h5py.File(shard) as file:
            poses = np.asarray(file["poses"])
        source = open_source(shard)
        for sample, pose in zip((source[index] for index in range(len(source))), poses, strict=True):
            pitch = math.degrees(math.asin(pose[2, 2]))  # the optical axis is a camera's z, and up is the world's
            view = 2 * math.degrees(math.atan(sample.camera.width / 2 / sample.camera.fx))
            yield sample, (float(pose[2, 3]), pitch, view, float(np.median(sample.depth[sample.valid])))


def label(edges: list[float], number: int) -> str:
    """A bin's, such as `0.8 to 1.1`."""
    if number == 0:
        return f"below {edges[0]:g}"
    return f"over {edges[-1]:g}" if number == len(edges) else f"{edges[number - 1]:g} to {edges[number]:g}"


def main() -> None:
    """Print a table of all bins."""
    name, *folders = sys.argv[1:]
    predictor = DepthPredictor.from_checkpoint(name, device="cpu", backend="torch")
    places, errors = [], []
    for folder in map(Path, folders):
        for sample, place in frames(folder):
            places.append(place)
            errors.append(figures(predictor, sample)[:3])
    where, what = np.array(places).T, np.array(errors)
    print("| camera | | frames | AbsRel | scaled | scale |\n| --- | --- | --- | --- | --- | --- |")
    for (title, edges), values in zip(BINS.items(), where, strict=True):
        numbers = np.digitize(values, edges)
        for number in range(len(edges) + 1):
            rows = what[numbers == number]
            if len(rows):
                raw, scaled, scale = *rows[:, :2].mean(0), math.exp(np.log(rows[:, 2]).mean())
                print(f"| {title} | {label(edges, number)} | {len(rows)} | {raw:.3f} | {scaled:.3f} | {scale:.2f} |")


if __name__ == "__main__":
    main()
