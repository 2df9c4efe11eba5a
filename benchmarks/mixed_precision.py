"""What do depthwise convolutions in float32 and frozen norms save? Steps of one network on one batch, turn by turn.

python benchmarks/mixed_precision.py [CONFIG=unet_lite0] [SIZE=112x144] [BATCH=16] [ROUNDS=7]
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace

import torch

from depth_models.config import TrainConfig
from depth_models.networks import create_network
from depth_models.networks.registry import DepthNetwork
from depth_models.preprocess import Preprocess
from depth_models.training.frozen_norm import FrozenNorm
from depth_models.training.precision import mixed_precision


def ways(network: DepthNetwork, canvas: Preprocess) -> dict[str, Callable[[], AbstractContextManager]]:
    """What a step runs in, by name."""
    norms = FrozenNorm(network, canvas)

    def both() -> ExitStack:
        stack = ExitStack()
        stack.enter_context(norms)
        stack.enter_context(mixed_precision("cpu", "bf16"))
        return stack

    return {
        "float32": nullcontext,
        "bfloat16, autocast as it comes": lambda: torch.autocast("cpu", torch.bfloat16),
        "bfloat16, depthwise in float32": lambda: mixed_precision("cpu", "bf16"),
        "float32, norms frozen": lambda: norms,
        "both": both,
    }


def main() -> None:
    """Print samples/s of each way, and how many times float32's that is: medians over the rounds."""
    name, size, batch, rounds = (*sys.argv[1:], *("unet_lite0", "112x144", "16", "7")[len(sys.argv) - 1 :])
    height, width = map(int, size.split("x"))
    config = TrainConfig.load(name, ["options.encoder_weights=null"])
    network = create_network(config.network, **config.options).train()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    contexts = ways(network, replace(config.preprocess, height=height, width=width))
    images = torch.rand(int(batch), 3, height, width).contiguous(memory_format=torch.channels_last)

    def step(context: AbstractContextManager) -> float:
        began_s = time.perf_counter()
        with context:
            depth = network(images).depth
        depth.float().log().abs().mean().backward()
        network.zero_grad()
        return time.perf_counter() - began_s

    for context in contexts.values():
        step(context())
    times = [{name: step(context()) for name, context in contexts.items()} for _ in range(int(rounds))]
    for way in contexts:
        seconds = statistics.median(row[way] for row in times)
        ratio = statistics.median(row["float32"] / row[way] for row in times)
        print(f"{way:<32} {int(batch) / seconds:6.1f} samples/s   {ratio:.2f}x")


if __name__ == "__main__":
    main()
