"""Which back-end runs a checkpoint: the one asked for, or the fastest that agrees with PyTorch on this machine."""

from __future__ import annotations

import json
import os
import platform
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from depth_models.backends import BACKENDS, Backend
from depth_models.backends.cache import LOG, cache_folder, entry_name
from depth_models.errors import DepthModelsError
from depth_models.files import written_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from depth_models.checkpoint import Checkpoint

VARIABLE = "DEPTH_MODELS_BACKEND"  # what 'auto' means, if set
_SLOW = ("torch-compile",)  # takes minutes to be built, and a C++ compiler; only if asked for
_ROUNDS, _SECONDS = 15, 3.0  # of measuring one back-end: whichever ends first, but two rounds
_WARM_UP = 2  # passes of each before the rounds
_Name = TypeVar("_Name", str, tuple[str, str])


def load(checkpoint: Checkpoint, backend: str, device: str, precision: str, threads: int | None) -> Backend:
    """Load the checkpoint's network.

    'auto' measures the installed back-ends when a checkpoint first runs on a machine, in the same precision, and
    remembers the fastest in the cache. One that cannot be loaded, or that differs from PyTorch by more than its
    precision may, is left out with a warning; PyTorch is always there.

    Args:
        checkpoint: to be run.
        backend: a key of `BACKENDS`, or 'auto'. The environment variable DEPTH_MODELS_BACKEND says what 'auto' is.
        device: 'cpu' or 'cuda:N'.
        precision: one of `PRECISIONS`.
        threads: of the CPU; None leaves it to the library.

    Raises:
        DepthModelsError: unknown back-end, or the one that was asked for cannot run this.
    """
    if backend == "auto":
        backend = os.environ.get(VARIABLE, "") or "auto"
    if backend != "auto":
        return _load(_asked(backend, device, precision), checkpoint, device, precision, threads)
    names = _candidates(device, precision)
    if len(names) == 1:
        return _load(BACKENDS[names[0]], checkpoint, device, precision, threads)
    remembered = _remembered(checkpoint, names, device, precision, threads)
    if remembered is not None:
        loaded = _loaded([remembered], checkpoint, device, precision, threads)
        if loaded:
            return loaded[remembered]
    return _measured(names, checkpoint, device, precision, threads)


def _asked(name: str, device: str, precision: str) -> type[Backend]:
    if name not in BACKENDS:
        raise DepthModelsError(f"unknown backend {name!r}; expected 'auto' or one of {', '.join(BACKENDS)}")
    known = BACKENDS[name].precisions(device)
    if not known:
        on = [d for d in ("cpu", "cuda") if BACKENDS[name].precisions(d)]
        raise DepthModelsError(f"backend {name!r} does not run on device {device!r}, only on {' and '.join(on)}")
    if precision not in known:
        raise DepthModelsError(
            f"backend {name!r} on device {device!r} has the precisions {', '.join(known)}; got {precision!r}"
        )
    BACKENDS[name].require()
    return BACKENDS[name]


def _candidates(device: str, precision: str) -> list[str]:
    """Installed back-ends for this device and precision.

    Raises:
        DepthModelsError: there is none; the message says what has the precision.
    """
    able = [name for name, cls in BACKENDS.items() if precision in cls.precisions(device) and name not in _SLOW]
    names = [name for name in able if BACKENDS[name].is_installed()]
    if not names:
        where = "only on a GPU" if precision == "fp16" and device == "cpu" else f"with {' or '.join(able)}"
        raise DepthModelsError(
            f"precision {precision!r} on device {device!r}: there is that {where}; use 'fp32', or install what has it: "
            f"pip install 'depth_estimation_ros[openvino]'"
        )
    return names


def _load(cls: type[Backend], checkpoint: Checkpoint, device: str, precision: str, threads: int | None) -> Backend:
    """As `Backend.load`, and whatever a library raises becomes a DepthModelsError that says who failed at what."""
    try:
        return cls.load(checkpoint, device, precision, threads)
    except DepthModelsError:
        raise
    except Exception as error:
        raise DepthModelsError(
            f"backend {cls.name!r} cannot run {checkpoint.network!r} on {device} in {precision}: "
            f"{type(error).__name__}: {error}"
        ) from error


def _loaded(
    names: list[str], checkpoint: Checkpoint, device: str, precision: str, threads: int | None
) -> dict[str, Backend]:
    """Those of the back-ends that can be loaded; the others are told of."""
    loaded = {}
    for name in names:
        try:
            loaded[name] = _load(BACKENDS[name], checkpoint, device, precision, threads)
        except DepthModelsError as error:
            LOG.warning("%s; going on without it", error)
    return loaded


def _measured(names: list[str], checkpoint: Checkpoint, device: str, precision: str, threads: int | None) -> Backend:
    """Load all, measure, remember and return the fastest."""
    LOG.info(
        "looking for the fastest back-end for %s on %s in %s: %s; once for these weights on this machine",
        checkpoint.network, device, precision, ", ".join(names),
    )  # fmt: skip
    loaded = _loaded(names, checkpoint, device, precision, threads)
    if not loaded:
        raise DepthModelsError(
            f"no back-end could run {checkpoint.network!r} in {precision!r}; see the warnings before"
        )
    from depth_models.backends.parity import patterns

    pre = checkpoint.preprocess
    times = latencies_ms(loaded, patterns(1, pre.height, pre.width), _rounds(_SECONDS * len(loaded)))
    latency_ms = {name: float(np.median(values)) for name, values in times.items()}
    fastest = min(latency_ms, key=latency_ms.__getitem__)
    LOG.info("%s is fastest (%s)", fastest, ", ".join(f"{n} {ms:.1f} ms" for n, ms in latency_ms.items()))
    key = _key(checkpoint, names, device, precision, threads)
    try:
        with written_whole(cache_folder() / f"{entry_name(key)}.json") as path:
            path.write_text(json.dumps({"key": key, "backend": fastest, "latency_ms": latency_ms}, indent=2))
    except DepthModelsError as error:
        LOG.warning("%s; it is measured again next time", error)
    for name, backend in loaded.items():
        if name != fastest:
            backend.close()
    return loaded[fastest]


def latencies_ms(
    backends: Mapping[_Name, Backend], canvases: np.ndarray, rounds: Iterable[int]
) -> dict[_Name, np.ndarray]:
    """Milliseconds of every pass of each, in turns, so that other work on the machine meets all alike."""
    for backend in backends.values():
        for _ in range(_WARM_UP):
            backend(canvases)
    times: dict[_Name, list[float]] = {name: [] for name in backends}
    for _ in rounds:
        for name, backend in backends.items():
            begin = time.perf_counter()
            backend(canvases)
            times[name].append((time.perf_counter() - begin) * 1e3)
    return {name: np.array(values) for name, values in times.items()}


def _rounds(seconds: float) -> Iterator[int]:
    """Numbers from 0: `_ROUNDS` of them, or fewer where that many take longer, but two."""
    start = time.perf_counter()
    for number in range(_ROUNDS):
        if number >= 2 and time.perf_counter() - start > seconds:
            return
        yield number


def _key(checkpoint: Checkpoint, names: list[str], device: str, precision: str, threads: int | None) -> dict[str, Any]:
    versions = {name: BACKENDS[name].version() for name in names}
    machine = [device, _cpu_name(), os.cpu_count(), threads]
    return {"weights": checkpoint.digest, "backends": versions, "machine": machine, "precision": precision}


def _cpu_name() -> str:
    """The processor's model, as a home folder may be shared by machines; '' where it is not known."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _remembered(
    checkpoint: Checkpoint, names: list[str], device: str, precision: str, threads: int | None
) -> str | None:
    """The fastest of an earlier measurement of the same; None where there is none."""
    key = _key(checkpoint, names, device, precision, threads)
    try:
        found = json.loads((cache_folder() / f"{entry_name(key)}.json").read_text())
        return found["backend"] if found["key"] == key and found["backend"] in names else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
