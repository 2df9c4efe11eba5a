"""The viewer's books: which depth belongs to which truth, how late it was, how wrong it is. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

# In the demo's room the best single number for all pixels has 0.32, random weights 0.35 to 0.53, the bundled ones 0.18.
HIGHEST_PLAUSIBLE_ABS_REL = 0.3
PICTURES_AT = (0.0, 0.3, 0.55, 0.8)  # of the run; four places of a path that is played to and fro
LATTICE_PX = 4  # accuracy is of every 4th row and column: all metrics of all pixels cost as much as a small network
MOST_WAITING = 200  # frames; 20 s, in which even a slow network answers one, and 0.4 GB of VGA


if TYPE_CHECKING:
    from depth_models.metrics import Metrics


@dataclass(frozen=True)
class Shot:
    """A frame with everything that is known of it.

    Attributes:
        rgb: (H, W, 3) uint8.
        depth: (H, W) float32 metres, NaN where invalid.
        truth: as depth; None where there is none.
    """

    rgb: np.ndarray
    depth: np.ndarray
    truth: np.ndarray | None


class Tally:
    """Takes messages by stamp, in nanoseconds, and keeps score.

    Args:
        duration_s: of the run, over which the kept shots are spread.
        has_truth: whether every image comes with one; depth then waits for it.

    Attributes:
        shots: some frames of the run, to draw.
    """

    def __init__(self, duration_s: float, has_truth: bool) -> None:
        self.shots: list[Shot] = []
        self._duration_s = duration_s
        self._metrics = _metrics() if has_truth else None
        self._parts: OrderedDict[int, dict[str, np.ndarray]] = OrderedDict()
        self._first_ns: int | None = None
        self._latencies_ms: list[float] = []
        self._image_stamps_ns: list[int] = []
        self._newest_depth_ns = 0
        self._pixels, self._valid_pixels = 0, 0

    def image(self, stamp_ns: int, rgb: np.ndarray) -> None:
        """Take an image, (H, W, 3) uint8."""
        self._image_stamps_ns.append(stamp_ns)
        self._put(stamp_ns, "rgb", rgb)

    def truth(self, stamp_ns: int, metres: np.ndarray) -> None:
        """Take an image's true depth, (H, W) float32, NaN where unknown."""
        self._put(stamp_ns, "truth", metres)

    def depth(self, stamp_ns: int, arrival_ns: int, metres: np.ndarray) -> None:
        """Take a predicted depth, (H, W) float32, NaN where invalid, and when it arrived."""
        self._newest_depth_ns = max(self._newest_depth_ns, stamp_ns)
        self._latencies_ms.append((arrival_ns - stamp_ns) / 1e6)
        self._pixels += metres.size
        self._valid_pixels += int(np.isfinite(metres).sum())
        self._put(stamp_ns, "depth", metres)
        skipped = [stamp for stamp, parts in self._parts.items() if stamp < stamp_ns and "depth" not in parts]
        for stamp in skipped:  # the node answers in order
            del self._parts[stamp]

    def _put(self, stamp_ns: int, kind: str, values: np.ndarray) -> None:
        parts = self._parts.setdefault(stamp_ns, {})
        parts[kind] = values
        if len(parts) == (2 if self._metrics is None else 3):
            self._complete(stamp_ns, Shot(parts["rgb"], parts["depth"], parts.get("truth")))
        while len(self._parts) > MOST_WAITING:
            self._parts.popitem(last=False)

    def _complete(self, stamp_ns: int, shot: Shot) -> None:
        del self._parts[stamp_ns]
        if self._metrics is not None and shot.truth is not None:
            depth, truth = shot.depth[::LATTICE_PX, ::LATTICE_PX], shot.truth[::LATTICE_PX, ::LATTICE_PX]
            self._metrics.add(depth, truth, np.isfinite(depth) & np.isfinite(truth))
        self._first_ns = stamp_ns if self._first_ns is None else self._first_ns
        due = len(self.shots)
        if due < len(PICTURES_AT) and (stamp_ns - self._first_ns) / 1e9 >= PICTURES_AT[due] * self._duration_s:
            self.shots.append(shot)

    def score(self) -> dict[str, Any]:
        """The score so far, fit for JSON.

        images, depths: that arrived.
        skipped: images without depth that are older than the newest depth.
        latency_ms: [p50, p95] from the image's stamp to the depth's arrival, or None.
        valid: share of the depths' pixels that are a depth, or None.
        abs_rel, delta1: of the pixels that have depth and truth, or None.
        """
        passed = sum(stamp <= self._newest_depth_ns for stamp in self._image_stamps_ns)
        latency = np.percentile(self._latencies_ms, [50, 95]).tolist() if self._latencies_ms else None
        accuracy = self._metrics.pooled() if self._metrics else {}  # also where it is empty
        return {
            "images": len(self._image_stamps_ns),
            "depths": len(self._latencies_ms),
            "skipped": max(0, passed - len(self._latencies_ms)),
            "latency_ms": latency,
            "valid": self._valid_pixels / self._pixels if self._pixels else None,
            "abs_rel": accuracy.get("abs_rel"),
            "delta1": accuracy.get("delta1"),
        }


def _metrics() -> Metrics:
    from depth_models.metrics import Metrics  # torch: the supervisor needs none

    return Metrics()


def picture_path(folder: Path, number: int) -> Path:
    """File of the picture of a number from 1."""
    return folder / f"frame_{number}.png"


def implausible(score: Mapping[str, Any], has_truth: bool) -> str:
    """Why a run's score cannot be right, or '' if it can."""
    if not score.get("depths"):
        return "no depth arrived"
    if not score["valid"]:
        return "every value of every depth is NaN"
    if has_truth and score["abs_rel"] is None:
        return "no depth could be compared with the truth"
    if has_truth and score["abs_rel"] > HIGHEST_PLAUSIBLE_ABS_REL:
        return f"AbsRel is {score['abs_rel']:.2f}, and above {HIGHEST_PLAUSIBLE_ABS_REL} a constant guess does as well"
    return ""
