"""`depth-models consistency`: does the depth of a sequence agree with itself over time?"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from depth_models.cli.arguments import add_device, add_json, positive

if TYPE_CHECKING:
    import numpy as np

    from depth_models.consistency.report import Report
    from depth_models.data.posed import PosedSequence

HELP = "jitter and drift of a sequence's scale, reprojection, flicker, flatness of planes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A sequence, what gives its depth, and where the result goes."""
    parser.add_argument(
        "sequence",
        metavar="SEQUENCE",
        type=Path,
        help="folder in TUM RGB-D's layout, or a rosbag2 (its folder, .mcap or .db3 file)",
    )
    parser.add_argument(
        "checkpoint",
        metavar="CKPT",
        nargs="?",
        help="bundled name or file, whose depth is measured; without it, a folder's own depth images are",
    )
    add_device(parser)
    parser.add_argument(
        "--poses", type=Path, metavar="FILE", help="trajectory in TUM's layout (default: the folder's groundtruth.txt)"
    )
    parser.add_argument(
        "--gap", type=positive, default=0.5, metavar="SECONDS", help="between reprojected frames (default: 0.5)"
    )
    parser.add_argument(
        "--steady-scale", action="store_true", help="measure also with the scale kept steady from frame to frame"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for consistency.json and scale.png")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Measure, then print."""
    from depth_models.data.posed import PosedSequence
    from depth_models.errors import DepthModelsError

    if args.out and args.out.exists() and not args.out.is_dir():
        raise DepthModelsError(f"{args.out}: is a file; --out names a folder")
    with _folder(args) as folder:
        sequence = PosedSequence(folder, args.poses)
        reports = _measure(args, sequence)
    results = [{"name": name, **asdict(report)} for name, report in reports.items()]
    document: dict[str, object] = {"sequence": str(args.sequence), "results": results}
    if args.out:
        _save(args, document, reports)
    if args.json:
        print(json.dumps(document, indent=2))
    else:
        _print(args, reports)
    return 0


def _is_bag(path: Path) -> bool:
    return path.suffix in (".mcap", ".db3") or (path / "metadata.yaml").is_file()


@contextmanager
def _folder(args: argparse.Namespace) -> Iterator[Path]:
    """The sequence as a folder; of a bag, one that is gone afterwards and whose depth images are the checkpoint's."""
    if not _is_bag(args.sequence):
        yield args.sequence
        return
    from tempfile import TemporaryDirectory

    from depth_models.cli.bag import write_folder

    if args.checkpoint is None:
        args.usage_error("a bag's depth is that of a checkpoint: name one behind the bag")
    with TemporaryDirectory() as parent:
        yield write_folder(
            args.sequence, Path(parent) / args.sequence.stem, args.checkpoint, args.device, args.precision
        )


def _measure(args: argparse.Namespace, sequence: PosedSequence) -> dict[str, Report]:
    """Reports by name."""
    from tqdm import tqdm

    from depth_models.consistency.measure import Consistency, Frame
    from depth_models.scale.steadying import SteadyScale

    name = args.checkpoint or "depth images"
    names = [name, f"{name}, steady"] if args.steady_scale else [name]
    measured = [Consistency(sequence.camera, args.gap) for _ in names]
    depth_of, steady = _depth(args, sequence), SteadyScale()
    has_truth = args.checkpoint is not None and not _is_bag(args.sequence)
    skipped = 0
    for i, frame in enumerate(tqdm(sequence.frames, unit="frame")):
        metres = depth_of(i)
        if metres is None:
            skipped += 1
            continue
        truth = sequence.metres(i) if has_truth and frame.depth is not None else None
        rgb = sequence.rgb(i)
        measured[0].add(Frame(frame.stamp_s, rgb, metres, truth, frame.pose))
        if args.steady_scale:
            metres = steady(rgb, metres, sequence.camera, frame.stamp_s)
            measured[1].add(Frame(frame.stamp_s, rgb, metres, truth, frame.pose))
    if skipped:
        print(f"depth-models consistency: {skipped} pictures have no depth image and are left out", file=sys.stderr)
    return {name: one.report() for name, one in zip(names, measured, strict=True)}


def _depth(args: argparse.Namespace, sequence: PosedSequence) -> Callable[[int], np.ndarray | None]:
    """What gives the depth of frame number i: a checkpoint, or the sequence's images, of which some may be missing."""
    if args.checkpoint is None or _is_bag(args.sequence):
        return lambda i: None if sequence.frames[i].depth is None else sequence.metres(i)
    from depth_models.predictor import DepthPredictor

    predictor, camera = (
        DepthPredictor.from_checkpoint(args.checkpoint, args.device, args.backend, args.precision),
        sequence.camera,
    )
    return lambda i: predictor(sequence.rgb(i), fx=camera.fx, fy=camera.fy).metres


def _save(args: argparse.Namespace, document: dict[str, object], reports: dict[str, Report]) -> None:
    from depth_models.consistency.plots import draw_scale
    from depth_models.files import written_whole

    args.out.mkdir(parents=True, exist_ok=True)
    with written_whole(args.out / "consistency.json") as path:
        path.write_text(json.dumps(document, indent=2))
    draw_scale(reports, args.sequence.absolute().name, args.out / "scale.png")


def _print(args: argparse.Namespace, reports: dict[str, Report]) -> None:
    from depth_models.consistency.report import rows

    tables = [rows(report) for report in reports.values()]
    print(f"{args.sequence}\n{'':<36}" + "".join(f"{name:>22}" for name in reports))
    for label in tables[0]:
        print(f"{label:<36}" + "".join(f"{table[label]:>22}" for table in tables))
    if args.out:
        print(f"consistency.json and scale.png are in {args.out}")
