"""What steadying the scale gives and what it costs, on synthetic camera paths.

python benchmarks/scale.py SEQUENCE... [--checkpoint unet] [--every 1]

SEQUENCE is a folder of `depth-models data sequence`. Jitter is the standard deviation of the change of log scale from
frame to frame over the surfaces that both show, against the truth (`depth-models consistency`); AbsRel is that of all
frames; the time is CPU milliseconds a frame (median) at 640x480, everything that steadying adds.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np

from depth_models import DepthPredictor
from depth_models.consistency.measure import Consistency, Frame
from depth_models.consistency.report import Report
from depth_models.data.posed import PosedSequence
from depth_models.scale.steadying import SteadyScale
from depth_models.types import Camera


def measured(folder: Path, predictor: DepthPredictor, every: int) -> tuple[Report, Report, SteadyScale]:
    """Reports of raw and steadied depth."""
    sequence, steady = PosedSequence(folder), SteadyScale()
    camera, raw, kept = sequence.camera, Consistency(sequence.camera), Consistency(sequence.camera)
    for i in range(0, len(sequence), every):
        frame, rgb, truth = sequence.frames[i], sequence.rgb(i), sequence.metres(i)
        metres = predictor(rgb, fx=camera.fx, fy=camera.fy).metres
        raw.add(Frame(frame.stamp_s, rgb, metres, truth, frame.pose))
        kept.add(Frame(frame.stamp_s, rgb, steady(rgb, metres, camera, frame.stamp_s), truth, frame.pose))
    return raw.report(), kept.report(), steady


def cost_ms(folder: Path, frames: int = 120) -> np.ndarray:
    """CPU milliseconds of each of the first frames, enlarged to 640x480."""
    sequence, steady, times = PosedSequence(folder), SteadyScale(), []
    c, size = sequence.camera, (640, 480)
    x, y = size[0] / c.width, size[1] / c.height
    camera = Camera(c.fx * x, c.fy * y, (c.cx + 0.5) * x - 0.5, (c.cy + 0.5) * y - 0.5, *size)
    for i in range(min(frames, len(sequence))):
        rgb, metres = cv2.resize(sequence.rgb(i), size), cv2.resize(sequence.metres(i), size, interpolation=0)
        start_s = time.thread_time()
        steady(rgb, metres, camera, sequence.frames[i].stamp_s)
        times.append((time.thread_time() - start_s) * 1e3)
    return np.array(times)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sequences", nargs="+", type=Path, metavar="SEQUENCE")
    parser.add_argument("--checkpoint", default="unet")
    parser.add_argument("--every", type=int, default=1, help="take every so many frames (default: 1)")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    times = cost_ms(args.sequences[0])
    print(f"steadying: CPU {np.median(times):.2f} ms a frame (median), {np.percentile(times, 95):.2f} ms (95 %)")
    predictor = DepthPredictor.from_checkpoint(args.checkpoint)
    print(f"{'':16}{'jitter':>18}{'ratio':>8}{'AbsRel':>18}{'reprojection':>18}{'resets':>8}")
    for folder in args.sequences:
        raw, kept, steady = measured(folder, predictor, args.every)
        cells = [
            f"{getter(raw):>8.4f}->{getter(kept):<8.4f}"
            for getter in (
                lambda r: r.scale.jitter,
                lambda r: r.abs_rel,
                lambda r: r.reprojection.abs_rel,
            )
        ]
        ratio = kept.scale.jitter / raw.scale.jitter
        print(f"{folder.name:16}{cells[0]}{ratio:>8.2f}{cells[1]}{cells[2]}{steady.state.resets:>8}", flush=True)


if __name__ == "__main__":
    main()
