"""What light networks cost, side by side: parameters, operations, and CPU time of one thread.

python benchmarks/light_variants.py CKPT... [--size 240x320] [--rounds 15]

CKPT is a bundled name or a file, such as ablations.py leaves. All networks run in turns in one process. CPU time is
what a pass would take on a core of its own; others that are at work change it less than they change the clock's.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from depth_models import DepthModelsError
from depth_models.backends.choice import load
from depth_models.backends.parity import patterns
from depth_models.checkpoint import Checkpoint, find_checkpoint
from depth_models.cli.arguments import size

WAYS = [("torch", "fp32"), ("openvino", "fp32"), ("openvino", "bf16"), ("openvino", "int8")]
WARM_UP = 2


def counts(checkpoint: Checkpoint) -> tuple[float, float]:
    """Millions of parameters; GFLOP of a pass, where a multiplication and its addition are two."""
    network, pre = checkpoint.build(), checkpoint.preprocess
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 3, pre.height, pre.width))
    return sum(p.numel() for p in network.parameters()) / 1e6, counter.get_total_flops() / 1e9


def main() -> None:
    """Measure in turns, then print a row for each network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", metavar="CKPT")
    parser.add_argument("--size", type=size, default=(240, 320))
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    torch.set_num_threads(1)
    checkpoints = {name: Checkpoint.load(find_checkpoint(name)).on_canvas(*args.size) for name in args.names}
    loaded = {}
    for name, checkpoint in checkpoints.items():
        for way in WAYS:
            try:
                loaded[name, way] = load(checkpoint, way[0], "cpu", way[1], threads=1)
            except DepthModelsError as error:
                print(error)
    canvas = patterns(1, *args.size)
    times: dict = {key: [] for key in loaded}
    for number in range(WARM_UP + args.rounds):
        for key, backend in loaded.items():
            begin = time.process_time()
            backend(canvas)
            times[key] += [1e3 * (time.process_time() - begin)] * (number >= WARM_UP)
    print("| network | parameters (M) | GFLOP |" + "".join(f" {backend} {how} (ms) |" for backend, how in WAYS))
    print("| --- | --- | --- |" + " --- |" * len(WAYS))
    for name, checkpoint in checkpoints.items():
        cells = [f"{np.median(times[name, way]):.1f}" if (name, way) in loaded else "–" for way in WAYS]
        numbers = (f"{value:.1f}" for value in counts(checkpoint))
        print(f"| {name.rpartition('/')[2].removesuffix('.safetensors')} | {' | '.join([*numbers, *cells])} |")


if __name__ == "__main__":
    main()
