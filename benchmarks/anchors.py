"""How true the metres become by anchors, right and wrong ones, on synthetic camera paths.

python benchmarks/anchors.py SEQUENCE... [--checkpoint unet] [--every 3]

SEQUENCE is a folder of `depth-models data sequence`, whose true depth the anchors are made of. The network's depth is
multiplied by 1.4, 1 and 0.7. A cell is the mean over frames of the scale's error (median of depth by truth) and of
AbsRel, from 3 s on, when an anchor that agrees with itself counts.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from slam.sensors import BEAM, Seen, Sensor, by_height, by_points, by_range

from depth_models import DepthPredictor
from depth_models.data.posed import PosedSequence
from depth_models.scale.anchors import range_error
from depth_models.scale.consensus import Reading
from depth_models.scale.steadying import SteadyScale
from depth_models.types import Camera

FACTORS = (1.4, 1.0, 0.7)
SETTLED_S = 3.0


@dataclass(frozen=True)
class Shot:
    """One frame: its picture, the network's depth, and what a sensor beside the camera would have seen."""

    stamp_s: float
    rgb: np.ndarray
    metres: np.ndarray
    seen: Seen


def half_wrong(sensor: Sensor) -> Sensor:
    """Every second reading, by chance, is of anything within a factor of e."""

    def reading(seen: Seen, metres: np.ndarray, camera: Camera, rng: np.random.Generator) -> Reading:
        right = sensor(seen, metres, camera, rng)
        return right if rng.random() < 0.5 else Reading(right.name, rng.uniform(-1, 1, 1), float(rng.normal()))

    return reading


def half_of_each_wrong(seen: Seen, metres: np.ndarray, camera: Camera, rng: np.random.Generator) -> Reading:
    """Every second point of each cloud, by chance, is at anything within a factor of e of its depth."""
    right = by_points(seen, metres, camera, rng)
    wrong = np.where(rng.random(right.log_errors.shape) < 0.5, rng.uniform(-1, 1, right.log_errors.shape), 0)
    return replace(right, log_errors=right.log_errors + wrong)


def stuck(seen: Seen, metres: np.ndarray, camera: Camera, rng: np.random.Generator) -> Reading:
    """A range sensor that says 1 m for ever."""
    return Reading("range", range_error(metres, camera, 1.0, BEAM), 0.0)


SENSORS: dict[str, Sensor | None] = {
    "none": None,
    "points": by_points,
    "height": by_height,
    "range": by_range,
    "clouds, half wrong": half_wrong(by_points),
    "points, half wrong": half_of_each_wrong,
    "range, half wrong": half_wrong(by_range),
    "range, stuck": stuck,
}


def shots(folder: Path, predictor: DepthPredictor, every: int) -> Iterator[Shot]:
    """The frames of a sequence."""
    sequence = PosedSequence(folder)
    camera = sequence.camera
    for i in range(0, len(sequence), every):
        frame, rgb = sequence.frames[i], sequence.rgb(i)
        metres = predictor(rgb, fx=camera.fx, fy=camera.fy).metres
        if (seen := Seen.of(sequence, i)) is not None:
            yield Shot(frame.stamp_s, rgb, metres, seen)


def error(frames: list[Shot], camera: Camera, factor: float, sensor: Sensor | None) -> tuple[float, float]:
    """Mean scale error and AbsRel of a sequence."""
    rng, steady, errors = np.random.default_rng(0), SteadyScale(), []
    for shot in frames:
        metres = shot.metres * np.float32(factor)
        readings = [] if sensor is None else [sensor(shot.seen, metres, camera, rng)]
        out = steady(shot.rgb, metres, camera, shot.stamp_s, readings)
        if shot.stamp_s >= SETTLED_S:
            ratio = out / shot.seen.truth
            errors.append((abs(np.nanmedian(ratio) - 1), np.nanmean(np.abs(ratio - 1))))
    scale, abs_rel = np.mean(errors, axis=0)
    return float(scale), float(abs_rel)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sequences", nargs="+", type=Path, metavar="SEQUENCE")
    parser.add_argument("--checkpoint", default="unet")
    parser.add_argument("--every", type=int, default=3, help="take every so many frames (default: 3)")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    predictor = DepthPredictor.from_checkpoint(args.checkpoint)
    print(f"{'':14}{'times':>6}" + "".join(f"{name:>20}" for name in SENSORS))
    table: dict[float, list[list[tuple[float, float]]]] = {factor: [] for factor in FACTORS}
    for folder in args.sequences:
        frames, camera = list(shots(folder, predictor, args.every)), PosedSequence(folder).camera
        for factor in FACTORS:
            row = [error(frames, camera, factor, sensor) for sensor in SENSORS.values()]
            table[factor].append(row)
            print(f"{folder.name:14}{factor:>6}" + _cells(row), flush=True)
    for factor, rows in table.items():
        print(f"{'mean':14}{factor:>6}" + _cells(np.mean(rows, axis=0)))


def _cells(row: Iterable[tuple[float, float]]) -> str:
    return "".join(f"{f'{scale:.1%}  {abs_rel:.1%}':>20}" for scale, abs_rel in row)


if __name__ == "__main__":
    main()
