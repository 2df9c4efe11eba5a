"""What ORB-SLAM3 gets as depth, a line each; an aid is one more line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from threading import Lock

import numpy as np
from sensors import Seen, Sensor, by_height, by_points, by_range

from depth_models.data.posed import PosedSequence
from depth_models.scale.steadying import SteadyScale
from depth_models.types import Depth

CONSTANT_M = 2.0
MOST_RELATIVE_SIGMA = 0.15
MOST_KEPT = 600  # frames whose predicted depth is kept in memory: rooms' paths, or 1.6 GB of 640x480

Maps = Iterator[np.ndarray]  # (H, W) float32 metres, NaN where invalid, a frame each
Predict = Callable[[int], Depth]
Source = Callable[[PosedSequence, Predict], Maps]


@dataclass(frozen=True)
class Variant:
    """A row of the table.

    Attributes:
        name: as in the table, and of its results' folder.
        about: what it is, for the reader of the table.
        depth: from a sequence and the network's depth of frame i; None where SLAM gets the pictures alone.
        network: whether it calls the network, so that its results hold for one checkpoint only.
    """

    name: str
    about: str
    depth: Source | None
    network: bool = True


@cache
def _predictor(checkpoint: Path) -> Callable[..., Depth]:
    from depth_models.predictor import DepthPredictor  # loads torch, which not every call of the benchmark needs

    return DepthPredictor.from_checkpoint(checkpoint)


def predict_of(checkpoint: Path, sequence: PosedSequence) -> Predict:
    """The network's depth of frame i, with the camera's focal length; the network is loaded when it is first asked.

    May be called from several threads.
    """
    camera, lock = sequence.camera, Lock()

    @lru_cache(MOST_KEPT)
    def predict(i: int) -> Depth:
        return _predictor(checkpoint)(sequence.rgb(i), fx=camera.fx, fy=camera.fy)

    def predict_once(i: int) -> Depth:
        with lock:  # or two rows that are made at the same time would both predict it
            return predict(i)

    return predict_once


def _true(sequence: PosedSequence, _: Predict) -> Maps:
    return (_truth(sequence, i) for i in range(len(sequence)))


def _constant(sequence: PosedSequence, _: Predict) -> Maps:
    size = (sequence.camera.height, sequence.camera.width)
    return (np.full(size, CONSTANT_M, np.float32) for _ in range(len(sequence)))


def _raw(sequence: PosedSequence, predict: Predict) -> Maps:
    return (predict(i).metres for i in range(len(sequence)))


def _steady(*sensors: Sensor) -> Source:
    """As the node keeps the scale, with what those sensors tell."""

    def maps(sequence: PosedSequence, predict: Predict) -> Maps:
        steady, rng, camera = SteadyScale(), np.random.default_rng(0), sequence.camera
        for i, frame in enumerate(sequence.frames):
            metres, seen = predict(i).metres, Seen.of(sequence, i) if sensors else None
            readings = [] if seen is None else [sensor(seen, metres, camera, rng) for sensor in sensors]
            yield steady(sequence.rgb(i), metres, camera, frame.stamp_s, readings)

    return maps


def _masked(source: Source) -> Source:
    """Without what the network does not trust; all of it where the network does not tell."""

    def maps(sequence: PosedSequence, predict: Predict) -> Maps:
        for i, metres in enumerate(source(sequence, predict)):
            depth = predict(i)
            if depth.sigma_metres is not None:
                trusted = depth.sigma_metres <= MOST_RELATIVE_SIGMA * depth.metres
                metres = np.where(trusted, metres, np.float32(np.nan))
            yield metres

    return maps


def _one_true_scale(sequence: PosedSequence, predict: Predict) -> Maps:
    scales = [_scale(metres, _truth(sequence, i)) for i, metres in enumerate(_raw(sequence, predict))]
    return (metres * np.float32(np.nanmedian(scales)) for metres in _raw(sequence, predict))


def _true_scales(sequence: PosedSequence, predict: Predict) -> Maps:
    for i, metres in enumerate(_raw(sequence, predict)):
        yield metres * np.float32(_scale(metres, _truth(sequence, i)))


def _truth(sequence: PosedSequence, index: int) -> np.ndarray:
    """(H, W) metres of a frame, all NaN where a real sensor's depth image is missing."""
    if sequence.frames[index].depth is None:
        return np.full((sequence.camera.height, sequence.camera.width), np.nan, np.float32)
    return sequence.metres(index)


def _scale(metres: np.ndarray, truth: np.ndarray) -> float:
    """True metres to one of the network's: the median over the pixels that have both; NaN without any."""
    ratio = truth / metres
    return float(np.nanmedian(ratio)) if np.isfinite(ratio).any() else np.nan


VARIANTS = [
    Variant("true depth", "the sequence's own depth: the figure to reach", _true, network=False),
    Variant("constant", f"{CONSTANT_M} m everywhere: what SLAM makes of a depth that knows nothing", _constant, False),
    Variant("monocular", "pictures alone; it has no scale, so only its error with scale says anything", None, False),
    Variant("raw", "the network's depth as it comes", _raw),
    Variant("steady scale", "the network's depth with one scale from frame to frame, as the node keeps it", _steady()),
    Variant("range", "steady, anchored by one narrow beam ahead with 1 % of noise", _steady(by_range)),
    Variant("height", "steady, anchored by the camera's height over the floor and its true tilt", _steady(by_height)),
    Variant(
        "points",
        "steady, anchored and corrected in its shape by 60 points a frame with 2 % of noise",
        _steady(by_points),
    ),
    Variant("masked", f"raw, without depths whose sigma is over {MOST_RELATIVE_SIGMA:.0%} of them", _masked(_raw)),
    Variant("steady, masked", "both", _masked(_steady())),
    Variant("all aids", "steady, anchored by all three, masked", _masked(_steady(by_range, by_height, by_points))),
    Variant(
        "raw, one true scale", "all frames by one factor from the truth: a perfect anchor at best", _one_true_scale
    ),
    Variant(
        "raw, true scales", "every frame by its own factor from the truth: perfect anchor and steadying", _true_scales
    ),
]
