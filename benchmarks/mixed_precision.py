"""What does keeping depthwise convolutions in float32 save? Steps of one network on one batch, turn by turn.

python benchmarks/mixed_precision.py [CONFIG=unet_lite0] [SIZE=112x144] [BATCH=16] [ROUNDS=7]
"""

from __future__ import annotations

import statistics
import sys
import time
from contextlib import AbstractContextManager, nullcontext

import torch

from depth_models.config import TrainConfig
from depth_models.networks import create_network
from depth_models.training.precision import mixed_precision

WAYS = {
    "float32": nullcontext,
    "bfloat16, autocast as it comes": lambda: torch.autocast("cpu", torch.bfloat16),
    "bfloat16, depthwise in float32": lambda: mixed_precision("cpu", "bf16"),
}


def main() -> None:
    """Print samples/s of each way, and how many times float32's that is: medians over the rounds."""
    name, size, batch, rounds = (*sys.argv[1:], *("unet_lite0", "112x144", "16", "7")[len(sys.argv) - 1 :])
    height, width = map(int, size.split("x"))
    config = TrainConfig.load(name, ["options.encoder_weights=null"])
    network = create_network(config.network, **config.options).train()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = torch.rand(int(batch), 3, height, width).contiguous(memory_format=torch.channels_last)

    def step(context: AbstractContextManager) -> float:
        began_s = time.perf_counter()
        with context:
            depth = network(images).depth
        depth.float().log().abs().mean().backward()
        network.zero_grad()
        return time.perf_counter() - began_s

    for way in WAYS.values():
        step(way())
    times = [{name: step(way()) for name, way in WAYS.items()} for _ in range(int(rounds))]
    for way in WAYS:
        seconds = statistics.median(row[way] for row in times)
        ratio = statistics.median(row["float32"] / row[way] for row in times)
        print(f"{way:<32} {int(batch) / seconds:6.1f} samples/s   {ratio:.2f}x")


if __name__ == "__main__":
    main()
