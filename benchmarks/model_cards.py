"""Writes the model cards: `docs/models/NAME.md` of each checkpoint, with pictures beside it.

python benchmarks/model_cards.py NAME... --rooms TITLE=FILE... [--real RGB:DEPTH_MM:FX:FY...] [--frames 400] [--out DIR]

NAME is a bundled name or a file. The rooms must be ones that neither its depth nor its sigma was fitted on:

depth-models data rooms --frames 500 --views 1 --size 240x320 --seed 9 --out cards.mat
python benchmarks/model_cards.py unet fpn --rooms "fast generator=cards.mat" --real ...

A real frame is as in real_frames.py. A model takes a few minutes of one CPU core.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import staged
import torch
from card_page import Numbers, page
from PIL import Image
from real_frames import read
from tqdm import tqdm

from depth_models import Depth, DepthPredictor
from depth_models.checkpoint import Checkpoint, find_checkpoint
from depth_models.comparison import Comparison, comparable
from depth_models.data.sources import Source, open_source
from depth_models.data.splits import spread
from depth_models.evaluation import evaluate
from depth_models.files import written_whole
from depth_models.protocols import find_protocol
from depth_models.types import Sample
from depth_models.visualization import comparison_panels, depth_panel, sheet

WHOLE = find_protocol("whole")
CLOSE_M = 1.0  # frames of less median depth are close-ups
FLAT = 0.02  # frames that differ by less from one plane are flat walls
STAGED_FRAMES, FISHEYE_FRAMES, DOUBT_FRAMES = 24, 6, 12
LATENCY_RUNS = 20
PICTURE_WIDTH = 1400


class Measurer:
    """Measures one model and draws its pictures into a folder."""

    def __init__(self, predictor: DepthPredictor, folder: Path) -> None:
        self._predictor, self._folder = predictor, folder
        self.numbers = Numbers()

    def predict(self, sample: Sample) -> Depth:
        """With the sample's focal length."""
        return self._predictor(sample.rgb, fx=sample.camera.fx, fy=sample.camera.fy)

    def rooms(self, title: str, source: Source, frames: int) -> None:
        """Unseen rooms, grouped by the camera's field of view and by what fills the picture."""
        groups: dict[str, Comparison] = {}
        worst: dict[str, tuple[float, int]] = {}
        for index in tqdm(spread(range(len(source)), frames), desc=title):
            sample = source[index]
            one = Comparison(WHOLE)
            one.add(index, sample, self.predict(sample), source.scene_types[index])
            error = one.report().per_image["abs_rel"]
            for name in ("all", _lens(sample), *_fillings(sample)):
                groups.setdefault(name, Comparison(WHOLE)).merge(one)
                worst[name] = max(worst.get(name, (0.0, index)), (error, index))
        self.numbers.rooms[title] = {name: group.report() for name, group in sorted(groups.items())}
        if len(self.numbers.rooms) > 1:
            return
        for file, name, text in (
            ("worst", "all", "the frame of the largest error"),
            ("close_up", "close-ups", "the worst close-up"),
            ("flat_wall", "flat walls", "the worst flat wall"),
        ):
            if name in worst:
                self._draw(file, f"{text}, {title}", source[worst[name][1]])

    def staged(self, source: Source) -> None:
        """Mirrors and panes of glass put into rooms' frames, and rooms through a fisheye."""
        indices = spread(range(len(source)), STAGED_FRAMES + 1)
        samples = [source[index] for index in indices]
        mirrors = [(a, *staged.mirror(a)) for a in samples[1:]]
        panes = [(a, *staged.glass(a, b)) for b, a in pairwise(samples)]
        for file, name, frames in (("mirror", "mirror", mirrors), ("glass", "pane of glass", panes)):
            errors = [(self._error(after, mask), self._error(before, mask)) for before, after, mask in frames]
            inside, without = np.nanmean(errors, axis=0)
            self.numbers.staged[name] = (float(inside), float(without), len(frames))
            self._draw(file, f"a staged {name}", frames[0][1])
        wide = [staged.fisheye(number) for number in range(FISHEYE_FRAMES)]
        self.numbers.staged["fisheye, 120 degrees"] = (
            float(np.mean([self._error(sample, sample.valid) for sample in wide])), None, len(wide)
        )  # fmt: skip
        self._draw("fisheye", "a room through an equidistant lens of 120 degrees, not rectified", wide[0])

    def doubt(self, source: Source) -> None:
        """How large sigma is on pictures of nothing known, beside frames of rooms."""
        rng = np.random.default_rng(0)
        pictures: dict[str, Callable[[int], np.ndarray]] = {
            "frames of unseen rooms": lambda i: source[spread(range(len(source)), DOUBT_FRAMES)[i]].rgb
        }
        pictures |= {name: lambda _, make=make: make(rng) for name, make in staged.OUT_OF_DOMAIN.items()}
        for name, make in pictures.items():
            depths = [self._predictor(make(i)) for i in range(DOUBT_FRAMES)]
            if all(depth.sigma_metres is not None for depth in depths):
                ratios = [np.nanmedian(depth.sigma_metres / depth.metres) for depth in depths]
                self.numbers.doubt[name] = float(np.median(ratios))

    def real(self, pairs: list[str]) -> None:
        """Real frames with measured depth."""
        for pair in pairs:
            sample = read(pair)
            depth = self.predict(sample)
            _, _, both = comparable(sample, depth, WHOLE)
            ours, truth = depth.metres[both], sample.depth[both]
            correlation = float(np.corrcoef(np.log(ours), np.log(truth))[0, 1])
            report = evaluate(lambda rgb, fx, fy, depth=depth: depth, [sample])
            name = "/".join(Path(pair.split(":")[0]).with_suffix("").parts[-3:])
            self.numbers.real[name] = (report, float(np.median(ours) / np.median(truth)), correlation)

    def latency(self) -> None:
        """Of a VGA image on one thread: its CPU time, which others that are at work change little."""
        torch.set_num_threads(1)
        rgb, times = staged.noise(np.random.default_rng(0), 480, 640), []
        for _ in range(LATENCY_RUNS):
            start = time.process_time()
            self._predictor(rgb, 500.0, 500.0)
            times.append(1e3 * (time.process_time() - start))
        p50, p95 = np.percentile(times, [50, 95])
        self.numbers.latency_ms = (float(p50), float(p95))

    def _error(self, sample: Sample, mask: np.ndarray) -> float:
        """AbsRel within a mask."""
        seen = mask & sample.valid
        truth, ours = sample.depth[seen], self.predict(sample).metres[seen]
        return float(np.mean(np.abs(ours - truth) / truth)) if seen.any() else float("nan")

    def _draw(self, file: str, text: str, sample: Sample) -> None:
        depth = self.predict(sample)
        panels = comparison_panels(sample.rgb, np.where(sample.valid, sample.depth, np.nan), depth.metres)
        if depth.sigma_metres is not None:
            top = float(np.nanpercentile(depth.sigma_metres, 98)) + 0.01
            panels.append(depth_panel("Standard deviation", depth.sigma_metres, 0.0, top))
        picture = Image.fromarray(sheet(panels))
        picture.thumbnail((PICTURE_WIDTH, PICTURE_WIDTH))
        with written_whole(self._folder / f"{file}.jpg") as path:
            picture.save(path, quality=85)
        self.numbers.pictures[f"{file}.jpg"] = text


def _lens(sample: Sample) -> str:
    fov_deg = sample.camera.horizontal_fov_deg
    ends = (55, 65, 75)
    place = int(np.searchsorted(ends, fov_deg, side="right"))
    return ("lens under 55°", "lens 55-65°", "lens 65-75°", "lens of 75° and more")[place]


def _fillings(sample: Sample) -> list[str]:
    """What fills the picture, as far as it is one of the known difficulties."""
    close = np.median(sample.depth[sample.valid]) < CLOSE_M
    return ["close-ups"] * bool(close) + ["flat walls"] * (staged.planeness(sample) < FLAT)


def main() -> None:
    """Measure, then write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--rooms", nargs="+", required=True, metavar="TITLE=FILE")
    parser.add_argument("--real", nargs="*", default=[], metavar="RGB:DEPTH_MM:FX:FY")
    parser.add_argument("--frames", type=int, default=400, help="of each rooms file, evenly spaced")
    parser.add_argument("--out", type=Path, default=Path("docs/models"))
    args = parser.parse_args()
    for name in args.names:
        path = find_checkpoint(name)
        measurer = Measurer(DepthPredictor(Checkpoint.load(path), device="cpu", backend="torch"), args.out / path.stem)
        measurer.latency()
        sources = {title: open_source(file) for title, _, file in (text.partition("=") for text in args.rooms)}
        for title, source in sources.items():
            measurer.rooms(title, source, args.frames)
        first = next(iter(sources.values()))
        measurer.staged(first)
        measurer.doubt(first)
        measurer.real(args.real)
        with written_whole(args.out / f"{path.stem}.md") as out:
            out.write_text(page(path, Checkpoint.load(path), measurer.numbers))
        print(args.out / f"{path.stem}.md")


if __name__ == "__main__":
    main()
