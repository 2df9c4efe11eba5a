"""How fast a configuration trains on this machine, from a few steps of it."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from depth_models.config import TrainConfig
from depth_models.training import train

STEPS = 4  # of one epoch; the first counts as the start, as kernels and caches warm up in it


@dataclass(frozen=True)
class Speed:
    """What a probe saw.

    Attributes:
        start_s: until the first step was done.
        step_s: of a later step, with its loading; the median.
        epoch_s: of what an epoch's end adds: validation, of the frames that the probe's split leaves, and saving.
        spent_s: of the probe itself.
    """

    start_s: float
    step_s: float
    epoch_s: float
    spent_s: float


Probe = Callable[[TrainConfig], Speed]


def probe_on(data: Path) -> Probe:
    """A probe that trains for an epoch of `STEPS` steps or a few more, in a folder that goes away.

    Args:
        data: what `open_source` opens.
    """

    def probe(config: TrainConfig) -> Speed:
        times = [time.monotonic()]

        def progress(event: dict[str, Any]) -> None:
            times.append(time.monotonic())

        with tempfile.TemporaryDirectory() as folder:
            train(replace(config, epochs=1), data, folder, progress)
        start, *steps, last = (after - before for before, after in pairwise(times))
        step_s = statistics.median(steps)
        return Speed(start, step_s, max(last - step_s, 0.0), time.monotonic() - times[0])

    return probe
