"""`depth-models data`: make, prepare, check and describe data sets."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from depth_models.cli.arguments import add_json, size, whole

HELP = "make data (rooms, a sequence), prepare it for fast reading, check it, describe it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-verb each."""
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")

    def add(name: str, text: str, run: Any) -> argparse.ArgumentParser:
        kind = kinds.add_parser(name, help=text, description=text)
        kind.set_defaults(run_kind=run)
        return kind

    for name, text, out in (
        ("rooms", "render frames of many procedural rooms into one file in NYU Depth V2's layout", "the .mat file"),
        ("sequence", "render a camera's way through one room, in the layout of the TUM RGB-D benchmark", "the folder"),
    ):
        kind = add(name, text, _render)
        kind.add_argument("--frames", type=whole(1), required=True, help="how many")
        kind.add_argument("--size", type=size, default=(480, 640), help="HEIGHTxWIDTH, pixels (default: 480x640)")
        kind.add_argument("--seed", type=whole(0), default=0, help="the same seed gives the same frames (default: 0)")
        kind.add_argument("--workers", type=whole(1), default=2, help="rendering processes (default: 2)")
        kind.add_argument("--out", type=Path, required=True, help=out)
        if name == "rooms":
            kind.add_argument(
                "--views", type=whole(1), default=8, help="frames of each room; fewer show more rooms (default: 8)"
            )
    kind = add("prepare", "copy a .mat file into a folder from which any frame is read at once", _prepare)
    kind.add_argument("path", type=Path, metavar="FILE.mat", help="in NYU Depth V2's layout; 'nyu' fetches that file")
    kind.add_argument("--out", type=Path, required=True, help="the folder; an unfinished one goes on where it stopped")
    kind = add("check", "read all of a data set and name every defect; exits with 1 where there is one", _check)
    kind.add_argument("path", type=Path, metavar="PATH", help="file or folder of any known layout")
    kind = add("stats", "depth histogram, valid fraction, and the training part's mean and std per channel", _stats)
    kind.add_argument("path", type=Path, metavar="PATH", help="file or folder of any known layout")
    kind.add_argument("--split", default="scene", help="whose training part is read (default: scene)")
    kind.add_argument("--depth", default="depths", choices=("depths", "rawDepths"), help="truth (default: depths)")
    kind.add_argument("--out", type=Path, metavar="PNG", help="draw them into this file")
    add_json(kind)


def run(args: argparse.Namespace) -> int:
    """Do what the sub-verb says."""
    return args.run_kind(args)


@contextmanager
def _bar() -> Iterator[Callable[[int, int], None]]:
    """A progress bar with the time left, called with frames done and frames in all; it counts from the first call."""
    from tqdm import tqdm

    bars: list[tqdm] = []

    def progress(done: int, frames: int) -> None:
        if not bars:
            bars.append(tqdm(total=frames, initial=done, unit="frame"))
        bars[0].update(done - bars[0].n)

    try:
        yield progress
    finally:
        for bar in bars:
            bar.close()


def _render(args: argparse.Namespace) -> int:
    """What is made appears whole or not at all."""
    from depth_models.data.rooms.generate import generate
    from depth_models.data.rooms.sequence import write_sequence

    make = partial(generate, views=args.views) if args.kind == "rooms" else write_sequence
    with _bar() as progress:
        make(args.out, args.frames, args.size, args.seed, args.workers, progress)
    print(args.out)
    return 0


def _prepare(args: argparse.Namespace) -> int:
    from depth_models.data.prepared import FARTHEST_M, PreparedFolder, is_prepared, prepare

    if is_prepared(args.path, args.out):
        print(f"{args.out}: already prepared, nothing to do", file=sys.stderr)
    else:
        with _bar() as progress:
            prepare(args.path, args.out, progress)
    for name, pixels in PreparedFolder(args.out).beyond.items():
        if pixels:
            print(f"{name}: {pixels} pixels beyond {FARTHEST_M:.3f} m became invalid", file=sys.stderr)
    print(args.out)
    return 0


def _check(args: argparse.Namespace) -> int:
    from depth_models.data.check import check

    with _bar() as progress:
        defects = check(args.path, progress)
    for defect in defects:
        print(defect)
    print(f"{args.path}: {len(defects) or 'no'} defect{'s' * (len(defects) != 1)}")
    return 1 if defects else 0


def _stats(args: argparse.Namespace) -> int:
    from depth_models.data.sources import open_source
    from depth_models.data.splits import make_split
    from depth_models.data.stats import BIN_M, draw, measure

    source = open_source(args.path, args.depth)
    indices, done = make_split(args.split, source.scenes).train, count(1)
    with _bar() as progress:
        stats = measure(source, indices, lambda: progress(next(done), len(indices)))
    if args.out:
        draw(stats, f"{args.path.name}, split {args.split}", args.out)
    if args.json:
        print(json.dumps({"data": source.description, "split": args.split, **asdict(stats)}, indent=2))
        return 0
    print(f"{args.path}: training part of split {args.split}, {stats.frames} frames; truth {args.depth}")
    span = f"{stats.depth_min_m:.3f} to {stats.depth_max_m:.3f} m, mean {stats.depth_mean_m:.3f} m"
    print(f"valid depth: {stats.valid:.2%} of the pixels, {span}")
    for number, fraction in enumerate(stats.histogram):
        print(f"{number * BIN_M:6.2f} m {fraction:7.2%} {'#' * round(60 * fraction / max(stats.histogram))}")
    mean, std = (", ".join(f"{value:.4f}" for value in values) for values in (stats.mean, stats.std))
    print(f"to train with: --set preprocess.mean=[{mean}] --set preprocess.std=[{std}]".replace(", ", ","))
    return 0
