"""What each choice of the recipe brings: one short training again and again, each time with one thing changed.

python benchmarks/ablations.py --rooms ROOMS --photoreal SHARDS --few FILE --test-rooms FILE --test-photoreal SHARDS
    [--real RGB:DEPTH_MM:FX:FY...] --out FOLDER [--steps 200] [--only NAME...]

All runs begin with the same seed, take equally many steps of 8 frames at 64x80, and are tested on frames of rooms
that none of them saw: every tenth of `--test-rooms`, every second of `--test-photoreal`. `--few` is a small data set to
fine-tune the bundled fpn on, at 240x320, with 0.15 of the steps. A run that is in FOLDER is not repeated, so that the
same command goes on; its checkpoint lies there as well, for light_variants.py and `depth-models bench`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from real_frames import figures, read
from tqdm import tqdm

from depth_models import DepthPredictor
from depth_models.checkpoint import Checkpoint
from depth_models.config import TrainConfig
from depth_models.data.loading import Loader
from depth_models.data.samples import PreparedSet, ShuffledBatches
from depth_models.data.sources import open_source, open_sources
from depth_models.evaluation import evaluate
from depth_models.files import written_whole
from depth_models.training.learner import Learner
from depth_models.training.start import first_network, shares_of
from depth_models.types import Sample

SHORT = [
    "preprocess.height=64", "preprocess.width=80", "preprocess.focal_px=65", "precision=fp32",
    "optimisation.warmup_steps=20", "optimisation.ema=0.98",
]  # fmt: skip
LITE0 = "efficientnet_lite0"
THIN = "[128, 64, 32, 16, 8]"


def unet(encoder: str, weights: str = "null", decoder: str = THIN) -> str:
    """The setting that makes a unet of it."""
    options = f"encoder: {encoder}, encoder_weights: {weights}, freeze_encoder: false, dropout: 0.0"
    return f"options={{{options}, decoder_channels: {decoder}}}"


@dataclass(frozen=True)
class Variant:
    """One run: its recipe, its data (names of command line options), and what is otherwise than in the first."""

    name: str
    changes: tuple[str, ...] = (unet(LITE0, LITE0),)
    recipe: str = "unet_lite0"
    data: tuple[str, ...] = ("rooms", "photoreal")
    part: float = 1.0  # of the steps

    def config(self) -> TrainConfig:
        """Its whole configuration; of two data sets an epoch sees about equally many frames."""
        mix = ["mix=[0.1, 1.0]"] if len(self.data) == 2 else []
        return TrainConfig.load(self.recipe, [*SHORT, *mix, *self.changes])


FULL = unet(LITE0, LITE0, "[256, 128, 64, 32, 16]")
# The size that the bundled weights were trained at, for which they are worth what they are.
WHOLE = ("preprocess.height=240", "preprocess.width=320", "preprocess.focal_px=260", "optimisation.warmup_steps=5")
VARIANTS = [
    Variant("unet-thin"),
    Variant("rooms-only", data=("rooms",)),
    Variant("photoreal-only", data=("photoreal",)),
    Variant("fpn", (), "fpn_lite0"),
    Variant("dpt", ("preprocess.height=70", "preprocess.width=98", "preprocess.focal_px=80"), "dpt"),
    Variant("unet-mobilenet_v2-random", (unet("mobilenet_v2"),)),
    Variant("unet-thin-random", (unet(LITE0),)),
    Variant(
        "no-colour-blur-noise",
        (unet(LITE0, LITE0), "augmentation.grey_p=0", "augmentation.brightness=0", "augmentation.contrast=0",
         "augmentation.saturation=0", "augmentation.tint=0", "augmentation.blur_px=0", "augmentation.noise=0"),
    ),
    Variant("no-zoom", (unet(LITE0, LITE0), "augmentation.zoom=1")),
    Variant("few-from-bundled", (*WHOLE, "init=fpn", "optimisation.lr=3e-4", "optimisation.encoder_lr=1e-4"),
            "fpn_lite0", ("few",), 0.15),
    Variant("few-from-imagenet", WHOLE, "fpn_lite0", ("few",), 0.15),
    Variant("bundled", (*WHOLE, "init=fpn"), "fpn_lite0", ("few",), 0.0),
    Variant("unet-full", (FULL,)),
    Variant("unet-resnet18-random", (unet("resnet18"),)),
    Variant("unet-thin-seed-1", (unet(LITE0, LITE0), "seed=1")),
]  # fmt: skip


def trained(variant: Variant, paths: dict[str, Path], steps: int) -> Checkpoint:
    """Take the steps."""
    config = variant.config()
    torch.manual_seed(config.seed)
    source = open_sources([paths[name] for name in variant.data])
    network, _ = first_network(config)
    learner, frames = Learner(config, network), range(len(source))
    batches = ShuffledBatches(
        frames, config.batch_size, steps, config.seed, shares=shares_of(config, source, frames)
    )  # as many epochs as it could need at the most
    keys = list(islice(batches, steps))
    data = PreparedSet(source, config.preprocess, config.augmentation, config.seed)
    for batch in tqdm(Loader(data, keys, config.batch_size, 0), variant.name, steps):
        learner.learn([batch], steps)
    return Checkpoint.of(learner.result.eval(), config.preprocess, {"ablation": variant.name, "steps": steps})


def on_rooms(predictor: DepthPredictor, path: Path, every: int) -> dict[str, float]:
    """AbsRel, median-scaled AbsRel and delta1 of rooms, means over images."""
    source = open_source(path)
    report = evaluate(predictor, (source[i] for i in range(0, len(source), every)))
    return {name: report.per_image[name] for name in ("abs_rel", "abs_rel_scaled", "delta1")}


def on_real(predictor: DepthPredictor, samples: list[Sample]) -> dict[str, float]:
    """Means over frames; the scale is the predicted median over the true one."""
    rows = [figures(predictor, sample) for sample in samples]
    return dict(zip(("abs_rel", "abs_rel_scaled", "scale", "correlation"), np.mean(rows, axis=0).tolist(), strict=True))


def result(variant: Variant, folder: Path, run: Callable[[], dict]) -> dict:
    """What a run gave, measured now where it was not yet."""
    path = folder / f"{variant.name}.json"
    if not path.exists():
        values = run()
        with written_whole(path) as part:
            part.write_text(json.dumps(values, indent=2))
    return json.loads(path.read_text())


def main() -> None:
    """Run what is missing and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("rooms", "photoreal", "few", "test-rooms", "test-photoreal", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--real", nargs="*", default=[], metavar="RGB:DEPTH_MM:FX:FY")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--only", nargs="+", choices=[variant.name for variant in VARIANTS], default=[])
    args = parser.parse_args()
    paths, real = {name: getattr(args, name) for name in ("rooms", "photoreal", "few")}, list(map(read, args.real))

    def measured(variant: Variant) -> dict:
        steps = round(args.steps * variant.part)
        checkpoint = trained(variant, paths, steps)
        checkpoint.save(args.out / f"{variant.name}.safetensors")
        predictor = DepthPredictor(checkpoint, "cpu", "torch")
        rooms, photoreal = on_rooms(predictor, args.test_rooms, 10), on_rooms(predictor, args.test_photoreal, 2)
        return {"steps": steps, "rooms": rooms, "photoreal": photoreal, "real": on_real(predictor, real)}

    args.out.mkdir(parents=True, exist_ok=True)
    print("| run | steps | rooms: AbsRel, scaled, delta1 | photo-real | real frames: AbsRel, scaled, scale, corr. |")
    print("| --- | --- | --- | --- | --- |")
    for variant in VARIANTS:
        if not args.only or variant.name in args.only:
            row = result(variant, args.out, lambda variant=variant: measured(variant))
            cells = [
                ", ".join(f"{value:.3f}" for value in row[name].values()) for name in ("rooms", "photoreal", "real")
            ]
            print(f"| {variant.name} | {row['steps']} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
