"""`depth-models evaluate`: a checkpoint's metrics on frames with truth."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from depth_models.cli.arguments import add_json, add_predictor

HELP = "measure a checkpoint on frames with truth"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A checkpoint and data."""
    add_predictor(parser)
    parser.add_argument("--data", type=Path, required=True, help="file in NYU Depth V2's layout")
    parser.add_argument("--depth", default="depths", choices=("depths", "rawDepths"), help="truth (default: depths)")
    parser.add_argument("--split", default="scene", help="paper, paper-code or scene (default: scene)")
    parser.add_argument("--part", default="test", choices=("train", "val", "test", "all"), help="default: test")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print both averages of every metric."""
    from tqdm import tqdm

    from depth_models.data.sources import open_source
    from depth_models.data.splits import make_split
    from depth_models.errors import DepthModelsError
    from depth_models.evaluation import evaluate
    from depth_models.predictor import DepthPredictor

    source = open_source(args.data, args.depth)
    indices = make_split(args.split, source.scenes).part(args.part)
    predictor = DepthPredictor.from_checkpoint(args.checkpoint, args.device, precision=args.precision)
    report = evaluate(predictor, (source[i] for i in tqdm(indices, unit="frame")))
    if not report.frames:
        raise DepthModelsError(
            f"{args.data}: no frame with truth in part {args.part!r} of split {args.split!r}; try --part all"
        )
    if args.json:
        print(json.dumps({"checkpoint": args.checkpoint, "data": source.description, **asdict(report)}, indent=2))
        return 0
    print(f"{args.checkpoint} on {args.part} of {args.data} (split {args.split}, truth {args.depth}):")
    print(
        f"{report.frames} frames, {report.pixels} pixels; predictions: {report.clamped:.2%} clamped to 0.001..10 m, "
        f"{report.missing:.2%} missing"
    )
    print(f"{'':<16}{'per image':>12}{'pooled':>12}")
    for name, value in report.per_image.items():
        print(f"{name:<16}{value:>12.4f}{report.pooled[name]:>12.4f}")
    constant = report.constant
    print(
        f"best constant: {constant['metres']:.2f} m gives abs_rel {constant['abs_rel']:.4f}, "
        f"delta1 {constant['delta1']:.4f} (pooled)"
    )
    return 0
