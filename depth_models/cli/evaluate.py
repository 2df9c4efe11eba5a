"""`depth-models evaluate`: checkpoints' metrics on frames with truth, side by side."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from depth_models.cli.arguments import add_device, add_json
from depth_models.protocols import PROTOCOLS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from depth_models.comparison import Report
    from depth_models.data.sources import Source

HELP = "measure checkpoints on frames with truth"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Checkpoints, data, and how they are compared."""
    parser.add_argument(
        "checkpoints", metavar="CKPT", nargs="+", help="names (`depth-models weights list` has them) or files"
    )
    add_device(parser, backend="torch")  # the reference, whose figures are the same on every machine
    parser.add_argument("--data", type=Path, required=True, help="file in NYU Depth V2's layout, or folder of frames")
    parser.add_argument("--depth", default="depths", choices=("depths", "rawDepths"), help="truth (default: depths)")
    parser.add_argument(
        "--split", default="scene", help="paper, paper-code, official, scene or scene-90 (default: scene)"
    )
    parser.add_argument("--part", default="test", choices=("train", "val", "test", "all"), help="default: test")
    parser.add_argument(
        "--protocol", default="whole", choices=tuple(PROTOCOLS), help="pixels that are compared (default: whole)"
    )
    parser.add_argument("--flip", action="store_true", help="also with the mirrored image averaged in, beside without")
    parser.add_argument("--out", type=Path, help="folder for evaluation.json and pictures of the worst and best frames")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Measure all, then print."""
    from depth_models.data.sources import open_source
    from depth_models.data.splits import make_split
    from depth_models.distributed import process_group, rank
    from depth_models.files import written_whole

    names = _names(args)
    with process_group():
        source = open_source(args.data, args.depth)
        indices = make_split(args.split, source.scenes).part(args.part)
        if args.out:
            _make_folder(args.out)
        reports: dict[str, Report] = {}
        for name, checkpoint in zip(names, args.checkpoints, strict=True):
            reports |= _measure(args, name, checkpoint, source, indices)
        if rank():
            return 0
    document = _document(args, source, reports)
    if args.out:
        with written_whole(args.out / "evaluation.json") as path:
            path.write_text(json.dumps(document, indent=2))
    if args.json:
        print(json.dumps(document, indent=2))
    else:
        _print(args, source, reports)
    return 0


def _make_folder(folder: Path) -> None:
    """Fail before the work and not after it, which may be hours."""
    from depth_models.errors import DepthModelsError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DepthModelsError(f"{folder}: cannot be made ({error.strerror}); choose another --out") from error


def _names(args: argparse.Namespace) -> list[str]:
    """What the checkpoints are called: bundled names, or RUN/FILE without suffix where that tells them apart."""
    paths = [Path(checkpoint) for checkpoint in args.checkpoints]
    names = ["/".join(path.with_suffix("").parts[-2:]) for path in paths]
    if len(set(names)) < len(names):
        names = list(map(str, paths))
    if len(set(names)) < len(names):
        args.usage_error(f"a checkpoint is given twice: {', '.join(names)}")
    return names


def _measure(
    args: argparse.Namespace, name: str, checkpoint: str, source: Source, indices: Sequence[int]
) -> dict[str, Report]:
    """A checkpoint's reports by name, without and, if wanted, with flip test-time augmentation; draws their frames."""
    from tqdm import tqdm

    from depth_models.distributed import rank
    from depth_models.errors import DepthModelsError
    from depth_models.evaluation import FlipAveraged, Predictor, draw_extremes, evaluate_source
    from depth_models.predictor import DepthPredictor

    def progress(numbers: Sequence[int]) -> tqdm:
        return tqdm(numbers, unit="frame", desc=way, disable=rank() > 0)

    predictor = DepthPredictor.from_checkpoint(checkpoint, _device(args.device), args.backend, args.precision)
    ways: dict[str, Predictor] = {name: predictor}
    if args.flip:
        ways[f"{name} +flip"] = FlipAveraged(predictor)
    reports = {}
    for way, predict in ways.items():
        reports[way] = evaluate_source(predict, source, indices, args.protocol, progress)
        if not reports[way].frames:
            raise DepthModelsError(
                f"{args.data}: no frame with truth in part {args.part!r} of split {args.split!r}; try --part all"
            )
        if args.out and not rank():
            draw_extremes(predict, source, reports[way], args.out / way.replace("/", "_").replace(" ", "_"))
    return reports


def _device(name: str) -> str:
    """Each process that torchrun started has its own GPU."""
    import torch

    from depth_models.distributed import world_size

    if name == "auto" and world_size() > 1 and torch.cuda.is_available():
        return f"cuda:{torch.cuda.current_device()}"
    return name


def _document(args: argparse.Namespace, source: Source, reports: dict[str, Report]) -> dict[str, object]:
    """The JSON document."""
    from depth_models.published import published_for

    published = [asdict(row) for row in published_for(source, args.split, args.part)]
    return {
        "data": source.description,
        "depth": args.depth,
        "split": args.split,
        "part": args.part,
        "results": [{"name": name, **asdict(report)} for name, report in reports.items()],
        **({"published_not_measured": published} if published else {}),
    }


def _print(args: argparse.Namespace, source: Source, reports: dict[str, Report]) -> None:
    from depth_models.cli.evaluation_tables import tables
    from depth_models.published import published_for

    print(f"{args.part} of {args.data} (split {args.split}, truth {args.depth}, protocol {args.protocol})")
    print(tables(reports, published_for(source, args.split, args.part)))
    if args.out:
        print(f"\nevaluation.json and pictures of the worst and best frames are in {args.out}")
