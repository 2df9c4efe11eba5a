"""`depth-models bench`: how fast networks run here, side by side."""

from __future__ import annotations

import argparse
import json
from functools import partial

from depth_models.cli.arguments import add_json, device, size, whole

HELP = "measure latency and memory of networks on the installed back-ends, as ratios to eager PyTorch"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Networks, ways to run them, and how long to measure."""
    from depth_models.backends import BACKENDS, PRECISIONS

    parser.add_argument("networks", metavar="CKPT", nargs="+", help="names or files; networks' names with --untrained")
    parser.add_argument("--untrained", action="store_true", help="the networks' defaults with random weights")
    parser.add_argument("--device", type=device, default="cpu", help="cpu, cuda or cuda:N (default: cpu)")
    parser.add_argument("--backend", nargs="+", choices=tuple(BACKENDS), help="default: all that are installed")
    parser.add_argument("--precision", nargs="+", choices=PRECISIONS, help="default: all that a back-end has")
    parser.add_argument("--size", type=size, help="canvas, such as 480x640 (default: the checkpoint's own)")
    parser.add_argument("--batch", type=whole(1), default=1, help="images a pass (default: 1)")
    parser.add_argument("--threads", type=whole(1), help="of the CPU (default: each library's own choice)")
    parser.add_argument("--rounds", type=whole(1), default=20, help="passes of each, in turns (default: 20)")
    parser.add_argument("--no-memory", action="store_true", help="do not start a process for each to see its memory")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Measure one network after another, and print."""
    from tqdm import tqdm

    from depth_models.backends import BACKENDS
    from depth_models.bench import Row, Subject, bench, installed_ways

    if args.device == "auto":
        args.usage_error("--device auto would not say what was measured; name cpu or cuda")
    ways = [
        way
        for way in installed_ways(args.device)
        + [("torch-compile", p) for p in BACKENDS["torch-compile"].precisions(args.device) if args.backend]
        if (not args.backend or way[0] in args.backend) and (not args.precision or way[1] in args.precision)
    ]
    rows: list[Row] = []
    for name in args.networks:
        rows += bench(
            Subject(name, args.untrained, args.size), ways, args.device, args.batch, args.threads, args.rounds,
            not args.no_memory, partial(tqdm, desc=name, unit="round"),
        )  # fmt: skip
    if args.json:
        print(json.dumps([row.to_dict() for row in rows], indent=2))
        return 0
    print(f"{'network':<12}{'backend':<22}{'precision':<11}{'size':<10}{'p50 ms':>9}{'p95 ms':>9}{'ratio':>8}{'MB':>8}")
    for row in rows:
        at, ms = "x".join(map(str, row.size)), row.latency_ms
        memory = "" if row.peak_memory_mb is None else f"{row.peak_memory_mb:.0f}"
        times = f"{ms['p50']:>9.1f}{ms['p95']:>9.1f}{row.ratio_to_eager:>8.2f}{memory:>8}"
        print(f"{row.network:<12}{row.backend:<22}{row.precision:<11}{at:<10}{times}")
    return 0
