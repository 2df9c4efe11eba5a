"""One network over batches, threads and sizes; the way to its first depth; the energy of a depth."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from machine import joules
from ways import Way, runnable

from depth_models.backends.choice import load
from depth_models.backends.parity import patterns
from depth_models.bench import Subject, bench

_FIRST_DEPTH = """
import sys
import numpy as np
from depth_models import DepthPredictor
name, backend, precision, threads = sys.argv[1:]
predictor = DepthPredictor.from_checkpoint(name, "cpu", backend, precision, int(threads))
predictor(np.zeros((480, 640, 3), np.uint8), 525.0, 525.0)
print("depth", "torch" in sys.modules, flush=True)
"""
_ENERGY_S = 5.0  # of passes: the counter moves a thousand times a second


def scaling(
    subject: Subject,
    ways: Sequence[Way],
    batches: Sequence[int],
    threads: Sequence[int],
    sizes: Sequence[tuple[int, int]],
    rounds: int,
) -> list[dict[str, Any]]:
    """A row a setting, by way its milliseconds (p50) for one image and its ratio to eager PyTorch there.

    Args:
        subject: the network.
        ways: to run it; int8 is for speed alone where the size is not the network's own.
        batches, threads, sizes: one is changed at a time; the others are 1, the last and the first.
        rounds: passes of each way; fewer of larger ones.
    """
    settings = [(batch, threads[-1], sizes[0]) for batch in batches]
    settings += [(1, count, sizes[0]) for count in threads[:-1]]
    settings += [(1, threads[-1], size) for size in sizes[1:]]
    found = []
    for batch, count, size in settings:
        here = replace(subject, size=size)
        able, _ = runnable(here.checkpoint(), ways, held=size == sizes[0])
        larger = batch * size[0] * size[1] / (sizes[0][0] * sizes[0][1])
        rows = bench(here, able, "cpu", batch, count, max(5, round(rounds / larger)), memory=False)
        by_way = {
            f"{row.backend} {row.precision}": {"p50": row.latency_ms["p50"] / batch, "ratio": row.ratio_to_eager}
            for row in rows
        }
        found.append({"batch": batch, "threads": count, "size": list(size), "ways": by_way})
    return found


def first_depth(name: str, ways: Sequence[Way], threads: int, rounds: int) -> list[dict[str, Any]]:
    """Seconds from the start of a Python process to the first depth of a VGA image, the cache warm; in turns.

    Args:
        name: of the checkpoint.
        ways: eager PyTorch first.
        threads: of the CPU.
        rounds: processes of each way, after one that warms the cache.
    """
    times: dict[Way, list[float]] = defaultdict(list)
    with_torch = {}
    for number in range(rounds + 1):
        for way in ways:
            command = [sys.executable, "-c", _FIRST_DEPTH, name, *way, str(threads)]
            start = time.perf_counter()
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout is not None
                line = process.stdout.readline()
                seconds = time.perf_counter() - start
            if not line.startswith("depth"):
                raise RuntimeError(f"no depth from {' '.join(way)}; its process says why above")
            with_torch[way] = line.split()[1] == "True"
            if number > 0:
                times[way].append(seconds)
    eager = np.array(times[ways[0]])
    return [
        {
            "way": f"{way[0]} {way[1]}",
            "seconds": float(np.median(own)),
            "ratio": float(np.median(eager / np.array(own))),
            "imports_torch": with_torch[way],
            "rounds": rounds,
        }
        for way, own in times.items()
    ]


def energy(subject: Subject, ways: Sequence[Way], threads: int) -> dict[str, float] | None:
    """Joules a depth, by way: all that the CPU packages used meanwhile, idle power too; None without a counter."""
    if joules() is None:
        return None
    checkpoint, found = subject.checkpoint(), {}
    for way in ways:
        backend = load(checkpoint, way[0], "cpu", way[1], threads)
        canvases = patterns(1, checkpoint.preprocess.height, checkpoint.preprocess.width)
        backend(canvases)
        count, end, before = 0, time.perf_counter() + _ENERGY_S, joules() or 0.0
        while time.perf_counter() < end:
            backend(canvases)
            count += 1
        found[" ".join(way)] = ((joules() or 0.0) - before) / count
        backend.close()
    return found
