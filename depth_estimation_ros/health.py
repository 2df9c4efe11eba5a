"""What the node says of itself: a level, a sentence, and facts by name. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from depth_estimation_ros.parameters import NodeParameters
from depth_estimation_ros.statistics import Percentiles, Snapshot


class Level(IntEnum):
    """As in diagnostic_msgs/DiagnosticStatus."""

    OK = 0
    WARN = 1
    ERROR = 2


@dataclass(frozen=True)
class Health:
    """A DiagnosticStatus, without ROS.

    Attributes:
        level: the worst of all that is wrong.
        message: what is wrong, or how it goes.
        facts: values by name, for people.
    """

    level: Level
    message: str
    facts: Mapping[str, str]


def resting(state: str, problem: str, model: Mapping[str, str]) -> Health:
    """Health of a node that is not active.

    Args:
        state: 'unconfigured', 'inactive' or 'finalized'.
        problem: why it could not be configured or activated; '' if it could, or was not asked to.
        model: what is loaded, by name.
    """
    facts = {"state": state, **model, "last error": problem}
    return Health(Level.ERROR, problem, facts) if problem else Health(Level.OK, state, facts)


def running(now: Snapshot, parameters: NodeParameters, model: Mapping[str, str]) -> Health:
    """Health of an active node.

    Args:
        now: statistics since it was activated.
        parameters: the thresholds.
        model: what is loaded, by name.
    """
    complaints = _complaints(now, parameters)
    level = max((level for level, _ in complaints), default=Level.OK)
    text = "; ".join(text for _, text in sorted(complaints, key=lambda complaint: -complaint[0]))
    if not complaints:
        text = "nobody listens" if now.recently("unheard") else f"depth at {now.output_rate:.1f} Hz"
    facts = {
        "state": "active",
        "input rate (Hz)": f"{now.input_rate:.1f}",
        "output rate (Hz)": f"{now.output_rate:.1f}",
        **_percentiles("latency", now.latency_ms),
        **_percentiles("age", now.age_ms),
        **{f"{event} ({reason})" if reason else event: str(n) for (event, reason), n in sorted(now.totals.items())},
        "pixels beyond 16UC1": str(now.clipped_pixels),
        **model,
        "last error": now.error,
    }
    return Health(level, text, facts)


def _complaints(now: Snapshot, p: NodeParameters) -> list[tuple[Level, str]]:
    complaints = []

    def judge(value: float, warn: float, error: float, text: str) -> None:
        if 0 < error <= value:
            complaints.append((Level.ERROR, text))
        elif 0 < warn <= value:
            complaints.append((Level.WARN, text))

    if now.is_failing:
        complaints.append((Level.ERROR, now.error))
    judge(now.silence_s, p.warn_silence, p.error_silence, f"no image for {now.silence_s:.1f} s")
    if now.latency_ms:
        p95_s = now.latency_ms[1] / 1e3
        judge(p95_s, p.warn_latency, p.error_latency, f"latency is {p95_s:.2f} s (95 %)")
    if received := now.recently("received"):
        part = now.recently("rejected") / received
        judge(part, p.warn_rejected, p.error_rejected, f"{part:.0%} of the images are unusable: {now.error}")
        stale = now.recent.get(("dropped", "stale"), 0)
        if stale and not now.recently("published"):
            text = "all images are older than max_age; does a recording play without use_sim_time?"
            complaints.append((Level.WARN, text))
        if not now.recently("unheard"):
            # Of periods, so that here too the larger is the worse.
            warn_s, error_s = (1 / rate if rate > 0 else 0.0 for rate in (p.warn_rate, p.error_rate))
            period_s = 1 / now.output_rate if now.output_rate > 0 else float("inf")
            judge(period_s, warn_s, error_s, f"depth comes at {now.output_rate:.1f} Hz only")
    return complaints


def _percentiles(name: str, values: Percentiles | None) -> dict[str, str]:
    if values is None:
        return {}
    return {f"{name} p{p} (ms)": f"{v:.0f}" for p, v in zip((50, 95, 99), values, strict=True)}
