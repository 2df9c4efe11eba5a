"""Latency of networks on back-ends, side by side in one run, as ratios to eager PyTorch in fp32."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from depth_models.backends import BACKENDS, Backend
from depth_models.backends.cache import LOG
from depth_models.backends.choice import latencies_ms, load
from depth_models.backends.parity import patterns
from depth_models.checkpoint import Checkpoint, find_checkpoint
from depth_models.errors import DepthModelsError
from depth_models.preprocess import Preprocess

REFERENCE = ("torch", "fp32")
_PASSES = 2  # after which a process' memory has its peak


@dataclass(frozen=True)
class Subject:
    """A network to measure; small enough to be sent to another process.

    Attributes:
        name: a checkpoint's name or path, or, if `untrained`, a network's name in the registry.
        untrained: its default configuration with random weights, which are as fast as trained ones.
        size: (height, width) of the canvas; None for the checkpoint's own.
    """

    name: str
    untrained: bool = False
    size: tuple[int, int] | None = None

    def checkpoint(self) -> Checkpoint:
        """Load or make it.

        Raises:
            DepthModelsError: no such checkpoint or network, or a canvas that it cannot take.
        """
        if not self.untrained:
            checkpoint = Checkpoint.load(find_checkpoint(self.name))
            return checkpoint if self.size is None else checkpoint.on_canvas(*self.size)
        import torch

        from depth_models.networks import create_network

        height, width = self.size or (480, 640)
        torch.manual_seed(0)
        options = {"input_size": (height, width)} if self.name == "multiscale" else {}
        network = create_network(self.name, **options)
        return Checkpoint.of(network, Preprocess(height, width, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


@dataclass(frozen=True)
class Row:
    """One network on one back-end.

    Attributes:
        network, backend, precision, device: what ran.
        size: (height, width) of the canvas, pixels.
        batch, threads: images a pass; threads of the CPU, 0 for the library's own choice.
        latency_ms: of a pass, uint8 canvas to float32 depth on the host: p50, p95, p99 of the rounds.
        ratio_to_eager: how many times faster than eager PyTorch in fp32: median over rounds, each against its own.
        peak_memory_mb: largest resident memory of a process that only loads and runs this; on a GPU, of the GPU.
            None if it was not measured.
        rounds: how many passes were measured.
    """

    network: str
    backend: str
    precision: str
    device: str
    size: tuple[int, int]
    batch: int
    threads: int
    latency_ms: dict[str, float]
    ratio_to_eager: float
    peak_memory_mb: float | None
    rounds: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def installed_ways(device: str) -> list[tuple[str, str]]:
    """(back-end, precision) of all that is installed for a device; without torch.compile, which takes minutes."""
    return [
        (name, precision)
        for name, cls in BACKENDS.items()
        if cls.is_installed() and name != "torch-compile"
        for precision in cls.precisions(device)
    ]


def bench(
    subject: Subject,
    ways: Sequence[tuple[str, str]],
    device: str = "cpu",
    batch: int = 1,
    threads: int | None = None,
    rounds: int = 20,
    memory: bool = True,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> list[Row]:
    """Measure one network in several ways, in turns, so that other work on the machine meets all of them alike.

    Args:
        subject: the network.
        ways: (back-end, precision) each; eager PyTorch in fp32 is added. One that cannot run is told of and left out.
        device: 'cpu' or 'cuda:N'.
        batch: images a pass.
        threads: of the CPU, the same for all; None leaves it to each library.
        rounds: passes of each.
        memory: also start a process for each way, to see its memory.
        progress: yields the rounds given to it, such as `tqdm.tqdm`.

    Returns:
        A row a way, eager first.

    Raises:
        DepthModelsError: the network cannot be loaded, or eager PyTorch cannot run it.
    """
    checkpoint = subject.checkpoint()
    loaded: dict[tuple[str, str], Backend] = {REFERENCE: load(checkpoint, REFERENCE[0], device, REFERENCE[1], threads)}
    for way in ways:
        try:
            loaded.setdefault(way, load(checkpoint, way[0], device, way[1], threads))
        except DepthModelsError as error:
            LOG.warning("%s; left out", error)
    pre = checkpoint.preprocess
    canvases = patterns(batch, pre.height, pre.width)
    times = latencies_ms(loaded, canvases, progress(range(rounds)))
    for backend in loaded.values():
        backend.close()
    reference = times[REFERENCE]
    return [
        Row(
            checkpoint.network, *way, device, (pre.height, pre.width), batch, threads or 0,
            {f"p{p}": float(np.percentile(own, p)) for p in (50, 95, 99)}, float(np.median(reference / own)),
            _peak_memory_mb(subject, way, device, batch, threads) if memory else None, rounds,
        )
        for way, own in times.items()
    ]  # fmt: skip


def _peak_memory_mb(subject: Subject, way: tuple[str, str], device: str, batch: int, threads: int | None) -> float:
    """In a process of its own, as a process' peak never falls."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_run_alone, subject, way, device, batch, threads).result()


def _run_alone(subject: Subject, way: tuple[str, str], device: str, batch: int, threads: int | None) -> float:
    checkpoint = subject.checkpoint()
    backend = load(checkpoint, way[0], device, way[1], threads)
    for _ in range(_PASSES):
        backend(patterns(batch, checkpoint.preprocess.height, checkpoint.preprocess.width))
    if device == "cpu":
        return _peak_resident_mb()
    import torch

    free, total = torch.cuda.mem_get_info(device)  # of all libraries, and of other processes too
    return (total - free) / 1e6


def _peak_resident_mb() -> float:
    """Of this process. Linux counts the peak of the process that started this one into getrusage's, so not that."""
    status = Path("/proc/self/status")
    if status.is_file():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
