"""From a VGA picture to VGA depth: light variants beside a network of FastDepth's shape, turn by turn on equal threads.

python benchmarks/fastdepth.py [CKPT=unet_small] [THREADS=2] [ROUNDS=200]

FastDepth (Wofk et al., ICRA 2019) is a MobileNet with a decoder of depthwise 5x5 convolutions and nearest upsampling.
Its weights are in no package, so its shape is built here, with random weights and all channels narrowed to `WIDTH`,
which brings the int8 file to the 1.7 MB of the published pruned one. It says how fast such a network is, and nothing
about its depth.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import openvino
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depth_models import DepthModelsError, DepthPredictor
from depth_models.backends.open_vino_graph import rewrite
from depth_models.backends.parity import patterns
from depth_models.backends.quantisation import quantise
from depth_models.checkpoint import Checkpoint, find_checkpoint
from depth_models.memory import keep_freed_memory

WIDTH, SIDE = 0.58, 224
_ENCODER = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
_SKIPS = {0: 4, 2: 3, 4: 2}  # blocks of the encoder whose maps a step of the decoder adds


def _layer(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


def _separable(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(_layer(inputs, inputs, kernel, stride, inputs), _layer(inputs, outputs, 1))


class FastDepthShape(nn.Module):
    """(N, 224, 224, 3) uint8 canvas -> (N, 1, 224, 224) of no meaning."""

    def __init__(self) -> None:
        super().__init__()

        def narrow(channels: int) -> int:
            return 8 * round(channels * WIDTH / 8)

        self.stem, blocks, inputs = _layer(3, narrow(32), 3, 2), [], narrow(32)
        for outputs, stride in _ENCODER:
            blocks.append(_separable(inputs, narrow(outputs), 3, stride))
            inputs = narrow(outputs)
        self.encoder = nn.ModuleList(blocks)
        sides = [narrow(c) for c in (1024, 512, 256, 128, 64, 32)]
        self.decoder = nn.ModuleList(_separable(a, b, 5) for a, b in pairwise(sides))
        self.head = nn.Conv2d(sides[-1], 1, 1)

    def forward(self, canvas: Tensor) -> Tensor:
        """See the class."""
        x, skips = self.stem(canvas.permute(0, 3, 1, 2).float() / 255), {}
        for number, block in enumerate(self.encoder):
            x = block(x)
            if number in _SKIPS:
                skips[_SKIPS[number]] = x
        for number, block in enumerate(self.decoder, start=1):
            x = F.interpolate(block(x), scale_factor=2, mode="nearest")
            x = x + skips[number] if number in skips else x
        return self.head(x)


def fastdepth(threads: int) -> Callable[[np.ndarray], np.ndarray]:
    """A picture to its depth by the int8 network on OpenVINO, resizing included; prints the file's size."""
    with tempfile.TemporaryDirectory() as folder:
        program, int8 = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        example = torch.zeros(1, SIDE, SIDE, 3, dtype=torch.uint8)
        torch.onnx.export(
            FastDepthShape().eval(), (example,), str(program), dynamo=False, opset_version=17, input_names=["canvas"]
        )
        quantise(program, int8, list(patterns(4, SIDE, SIDE)))
        print(f"FastDepth's shape: int8 file of {int8.stat().st_size / 1e6:.1f} MB")
        model = openvino.Core().read_model(int8)
    rewrite(model)
    # As our own back-end runs int8, but for the precision of what is not quantised, which is the fastest there is.
    options = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "ENABLE_CPU_PINNING": False}
    request = openvino.Core().compile_model(model, "CPU", options).create_infer_request()

    def run(picture: np.ndarray) -> np.ndarray:
        canvas = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        depth = request.infer([canvas[None]], share_inputs=True).to_tuple()[0]
        return cv2.resize(depth[0, 0], picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)

    return run


def main() -> None:
    """Print the median of each, and how many times as fast as FastDepth's shape."""
    name, threads, rounds = (*sys.argv[1:], *("unet_small", "2", "200")[len(sys.argv) - 1 :])
    ways: dict[str, Callable[[np.ndarray], object]] = {"FastDepth's shape, int8, depth": fastdepth(int(threads))}
    whole = Checkpoint.load(find_checkpoint(name))
    for what, checkpoint in (("depth", whole.without_sigma()), ("depth and sigma", whole)):
        for precision in ("fp32", "bf16", "int8"):
            try:
                predictor = DepthPredictor(checkpoint, "cpu", "openvino", precision, threads=int(threads))
                ways[f"{name}, {precision}, {what}"] = predictor
            except DepthModelsError as error:
                print(error)
    keep_freed_memory()  # as the node does
    picture = patterns(1, 480, 640)[0]
    times: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(int(rounds) + 5):
        for way, run in ways.items():
            began_s = time.perf_counter()
            run(picture)
            times[way] += [1000 * (time.perf_counter() - began_s)] * (number >= 5)
    first = next(iter(times.values()))
    for way, found in times.items():
        ratio = statistics.median(a / b for a, b in zip(first, found, strict=True))
        print(f"{way:<34}{statistics.median(found):6.2f} ms   {ratio:.2f}x")


if __name__ == "__main__":
    main()
