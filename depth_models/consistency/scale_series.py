"""What a scale that was measured frame by frame amounts to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MOST_INTERVALS = 3.0  # frames farther apart than so many median intervals are not neighbours
_MOST_SLOPES = 200  # frames between which slopes are taken


@dataclass(frozen=True)
class ScaleSummary:
    """A scale over time. Logarithms are natural: 0.01 is 1 %.

    Attributes:
        median: of the frames' scales; 1 is true, 1.2 is 20 % too far. None where no metres are known.
        jitter: standard deviation of the change of log scale from a frame to the next.
        drift_per_s: slope of the log scale over time (Theil-Sen), 1/s.
        spread: standard deviation of the frames' log scales.
    """

    median: float | None
    jitter: float | None
    drift_per_s: float | None
    spread: float | None


def summarise(stamps_s: np.ndarray, logs: np.ndarray, changes: np.ndarray, is_metric: bool) -> ScaleSummary:
    """Summarise a series; what cannot be told is None.

    Args:
        stamps_s: (N,) ascending.
        logs: (N,) log scale of each frame, NaN where not known.
        changes: (N,) change of log scale since the frame before, NaN where not known and in the first.
        is_metric: `logs` are against metres, and not up to a factor.
    """
    changes = changes[np.isfinite(changes) & are_neighbours(stamps_s)]
    known = np.isfinite(logs)
    times, logs = stamps_s[known], logs[known]
    return ScaleSummary(
        median=float(np.exp(np.median(logs))) if is_metric and logs.size else None,
        jitter=float(changes.std()) if changes.size > 1 else None,
        drift_per_s=_slope(times, logs) if logs.size > 1 else None,
        spread=float(logs.std()) if logs.size > 1 else None,
    )


def are_neighbours(stamps_s: np.ndarray) -> np.ndarray:
    """(N,) bool: did a frame come right after the one before, with no gap between? False for the first."""
    steps = np.diff(stamps_s, prepend=-np.inf)
    return steps <= MOST_INTERVALS * np.median(steps[1:]) if len(steps) > 1 else np.zeros(len(steps), bool)


def _slope(times_s: np.ndarray, logs: np.ndarray) -> float:
    """The median slope between any two of some frames, which a few wild frames do not change."""
    some = np.unique(np.linspace(0, len(logs) - 1, _MOST_SLOPES).astype(int))
    i, j = np.triu_indices(len(some), 1)
    return float(np.median((logs[some[j]] - logs[some[i]]) / (times_s[some[j]] - times_s[some[i]])))
