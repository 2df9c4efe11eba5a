"""`depth-models experiment`: the paper's experiments by one command."""

from __future__ import annotations

import argparse
from pathlib import Path

from depth_models.cli.arguments import add_json, positive, whole

HELP = "run the paper's experiments within a budget of time, or go on with them, and write a report"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which, on what, how long, where to."""
    parser.add_argument("experiment", metavar="EXPERIMENT", help="losses, table1, ablations, figures or all")
    parser.add_argument("--data", type=Path, required=True, help="data set, such as a file in NYU Depth V2's layout")
    parser.add_argument("--budget", type=positive, required=True, metavar="MINUTES", help="for everything together")
    parser.add_argument("--out", type=Path, required=True, help="folder; an experiment that is there goes on")
    parser.add_argument(
        "--split", default="scene", help="paper, paper-code, official, scene or scene-90 (default: scene)"
    )
    parser.add_argument("--seed", type=whole(0), default=0, help="of all runs (default: 0)")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Run to the report."""
    import json
    import shlex

    from tqdm import tqdm

    from depth_models.experiments.execution import experiment

    words = ["depth-models", "experiment", args.experiment, "--data", args.data, "--budget", f"{args.budget:g}"]
    words += ["--out", args.out, "--split", args.split, "--seed", args.seed]
    layout = "{desc}: {percentage:3.0f}% |{bar}| {elapsed}, about {remaining} left"
    with tqdm(bar_format=layout, dynamic_ncols=True) as bar:

        def progress(doing: str, done_s: float, all_s: float) -> None:
            bar.total = all_s
            bar.set_description_str(doing, refresh=doing != bar.desc)
            bar.update(done_s - bar.n)

        command = shlex.join(map(str, words))
        results = experiment(
            args.experiment, args.data, args.out, 60 * args.budget, args.split, args.seed, command, progress
        )
    print(json.dumps(results, indent=1) if args.json else "\n".join(results["files"].values()))
    return 0
