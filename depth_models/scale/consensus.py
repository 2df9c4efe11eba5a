"""What most of the recent readings of all anchors agree on, however wrong the others are."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

import numpy as np

WINDOW_S = 5.0
TOLERANCE = 0.1  # of the log scale, to both sides: a network errs by that much from surface to surface
# Of the readings so many agree, or they may do so by chance: where they say anything within a factor of three, a tenth
# of them is within the tolerance of one, and ten of 25 are by chance once in some thousand times.
LEAST_SHARE, FEWEST = 0.4, 10
LEAST_SPAN_S = 0.3
LARGEST_LOG = math.log(3.0)
STILL = 0.01  # an anchor's readings vary by less in log distance, while
MOVED = 0.15  # what is seen at their place varies by more: it is stuck
_INDEPENDENT = 0.3  # of the readings; those of neighbouring frames err alike
_LEAST_SIGMA = 0.01


@dataclass(frozen=True)
class Reading:
    """What one anchor says of one frame.

    Attributes:
        name: of the anchor.
        log_errors: (N,) logarithms of predicted by known distance.
        told: logarithm of a typical distance that it knows; None for an anchor that cannot be stuck.
        places: (N, 2) where in the picture, x, y as fractions of its width and height; none where no single place is
            known.
    """

    name: str
    log_errors: np.ndarray
    told: float | None
    places: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))


@dataclass(frozen=True)
class Agreement:
    """What the readings agree on.

    Attributes:
        log: natural logarithm of the scale error.
        sigma: its standard deviation.
        spread: standard deviation of the readings that agree.
        now: mean of those that agree and are of the newest frame; None where there is none.
        names: of the anchors that agree, sorted.
    """

    log: float
    sigma: float
    spread: float
    now: float | None
    names: tuple[str, ...]


@dataclass
class _Kept:
    stamp_s: float
    name: str
    log: float
    told: float | None


class Consensus:
    """Keeps the readings of the last `WINDOW_S`, as errors of one reference frame."""

    def __init__(self) -> None:
        self._kept: deque[_Kept] = deque()
        self._told: dict[str, float] = {}  # last, by the anchor's name

    def clear(self) -> None:
        """Forget all readings: those of another scale say nothing of this one."""
        self._kept.clear()

    def shift(self, log: float) -> None:
        """Make another frame the reference, whose log scale is larger by that."""
        for kept in self._kept:
            kept.log += log

    def add(self, reading: Reading, stamp_s: float, log_change: float) -> bool:
        """Take a reading of a frame whose scale has changed so since the reference, if it tells something.

        One that repeats the last is no news: what is stuck repeats itself, and a live sensor has noise.
        """
        logs, repeated = reading.log_errors, reading.told is not None and self._told.get(reading.name) == reading.told
        if reading.told is not None:
            self._told[reading.name] = reading.told
        if not logs.size or repeated:
            return False
        log, _ = _densest(logs)
        if abs(log) > LARGEST_LOG:
            return False
        self._kept.append(_Kept(stamp_s, reading.name, log - log_change, reading.told))
        return True

    def agreement(self, stamp_s: float) -> Agreement | None:
        """What they agree on; None where they do not, or are too few, or their sensor is stuck."""
        while self._kept and self._kept[0].stamp_s < stamp_s - WINDOW_S:
            self._kept.popleft()
        stuck = {name for name in {kept.name for kept in self._kept} if self._is_stuck(name)}
        live = [kept for kept in self._kept if kept.name not in stuck]
        if len(live) < FEWEST or live[-1].stamp_s - live[0].stamp_s < LEAST_SPAN_S:
            return None
        logs = np.array([kept.log for kept in live])
        log, agree = _densest(logs)
        count = np.count_nonzero(agree)
        if count < max(FEWEST, LEAST_SHARE * len(logs)):
            return None
        spread = 1.4826 * float(np.median(np.abs(logs[agree] - log)))
        sigma = math.hypot(_LEAST_SIGMA, 1.25 * spread / math.sqrt(_INDEPENDENT * count))
        agreeing = [kept for kept, agrees in zip(live, agree, strict=True) if agrees]
        newest = [kept.log for kept in agreeing if kept.stamp_s == stamp_s]
        now = float(np.mean(newest)) if newest else None
        return Agreement(log, sigma, spread, now, tuple(sorted({kept.name for kept in agreeing})))

    def _is_stuck(self, name: str) -> bool:
        """Does an anchor go on to say nearly the same, while what is before it changes?"""
        kept = [one for one in self._kept if one.name == name and one.told is not None]
        told = np.array([one.told for one in kept])
        seen = told + [one.log for one in kept]
        return len(kept) > 1 and float(np.ptp(told)) < STILL and float(np.ptp(seen)) > MOVED


def _densest(logs: np.ndarray) -> tuple[float, np.ndarray]:
    """The median of the most values that are within `TOLERANCE` of a common middle, and (N,) bool: which these are."""
    ordered = np.sort(logs)
    ends = np.searchsorted(ordered, ordered + 2 * TOLERANCE, side="right")
    first = int(np.argmax(ends - np.arange(len(ordered))))
    low, high = ordered[first], ordered[ends[first] - 1]
    agree = (logs >= low) & (logs <= high)
    return float(np.median(logs[agree])), agree
