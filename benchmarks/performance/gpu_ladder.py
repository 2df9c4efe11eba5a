"""On a GPU: what each step from plain eager PyTorch to TensorRT brings, and how far that is from the roofline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

from depth_models.backends.base import Backend
from depth_models.backends.cache import LOG
from depth_models.backends.choice import latencies_ms, load
from depth_models.backends.parity import patterns
from depth_models.bench import Subject
from depth_models.checkpoint import Checkpoint
from depth_models.compiling import compiled
from depth_models.errors import DepthModelsError


class Rung(NamedTuple):
    """A step of the ladder; each keeps what the one before has."""

    name: str
    tf32: bool
    half: bool
    channels_last: bool
    compiled: bool


RUNGS = (
    Rung("eager fp32", False, False, False, False),
    Rung("+ tf32", True, False, False, False),
    Rung("+ autocast to half precision", True, True, False, False),
    Rung("+ channels-last", True, True, True, False),
    Rung("+ torch.compile", True, True, True, True),
)
# The package's own, which have all that is above; of eager PyTorch it records CUDA graphs.
OURS = (("torch", "fp16", "CUDA graphs"), ("torch-compile", "fp16", "compiled, CUDA graphs"), ("tensorrt", "fp16", ""))
_SIDE = 8192  # of the matrices whose product is the roofline


def measure(subject: Subject, device: str, rounds: int, rungs: tuple[Rung, ...] = RUNGS) -> dict[str, Any]:
    """Milliseconds of each step from a canvas on the host to depth on the host, in turns.

    Returns:
        `rows` with p50, p95, p99, ratio to the first; `left_out` says why a step could not run; `gflop` a pass.
    """
    checkpoint = subject.checkpoint()
    steps: dict[str, Callable[[np.ndarray], Any]] = {r.name: _plain(checkpoint, device, r) for r in rungs}
    left_out = {}
    for name, precision, what in OURS:
        title = f"this package: {name} {precision}" + f" ({what})" * bool(what)
        try:
            steps[title] = load(checkpoint, name, device, precision, None)
        except DepthModelsError as error:
            LOG.warning("%s; left out", error)
            left_out[title] = str(error)
    pre = checkpoint.preprocess
    times = latencies_ms(steps, patterns(1, pre.height, pre.width), range(rounds))
    for step in steps.values():
        if isinstance(step, Backend):
            step.close()
    first = times[rungs[0].name]
    rows = [
        {
            "step": name,
            **{f"p{p}": float(np.percentile(own, p)) for p in (50, 95, 99)},
            "ratio": float(np.median(first / own)),
        }
        for name, own in times.items()
    ]
    return {"rows": rows, "left_out": left_out, "gflop": _flop(checkpoint) / 1e9}


def _plain(checkpoint: Checkpoint, device: str, rung: Rung) -> Callable[[np.ndarray], np.ndarray]:
    """The network as the step has it."""
    kind = torch.device(device).type
    half = torch.float16 if kind == "cuda" else torch.bfloat16
    layout = torch.channels_last if rung.channels_last else torch.contiguous_format
    network: Any = checkpoint.build().to(device, memory_format=layout)  # type: ignore[call-overload]
    if rung.compiled:
        network = compiled(network, device)

    def run(canvases: np.ndarray) -> np.ndarray:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = rung.tf32
        with torch.inference_mode(), torch.autocast(kind, half, enabled=rung.half):
            images = checkpoint.preprocess.normalise(torch.from_numpy(canvases).to(device))
            return network(images.contiguous(memory_format=layout)).depth.float().cpu().numpy()

    return run


def _flop(checkpoint: Checkpoint) -> int:
    """Operations of a pass; a multiplication and an addition are two."""
    from torch.utils.flop_counter import FlopCounterMode

    pre = checkpoint.preprocess
    network = checkpoint.build().to("meta")
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(torch.empty(1, 3, pre.height, pre.width, device="meta"))
    return counter.get_total_flops()


def roofline_tflops(device: str, side: int = _SIDE) -> float:
    """What a large product of matrices reaches in half precision."""
    half = torch.float16 if torch.device(device).type == "cuda" else torch.bfloat16
    left, right = (torch.randn(side, side, device=device, dtype=half) for _ in range(2))
    best = float("inf")
    for _ in range(10):
        start = time.perf_counter()
        float((left @ right)[0, 0])  # waits for the device
        best = min(best, time.perf_counter() - start)
    return 2 * side**3 / best / 1e12
