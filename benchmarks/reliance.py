"""What a network relies on: its error on frames from which one thing at a time was taken away.

python benchmarks/reliance.py CKPT DATA... [--frames 100] [--real RGB:DEPTH_MM:FX:FY...]

Nothing is trained. DATA are data sets that the checkpoint was not trained on. The error after median scaling says what
became of the shape of the depth, the scale (predicted median over true one) what became of its metres.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from real_frames import figures, read
from tqdm import tqdm

from depth_models import DepthPredictor
from depth_models.data.sources import open_source
from depth_models.data.splits import spread
from depth_models.data.transforms import window
from depth_models.types import Sample

Change = Callable[[Sample], Sample]


def picture(change: Callable[[np.ndarray], np.ndarray]) -> Change:
    """A change of the picture alone: (H, W, 3) uint8 to the same."""
    return lambda sample: replace(sample, rgb=np.clip(change(sample.rgb), 0, 255).astype(np.uint8))


def grey(rgb: np.ndarray) -> np.ndarray:
    """No colour."""
    return np.repeat(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)


def smooth(rgb: np.ndarray) -> np.ndarray:
    """No texture: what lies between strong edges becomes even."""
    return cv2.edgePreservingFilter(rgb, flags=cv2.RECURS_FILTER, sigma_s=0.1 * rgb.shape[1], sigma_r=0.3)


def blurred(rgb: np.ndarray) -> np.ndarray:
    """No detail: as out of focus, sigma 1 % of the width."""
    return cv2.GaussianBlur(rgb, (0, 0), 0.01 * rgb.shape[1])


def noisy(rgb: np.ndarray) -> np.ndarray:
    """A dim room's sensor: normal noise of 20 grey levels."""
    return rgb + np.random.default_rng(0).normal(0, 20, rgb.shape)


def packed(rgb: np.ndarray) -> np.ndarray:
    """JPEG of quality 20."""
    _, data = cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, 20])
    return cv2.imdecode(data, cv2.IMREAD_COLOR)


def contours(rgb: np.ndarray) -> np.ndarray:
    """Lines alone: the strength of the edges, dark on white."""
    shade = cv2.GaussianBlur(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (0, 0), 1).astype(np.float32)
    edges = cv2.magnitude(cv2.Sobel(shade, cv2.CV_32F, 1, 0), cv2.Sobel(shade, cv2.CV_32F, 0, 1))
    return np.repeat((255 - 2 * edges)[..., None], 3, axis=2)


def turned(sample: Sample) -> Sample:
    """Upside down: a floor where a ceiling is expected."""
    camera = sample.camera
    cx, cy = camera.width - 1 - camera.cx, camera.height - 1 - camera.cy
    rgb, depth, valid = (array[::-1, ::-1].copy() for array in (sample.rgb, sample.depth, sample.valid))
    return Sample(rgb, depth, valid, replace(camera, cx=cx, cy=cy))


def middle(sample: Sample) -> Sample:
    """The middle quarter of the picture: little context."""
    return window(sample, 0.5, np.array([0.5, 0.5]))


CHANGES: dict[str, Change] = {
    "as it is": lambda sample: sample,
    "no colour": picture(grey),
    "no texture": picture(smooth),
    "out of focus": picture(blurred),
    "contours alone": picture(contours),
    "a third of the light": picture(lambda rgb: rgb / 3.0),
    "noise of 20 levels": picture(noisy),
    "JPEG of quality 20": picture(packed),
    "upside down": turned,
    "the middle quarter alone": middle,
}


def means(predictor: DepthPredictor, samples: Sequence[Sample]) -> tuple[float, float, float]:
    """AbsRel and AbsRel after median scaling, means over frames; and the geometric mean of the scales."""
    rows = np.array([figures(predictor, sample)[:3] for sample in samples if sample.valid.any()])
    return float(rows[:, 0].mean()), float(rows[:, 1].mean()), float(np.exp(np.log(rows[:, 2]).mean()))


def main() -> None:
    """Print a row for each change."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", metavar="CKPT")
    parser.add_argument("data", nargs="+", type=Path, metavar="DATA")
    parser.add_argument("--frames", type=int, default=100, help="at most so many of each data set, evenly spaced")
    parser.add_argument("--real", nargs="*", default=[], metavar="RGB:DEPTH_MM:FX:FY")
    args = parser.parse_args()
    predictor = DepthPredictor.from_checkpoint(args.checkpoint, device="cpu", backend="torch")
    sets: dict[str, list[Sample]] = {}
    for path in args.data:
        source = open_source(path)
        sets[path.stem] = [source[index] for index in spread(range(len(source)), args.frames)]
    if args.real:
        sets["real"] = list(map(read, args.real))
    print("| taken away | " + " | ".join(f"{name}: AbsRel, scaled, scale" for name in sets) + " |")
    print("| --- |" + " --- |" * len(sets))
    for name, change in tqdm(CHANGES.items(), disable=None):
        cells = (means(predictor, list(map(change, samples))) for samples in sets.values())
        print(f"| {name} | " + " | ".join("{:.3f}, {:.3f}, {:.2f}".format(*cell) for cell in cells) + " |", flush=True)


if __name__ == "__main__":
    main()
