"""What the curves of a training run say: how steady it was, and when it began to overfit."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SPIKE = 5.0  # times the running median of the gradient's norm
_WINDOW = 50  # steps before, of the running median
_FEWEST_EPOCHS = 5  # fewer say nothing of steadiness
_FEWEST = 8  # steps before the first that may count as a spike


@dataclass(frozen=True)
class Curves:
    """A run's log.

    Attributes:
        train_loss, val_loss: per epoch; the former is the mean over its steps.
        val: per epoch, the validation metrics of `depth_models.metrics`, per image.
        grad_norm: per step.
    """

    train_loss: list[float]
    val_loss: list[float]
    val: list[dict[str, float]]
    grad_norm: list[float]


def read_curves(log: Path) -> Curves:
    """From a run's log.jsonl."""
    curves, losses = Curves([], [], [], []), list[float]()
    for line in log.read_text().splitlines():
        event = json.loads(line)
        losses.append(event["loss"])
        curves.grad_norm.append(event["grad_norm"])
        if "val_loss" in event:
            curves.train_loss.append(float(np.mean(losses)))
            curves.val_loss.append(event["val_loss"])
            curves.val.append(event["val"])
            losses.clear()
    return curves


def scatter(curve: Sequence[float]) -> float:
    """Standard deviation of a curve about its smooth trend, relative to its mean.

    From second differences, which a slowly bending trend hardly has and independent noise of variance s^2 has with
    variance 6 s^2, so that no form of the trend is assumed.

    Args:
        curve: a value per epoch, positive.

    Returns:
        0 for a straight line; 0.1 where single epochs are about 10 % off. NaN for fewer than five epochs.
    """
    if len(curve) < _FEWEST_EPOCHS:
        return math.nan
    bends = np.diff(np.asarray(curve, np.float64), 2)
    return float(np.sqrt(np.mean(bends**2) / 6) / np.mean(curve))


def spikes(norms: Sequence[float]) -> float:
    """Share of the steps whose gradient is `SPIKE` times the median of up to 50 steps before it, or more.

    Args:
        norms: the gradient's norm at each step.

    Returns:
        0 to 1, of the steps that have eight or more before them; NaN where there is none.
    """
    values = np.asarray(norms, np.float64)
    steps = range(_FEWEST, len(values))
    high = [values[i] >= SPIKE * np.median(values[max(0, i - _WINDOW) : i]) for i in steps]
    return float(np.mean(high)) if high else math.nan


@dataclass(frozen=True)
class Overfitting:
    """Where a validation loss is lowest.

    Attributes:
        epochs: of the run.
        best_epoch: that of the lowest validation loss, from 1.
        rise: of the validation loss from there to the last epoch, relative.
        train_fall: of the training loss over the same epochs, relative.
    """

    epochs: int
    best_epoch: int
    rise: float
    train_fall: float


def overfitting(curves: Curves) -> Overfitting:
    """Of a run of one epoch or more."""
    best = int(np.argmin(curves.val_loss))
    lowest, train = curves.val_loss[best], curves.train_loss
    return Overfitting(
        epochs=len(curves.val_loss),
        best_epoch=best + 1,
        rise=curves.val_loss[-1] / lowest - 1,
        train_fall=1 - train[-1] / train[best],
    )
