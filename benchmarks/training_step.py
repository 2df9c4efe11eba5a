"""How much faster is a training step than the paper's code takes it? Both on the same frames, turn by turn.

The paper's way is float32, contiguous memory and PyTorch's Adam as it comes; ours is the `Learner`'s in bf16, or fp16
on a GPU. The encoder is frozen in both, and as nothing before it needs a gradient, neither keeps its graph.

python benchmarks/training_step.py [NETWORK ...] [SIZE=240x320] [STEPS=5] [PRECISION=bf16]
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F

from depth_models.config import TrainConfig
from depth_models.networks import create_network, list_networks
from depth_models.networks.registry import DepthNetwork
from depth_models.training.learner import Learner

WARM_UP = 2


def settings(name: str, height: int, width: int, precision: str) -> TrainConfig:
    """The paper's configuration, with random weights, at another size and precision."""
    own = [f"options.input_size=[{height}, {width}]"] if name == "multiscale" else ["options.encoder_weights=null"]
    size = [f"preprocess.height={height}", f"preprocess.width={width}"]
    return TrainConfig.load(name, [*own, *size, f"precision={precision}"])


def papers_step(config: TrainConfig, network: DepthNetwork, batch: list[torch.Tensor]) -> Callable[[], None]:
    """A step as the paper's code takes it."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network.to(device).train()
    optimizer = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], lr=1e-4)

    def step() -> None:
        images, target = config.preprocess.normalise(batch[0].to(device)).contiguous(), batch[1].to(device)
        optimizer.zero_grad()
        output = network(images)
        losses = [F.smooth_l1_loss(depth, target, beta=2.0) for depth in (output.depth, *output.aux)]
        torch.stack(losses).sum().backward()
        optimizer.step()

    return step


def seconds(step: Callable[[], object]) -> tuple[float, float]:
    """Of one call, the GPU's work included: by the clock, and of the processors, which other programs do not change."""
    began_s, processors_s = time.perf_counter(), time.process_time()
    step()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began_s, time.process_time() - processors_s


def main() -> None:
    """Print, for each network, medians and the median ratios of steps that followed each other."""
    options = dict(word.split("=") for word in sys.argv[1:] if "=" in word)
    names = [word for word in sys.argv[1:] if "=" not in word] or list_networks()
    height, width = map(int, options.get("SIZE", "240x320").split("x"))
    print(f"{height}x{width}, {torch.get_num_threads()} threads, CUDA: {torch.cuda.is_available()}")
    for name in names:
        config = settings(name, height, width, options.get("PRECISION", "bf16"))
        shape = (config.batch_size, 1, height, width)
        images = torch.randint(0, 256, (config.batch_size, height, width, 3), dtype=torch.uint8)
        batch = [images, 1 + 3 * torch.rand(shape), torch.ones(shape, dtype=torch.bool), torch.ones(shape[0])]
        theirs = papers_step(config, create_network(name, **config.options), batch)
        learner = Learner(config, create_network(name, **config.options))

        def ours(learner: Learner = learner, batch: list[torch.Tensor] = batch) -> None:
            learner.learn([batch], 1000)

        pairs = [(seconds(theirs), seconds(ours)) for _ in range(WARM_UP + int(options.get("STEPS", 5)))][WARM_UP:]
        for what, i in (("clock", 0), ("processors", 1)):
            first, second = (statistics.median(times[i] for times in way) for way in zip(*pairs, strict=True))
            ratio = statistics.median(a[i] / b[i] for a, b in pairs)
            row = (
                f"{name:<12}batch {shape[0]}  {what:<12}paper's {first:6.2f} s  ours {second:6.2f} s  ratio {ratio:.2f}"
            )
            print(row, flush=True)


if __name__ == "__main__":
    main()
