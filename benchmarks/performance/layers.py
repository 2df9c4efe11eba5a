"""Where the time of a network goes on OpenVINO, and what this CPU could do at most."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from depth_models.backends.open_vino import OpenVINO
from depth_models.backends.parity import patterns

_PASSES = 3
_LARGEST = 3  # layers to name
_BYTES = {"fp32": 4, "bf16": 2, "int8": 1}
_CHANNELS, _HEIGHT, _WIDTH, _DEEP = 256, 60, 80, 8  # of the convolutions whose speed is the peak
_READ_BYTES = 1 << 30  # much larger than any cache


class Profiled(OpenVINO):
    """OpenVINO with a clock at every layer."""

    def _request(self, count: int) -> Any:
        self._options["PERF_COUNT"] = True
        return super()._request(count)

    def clocks(self) -> dict[str, tuple[str, float]]:
        """By layer that ran, its kind and the milliseconds it took in the last pass."""
        ran = (info for info in self._requests[1].get_profiling_info() if "EXECUTED" in str(info.status))
        return {info.node_name: (info.node_type, info.real_time.total_seconds() * 1e3) for info in ran}


def profile(folder: Path, precision: str, threads: int) -> dict[str, Any]:
    """Time by kind of layer, and the layers that take the most.

    Args:
        folder: of a network built for OpenVINO.
        precision: to run it in.
        threads: of the CPU.

    Returns:
        `gflop` a pass; `shares` of the time by kind of layer; `layers`: the largest, with `share`, `gflops` (GFLOP/s)
        and `weights_gbs` (GB of weights a second).
    """
    work = _work(folder / "model.xml")
    backend = Profiled.open(folder, "cpu", precision, threads)
    assert isinstance(backend, Profiled)
    height, width = work["canvas"]["shape"]
    passes = []
    for _ in range(_PASSES):
        backend(patterns(1, height, width))
        passes.append(backend.clocks())
    backend.close()
    ms = {name: statistics.median(run[name][1] for run in passes) for name in passes[0]}
    total_ms, kinds = sum(ms.values()), defaultdict(float)
    for name, (kind, _) in passes[0].items():
        kinds[kind] += ms[name] / total_ms
    largest = sorted(ms, key=ms.__getitem__, reverse=True)[:_LARGEST]
    layers = [_layer(name, ms[name], work, precision) | {"share": ms[name] / total_ms} for name in largest]
    return {
        "gflop": sum(layer["flop"] for layer in work.values()) / 1e9,
        "shares": dict(sorted(kinds.items(), key=lambda kind: -kind[1])),
        "layers": layers,
    }


def _layer(name: str, ms: float, work: dict[str, dict[str, Any]], precision: str) -> dict[str, Any]:
    """What a layer does, and how fast; OpenVINO names one after an operation that it has merged into it."""
    names = (name, f"{name}/WithoutBiases", name.removesuffix("/DequantizationMultiply"))
    found = next((work[known] for known in names if known in work), None)
    if found is None:
        return {"layer": name, "gflops": None, "weights_gbs": None}
    speed = {"gflops": found["flop"] / ms / 1e6, "weights_gbs": found["weights"] * _BYTES[precision] / ms / 1e6}
    return {"layer": found["text"], **speed}


def _work(model: Path) -> dict[str, dict[str, Any]]:
    """By name of a convolution or matrix product: its operations for one image (a multiplication and an addition are
    two), number of weights, and a text; and the input's height and width under 'canvas'."""
    import openvino

    network = openvino.Core().read_model(model)
    shape = network.input(0).partial_shape
    shape[0] = 1
    network.reshape({network.input(0): shape})
    found: dict[str, dict[str, Any]] = {"canvas": {"flop": 0, "shape": list(network.input(0).shape)[1:3]}}
    for op in network.get_ops():
        kind = op.get_type_name()
        if kind not in ("Convolution", "GroupConvolution", "MatMul"):
            continue
        weights, out = list(op.input(1).get_shape()), list(op.output(0).get_shape())
        if kind == "MatMul":
            inner = list(op.input(0).get_shape())[-1]
            text = f"matrix {inner} to {out[-1]}"
        else:
            inner = int(np.prod(weights[-3:]))  # of a group: its input channels and the window
            text = f"{weights[-2]}x{weights[-1]} convolution of {op.input(0).get_shape()[1]} to {out[1]} channels, "
            text += f"{out[2]}x{out[3]}"
        flop = 2 * int(np.prod(out)) * inner
        found[op.get_friendly_name()] = {"flop": flop, "weights": int(np.prod(weights)), "text": text}
    return found


def peaks(threads: int, rounds: int = 7) -> dict[str, Any]:
    """What the CPU does at most: GFLOP/s of a large convolution by precision, and GB/s of reading memory."""
    requests = {precision: _convolutions(precision, threads) for precision in _BYTES}
    image = np.random.default_rng(0).random((1, _CHANNELS, _HEIGHT, _WIDTH), np.float32)
    memory = np.ones(_READ_BYTES // 4, np.float32)
    times: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        for precision, request in requests.items():
            start = time.perf_counter()
            request.infer([image])
            times[precision].append(time.perf_counter() - start)
        times["memory"].append(_read_seconds(memory, threads))
    flop = 2 * 9 * _CHANNELS**2 * _HEIGHT * _WIDTH * _DEEP
    return {
        "gflops": {precision: flop / statistics.median(times[precision]) / 1e9 for precision in _BYTES},
        "read_gbs": memory.nbytes / statistics.median(times["memory"]) / 1e9,
        "convolution": f"3x3 convolutions of {_CHANNELS} to {_CHANNELS} channels, {_HEIGHT}x{_WIDTH}, on OpenVINO",
    }


def _read_seconds(memory: np.ndarray, threads: int) -> float:
    """Of summing an array that no cache holds."""
    import torch

    torch.set_num_threads(threads)
    tensor = torch.from_numpy(memory)
    start = time.perf_counter()
    tensor.sum()
    return time.perf_counter() - start


def _convolutions(precision: str, threads: int) -> Any:
    """A stack of large convolutions, ready to run."""
    import openvino
    from openvino import opset13 as ops

    def quantised(node: Any, low: float, high: float, levels: int) -> Any:
        ends = [ops.constant(np.float32(value)) for value in (low, high, low, high)]
        return ops.fake_quantize(node, *ends, levels)

    kernel = np.random.default_rng(0).standard_normal((_CHANNELS, _CHANNELS, 3, 3)).astype(np.float32) / 48
    node = image = ops.parameter([1, _CHANNELS, _HEIGHT, _WIDTH], np.float32)
    for _ in range(_DEEP):
        weights = ops.constant(kernel)
        if precision == "int8":
            node, weights = quantised(node, 0, 4, 256), quantised(weights, -0.1, 0.1, 255)
        node = ops.relu(ops.convolution(node, weights, [1, 1], [1, 1], [1, 1], [1, 1]))
    options = {
        "INFERENCE_PRECISION_HINT": "f32" if precision == "fp32" else "bf16",
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
    }
    core = openvino.Core()
    if precision != "fp32" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        options["INFERENCE_PRECISION_HINT"] = "f32"
    return core.compile_model(openvino.Model([node], [image]), "CPU", options).create_infer_request()
