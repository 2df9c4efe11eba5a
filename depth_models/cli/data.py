"""`depth-models data`: make data sets."""

from __future__ import annotations

import argparse
from pathlib import Path

from depth_models.cli.arguments import size, whole

HELP = "make training data: `data rooms` renders procedural rooms"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-verb a kind of data."""
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    text = "render procedural indoor RGB-D into one file in NYU Depth V2's layout"
    rooms = kinds.add_parser("rooms", help=text, description=text)
    rooms.add_argument("--frames", type=whole(1), required=True, help="how many")
    rooms.add_argument("--size", type=size, default=(480, 640), help="HEIGHTxWIDTH, pixels (default: 480x640)")
    rooms.add_argument("--seed", type=whole(0), default=0, help="the same seed gives the same frames (default: 0)")
    rooms.add_argument("--workers", type=whole(1), default=2, help="rendering processes (default: 2)")
    rooms.add_argument("--out", type=Path, required=True, help="the .mat file")


def run(args: argparse.Namespace) -> int:
    """Render; the file appears whole or not at all."""
    from tqdm import tqdm

    from depth_models.data.rooms.generate import generate

    with tqdm(total=args.frames, unit="frame") as bar:

        def progress(done: int, frames: int, seconds_left: float) -> None:
            bar.update(done - bar.n)

        generate(args.out, args.frames, args.size, args.seed, args.workers, progress)
    print(args.out)
    return 0
