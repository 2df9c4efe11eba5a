"""What ORB-SLAM3 gets as depth, a line each; an aid is one more line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from depth_models.data.posed import PosedSequence
from depth_models.scale.steadying import SteadyScale
from depth_models.types import Depth

CONSTANT_M = 2.0

Maps = Iterator[np.ndarray]  # (H, W) float32 metres, NaN where invalid, a frame each
Predict = Callable[[int], Depth]


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
    depth: Callable[[PosedSequence, Predict], Maps] | None
    network: bool = True


@cache
def _predictor(checkpoint: Path) -> Callable[..., Depth]:
    from depth_models.predictor import DepthPredictor  # loads torch, which not every call of the benchmark needs

    return DepthPredictor.from_checkpoint(checkpoint)


def predict_of(checkpoint: Path, sequence: PosedSequence) -> Predict:
    """The network's depth of frame i, with the camera's focal length; the network is loaded when it is first asked."""
    camera = sequence.camera
    return lambda i: _predictor(checkpoint)(sequence.rgb(i), fx=camera.fx, fy=camera.fy)


def _true(sequence: PosedSequence, _: Predict) -> Maps:
    return (_truth(sequence, i) for i in range(len(sequence)))


def _constant(sequence: PosedSequence, _: Predict) -> Maps:
    size = (sequence.camera.height, sequence.camera.width)
    return (np.full(size, CONSTANT_M, np.float32) for _ in range(len(sequence)))


def _raw(sequence: PosedSequence, predict: Predict) -> Maps:
    return (predict(i).metres for i in range(len(sequence)))


def _steady(sequence: PosedSequence, predict: Predict) -> Maps:
    steady = SteadyScale()
    for i, frame in enumerate(sequence.frames):
        yield steady(sequence.rgb(i), predict(i).metres, sequence.camera, frame.stamp_s)


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
    Variant("steady scale", "the network's depth with one scale from frame to frame, as the node keeps it", _steady),
    Variant(
        "raw, one true scale", "all frames by one factor from the truth: a perfect anchor at best", _one_true_scale
    ),
    Variant(
        "raw, true scales", "every frame by its own factor from the truth: perfect anchor and steadying", _true_scales
    ),
]
