"""How fast a configuration trains on this machine, from a few steps of it."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from depth_models.config import TrainConfig
from depth_models.training import train

_STEPS = 3  # the first of them counts as the start: kernels and caches warm up in it


@dataclass(frozen=True)
class Speed:
    """What a probe saw.

    Attributes:
        start_s: until the first step was done.
        step_s: of a later step, with its loading; the median.
        spent_s: of the probe itself.
    """

    start_s: float
    step_s: float
    spent_s: float


Probe = Callable[[TrainConfig], Speed]


class _Enough(Exception):
    """Ends a probe's training."""


def probe_on(data: Path) -> Probe:
    """A probe that trains on a data set, in a folder that goes away.

    Args:
        data: what `open_source` opens.
    """

    def probe(config: TrainConfig) -> Speed:
        times = [time.monotonic()]

        def progress(event: dict[str, Any]) -> None:
            times.append(time.monotonic())
            if len(times) > _STEPS:
                raise _Enough

        with tempfile.TemporaryDirectory() as folder, suppress(_Enough):
            train(replace(config, epochs=_STEPS), data, folder, progress)
        later = [after - before for before, after in pairwise(times[1:])]
        return Speed(times[1] - times[0], statistics.median(later), time.monotonic() - times[0])

    return probe
