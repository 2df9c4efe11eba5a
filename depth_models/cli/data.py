"""`depth-models data`: make data sets."""

from __future__ import annotations

import argparse
from pathlib import Path

from depth_models.cli.arguments import size, whole

HELP = "make data: rooms (single frames, for training) or a sequence (a camera's way, for SLAM)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-verb a kind of data."""
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    for name, text, out in (
        ("rooms", "render frames of many procedural rooms into one file in NYU Depth V2's layout", "the .mat file"),
        ("sequence", "render a camera's way through one room, in the layout of the TUM RGB-D benchmark", "the folder"),
    ):
        kind = kinds.add_parser(name, help=text, description=text)
        kind.add_argument("--frames", type=whole(1), required=True, help="how many")
        kind.add_argument("--size", type=size, default=(480, 640), help="HEIGHTxWIDTH, pixels (default: 480x640)")
        kind.add_argument("--seed", type=whole(0), default=0, help="the same seed gives the same frames (default: 0)")
        kind.add_argument("--workers", type=whole(1), default=2, help="rendering processes (default: 2)")
        kind.add_argument("--out", type=Path, required=True, help=out)


def run(args: argparse.Namespace) -> int:
    """Render; what is made appears whole or not at all."""
    from tqdm import tqdm

    from depth_models.data.rooms.generate import generate
    from depth_models.data.rooms.sequence import write_sequence

    make = {"rooms": generate, "sequence": write_sequence}[args.kind]
    with tqdm(total=args.frames, unit="frame") as bar:

        def progress(done: int, frames: int) -> None:
            bar.update(done - bar.n)

        make(args.out, args.frames, args.size, args.seed, args.workers, progress)
    print(args.out)
    return 0
