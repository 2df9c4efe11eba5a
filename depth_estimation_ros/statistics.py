"""What happened to the frames: totals by reason, and rates and percentiles of the last seconds. Pure."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

WINDOW_S = 10.0  # of rates and percentiles
EVENTS = ("received", "published", "dropped", "rejected", "failed", "unheard")
Percentiles = tuple[float, float, float]  # 50, 95 and 99 %


@dataclass(frozen=True)
class Snapshot:
    """Statistics at one moment; rates, fractions and percentiles are of the last `WINDOW_S` seconds.

    Attributes:
        totals: frames by (event, reason) since the start; the reason is '' where an event has none. The events:
            'received'; 'published'; 'dropped' as 'replaced' (a newer one came first), 'stale' (older than max_age),
            'rate' (max_rate) or 'stopped' (the node was deactivated); 'rejected' for a fault of the message; 'failed'
            for one of the model; 'unheard' (nobody subscribes).
        clipped_pixels: published as invalid since they do not fit 16UC1, since the start.
        input_rate, output_rate: Hz.
        recent: as `totals`, in the window.
        latency_ms: from an image's arrival to its depth's departure; None while nothing was published.
        age_ms: from an image's stamp to its depth's departure, in ROS time; None also for stamps in the future.
        silence_s: since the last image, or since the start.
        error: what the last rejected or failed frame suffered from; '' if none.
        is_failing: the model failed at the last frame that it got.
    """

    totals: dict[tuple[str, str], int]
    clipped_pixels: int
    input_rate: float
    output_rate: float
    recent: dict[tuple[str, str], int]
    latency_ms: Percentiles | None
    age_ms: Percentiles | None
    silence_s: float
    error: str
    is_failing: bool

    def recently(self, event: str) -> int:
        """Frames of an event in the window, whatever the reason."""
        return sum(n for (e, _), n in self.recent.items() if e == event)


@dataclass(frozen=True)
class _Moment:
    time_s: float
    event: str
    reason: str = ""
    latency_ms: float = float("nan")
    age_ms: float = float("nan")


class Statistics:
    """Collects; safe to use from several threads.

    Args:
        clock: seconds of a clock that never goes back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._start_s = self._last_image_s = clock()
        self._totals: Counter[tuple[str, str]] = Counter()
        self._told: Counter[tuple[str, str]] = Counter()  # totals at the last `take_line`
        self._moments: deque[_Moment] = deque()
        self._clipped, self._error, self._is_failing = 0, "", False

    def count(self, event: str, reason: str = "", error: str = "") -> None:
        """Count a frame under one of `EVENTS` but 'published'; see `Snapshot`."""
        with self._lock:
            self._add(_Moment(self._clock(), event, reason))
            self._error = error or self._error
            self._is_failing |= event == "failed"
            if event == "received":
                self._last_image_s = self._clock()

    def published(self, latency_ms: float, age_ms: float | None = None, clipped_pixels: int = 0) -> None:
        """Count a published frame; see `Snapshot`."""
        with self._lock:
            self._add(_Moment(self._clock(), "published", "", latency_ms, float("nan") if age_ms is None else age_ms))
            self._clipped += clipped_pixels
            self._is_failing = False

    def _add(self, moment: _Moment) -> None:
        self._totals[moment.event, moment.reason] += 1
        self._moments.append(moment)
        while self._moments[0].time_s < moment.time_s - WINDOW_S:
            self._moments.popleft()

    def snapshot(self) -> Snapshot:
        """How things are now."""
        with self._lock:
            now_s = self._clock()
            recent = [m for m in self._moments if m.time_s >= now_s - WINDOW_S]
            counts = Counter((m.event, m.reason) for m in recent)
            span_s = max(min(WINDOW_S, now_s - self._start_s), 1.0)
            return Snapshot(
                totals=dict(self._totals),
                clipped_pixels=self._clipped,
                input_rate=counts["received", ""] / span_s,
                output_rate=counts["published", ""] / span_s,
                recent=dict(counts),
                latency_ms=_percentiles(m.latency_ms for m in recent),
                age_ms=_percentiles(m.age_ms for m in recent),
                silence_s=now_s - self._last_image_s,
                error=self._error,
                is_failing=self._is_failing,
            )

    def take_line(self) -> str:
        """One line on everything since the last call; '' if no frame came."""
        now = self.snapshot()
        news = Counter(now.totals) - self._told
        self._told = Counter(now.totals)
        if not news:
            return ""
        words = []
        for event in EVENTS:
            reasons = {reason: n for (e, reason), n in news.items() if e == event}
            if reasons or event in EVENTS[:4]:
                words.append(f"{sum(reasons.values())} {event}" + _by_reason(reasons))
        line = "frames: " + ", ".join(words)
        if now.latency_ms:
            line += f"; latency p50 {now.latency_ms[0]:.0f} ms, p95 {now.latency_ms[1]:.0f} ms"
        return line


def _by_reason(counts: dict[str, int]) -> str:
    named = [f"{n} {reason}" for reason, n in counts.items() if reason]
    return f" ({', '.join(named)})" if named else ""


def _percentiles(values: Iterable[float]) -> Percentiles | None:
    finite = [v for v in values if np.isfinite(v)]
    return tuple(float(v) for v in np.percentile(finite, [50, 95, 99])) if finite else None  # type: ignore[return-value]
