"""What does rewriting a network's graph for OpenVINO bring? The same program with and without, turn by turn.

python benchmarks/rewriting.py [CKPT ...]
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import Any

import numpy as np
import openvino

from depth_models.backends.export import onnx_program
from depth_models.backends.open_vino_graph import rewrite
from depth_models.backends.quantisation import room_samples
from depth_models.checkpoint import Checkpoint, find_checkpoint


def request(core: openvino.Core, program: str, rewritten: bool, hint: str) -> Any:
    """What runs one image on one thread."""
    model = core.read_model(program)
    if rewritten:
        rewrite(model)
    shape = model.input(0).partial_shape
    shape[0] = 1
    model.reshape({model.input(0): shape})
    options = {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": 1}
    return core.compile_model(model, "CPU", options).create_infer_request()


def main() -> None:
    """Print, for each network and precision, how many times as fast it is, and how far the depth differs."""
    names, rounds, core = sys.argv[1:] or ["unet", "fpn", "unet_small"], 40, openvino.Core()
    hints = ("f32", "bf16") if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else ("f32",)
    for name in names:
        checkpoint = Checkpoint.load(find_checkpoint(name))
        pre = checkpoint.preprocess
        canvas = pre.canvas(room_samples(0, 1, pre.height, pre.width)[0].rgb)[None]
        for hint in hints:
            plain, ours = (request(core, str(onnx_program(checkpoint, "fp32")), way, hint) for way in (False, True))
            times = []
            for _ in range(rounds):
                row = []
                for way in (plain, ours):
                    began_s = time.perf_counter()
                    way.infer([canvas], share_inputs=True)
                    row.append(time.perf_counter() - began_s)
                times.append(row)
            ratio = statistics.median(before / after for before, after in times)
            ms = [1000 * statistics.median(column) for column in zip(*times, strict=True)]
            depths = [way.get_output_tensor(0).data for way in (plain, ours)]
            differs = float(np.abs(depths[1] / depths[0] - 1).mean())
            print(f"{name:<12}{hint:<6}{ms[0]:7.2f} ms -> {ms[1]:6.2f} ms   {ratio:.2f}x   depth {differs:.4%} apart")


if __name__ == "__main__":
    main()
