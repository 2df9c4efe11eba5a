"""What a checkpoint gives on real frames with measured depth, one row a frame.

python benchmarks/real_frames.py CKPT RGB:DEPTH_MM:FX:FY...

DEPTH_MM is a 16-bit PNG of millimetres, 0 where nothing was measured; FX and FY are focal lengths in pixels.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
from PIL import Image

from depth_models import Depth, DepthPredictor
from depth_models.comparison import comparable
from depth_models.evaluation import evaluate
from depth_models.images import read_image
from depth_models.protocols import find_protocol
from depth_models.types import Camera, Sample


def read(pair: str) -> Sample:
    """A sample from RGB:DEPTH_MM:FX:FY."""
    rgb_path, depth_path, fx, fy = pair.split(":")
    rgb = read_image(rgb_path)
    depth = np.asarray(Image.open(depth_path), np.float32) / 1000
    height, width = depth.shape
    return Sample(rgb, depth, depth > 0, Camera(float(fx), float(fy), (width - 1) / 2, (height - 1) / 2, width, height))


def figures(predictor: Callable[..., Depth], sample: Sample) -> tuple[float, float, float, float]:
    """AbsRel, AbsRel after median scaling, predicted median over the true one, correlation of log depth; of a frame."""
    depth = predictor(sample.rgb, fx=sample.camera.fx, fy=sample.camera.fy)
    _, _, both = comparable(sample, depth, find_protocol("whole"))
    ours, truth = depth.metres[both], sample.depth[both]
    scale = float(np.median(ours) / np.median(truth))
    raw, scaled = (float(np.mean(np.abs(ours / factor / truth - 1))) for factor in (1, scale))
    return raw, scaled, scale, float(np.corrcoef(np.log(ours), np.log(truth))[0, 1])


def row(name: str, predictor: Callable[..., Depth], samples: list[Sample]) -> str:
    """One line of the table."""
    report = evaluate(predictor, samples)
    values, constant = report.pooled, report.constant
    truth = np.concatenate([s.depth[s.valid] for s in samples])
    ours = np.concatenate([predictor(s.rgb, fx=s.camera.fx, fy=s.camera.fy).metres[s.valid] for s in samples])
    scale = float(np.median(ours) / np.median(truth))
    return (
        f"{name:<28}{values['abs_rel']:>9.3f}{values['abs_rel_scaled']:>9.3f}{constant['abs_rel']:>10.3f}"
        f"{values['delta1']:>9.3f}{scale:>8.2f}{np.median(truth):>9.2f}"
    )


def main() -> None:
    """Print the table."""
    checkpoint, *pairs = sys.argv[1:]
    predictor = DepthPredictor.from_checkpoint(checkpoint)
    print(f"{'frame':<28}{'abs_rel':>9}{'scaled':>9}{'constant':>10}{'delta1':>9}{'scale':>8}{'median_m':>9}")
    samples = {pair.split(":")[0]: read(pair) for pair in pairs}
    for path, sample in samples.items():
        print(row("/".join(path.split("/")[-3:])[-27:], predictor, [sample]))
    print(row("all", predictor, list(samples.values())))


if __name__ == "__main__":
    main()
