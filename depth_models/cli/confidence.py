"""`depth-models confidence`: a network learns how far its depth may be off."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depth_models.cli.arguments import add_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from depth_models.checkpoint import Checkpoint
    from depth_models.data.sources import Source

HELP = "fit a checkpoint's standard deviation of depth on frames that the depth was not trained on"
_FIGURE_FRAMES = 160  # at most so many of the test part are measured


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A checkpoint, data, and the file to write."""
    parser.add_argument("checkpoint", metavar="CKPT", help="bundled name or file, of unet or fpn; its depth is kept")
    parser.add_argument(
        "--data", type=Path, required=True, action="append",
        help="file in NYU Depth V2's layout, or folder of frames; several: the standard deviation is to hold in all",
    )  # fmt: skip
    parser.add_argument("--split", default="scene", help="as in training, so that its parts are the same")
    parser.add_argument(
        "--part",
        default="val",
        choices=("train", "val"),
        help="frames to fit on: val (default), or train where CKPT saw none of the data; the test part is measured",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="checkpoint to write")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Fit, measure on the test part, write."""
    import shlex
    from dataclasses import replace
    from functools import partial

    from tqdm import tqdm

    from depth_models.checkpoint import Checkpoint, find_checkpoint
    from depth_models.confidence import fit_sigma
    from depth_models.data.sources import open_sources
    from depth_models.data.splits import make_split

    bar = partial(tqdm, unit="frame", dynamic_ncols=True)
    source = open_sources(args.data)
    split = make_split(args.split, source.scenes)
    checkpoint = Checkpoint.load(find_checkpoint(args.checkpoint))
    fitted = fit_sigma(checkpoint, source, split.part(args.part), partial(bar, desc="fit"))
    figures = _measure(fitted, source, split.test, partial(bar, desc="measure"))
    words = ["depth-models", "confidence", args.checkpoint, *(word for path in args.data for word in ("--data", path))]
    words += ["--split", args.split, "--part", args.part, "--out", args.out]
    made = {
        "data": source.description,
        "split": args.split,
        "part": args.part,
        "command": shlex.join(map(str, words)),
        "test": figures,
    }
    replace(fitted, record={**fitted.record, "confidence": made}).save(args.out)
    if args.json:
        print(json.dumps({"out": str(args.out), **figures}, indent=2))
        return 0
    print(
        f"{args.out}: on {figures['frames']} frames of the test part one sigma covers {figures['coverage_68']:.1%} "
        f"(nominal 68 %), two {figures['coverage_95']:.1%} (95 %); sparsification error {figures['ause']:.4f} "
        f"(by the depth's gradient {figures['ause_gradient']:.4f})"
    )
    return 0


def _measure(checkpoint: Checkpoint, source: Source, indices: Sequence[int], progress: Any) -> dict[str, float]:
    """Pooled confidence figures of frames that neither depth nor sigma was fitted on."""
    from depth_models.data.splits import spread
    from depth_models.evaluation import evaluate_source
    from depth_models.predictor import DepthPredictor

    chosen = spread(indices, _FIGURE_FRAMES)
    report = evaluate_source(DepthPredictor(checkpoint, backend="torch"), source, chosen, progress=progress)
    return {"frames": report.frames, **{name: value["pooled"] for name, value in report.confidence.items()}}
