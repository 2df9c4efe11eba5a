"""`depth-models train`: one run in one folder."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from depth_models.cli.arguments import add_json

HELP = "train a network, or go on with a run that was stopped"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to train, on what, where to."""
    parser.add_argument(
        "config", metavar="CONFIG", help="YAML file, or a shipped one by name: baseline, unet, fpn, ..."
    )
    parser.add_argument("--data", type=Path, required=True, help="file in NYU Depth V2's layout")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run; one that is there goes on")
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="change a setting, e.g. optimisation.lr=1e-3"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Train to the end."""
    import json
    import shlex
    import sys

    from tqdm import tqdm

    from depth_models.config import TrainConfig
    from depth_models.training import train

    config = TrainConfig.load(args.config, args.set)
    with tqdm(unit="step", dynamic_ncols=True) as bar:

        def progress(event: dict[str, Any]) -> None:
            if bar.total is None:  # a run that goes on begins where it stopped
                bar.total, bar.initial, bar.n = event["steps"], event["step"] - 1, event["step"] - 1
            bar.update(event["step"] - bar.n)
            bar.set_postfix(epoch=f"{event['epoch']:.2f}", loss=f"{event['loss']:.3f}", refresh=False)
            if "val" in event:
                values = {k: event["val"][k] for k in ("abs_rel", "delta1", "rmse")}
                numbers = ", ".join(f"{k} {v:.3f}" for k, v in values.items())
                line = f"epoch {event['epoch']:.0f}: validation loss {event['val_loss']:.4f}, {numbers}"
                bar.write(line, file=sys.stderr)

        words = ["depth-models", "train", args.config, "--data", args.data, "--out", args.out]
        words += [word for change in args.set for word in ("--set", change)]
        best = train(config, args.data, args.out, progress, shlex.join(map(str, words)))
    print(json.dumps({"checkpoint": str(best)}) if args.json else best)
    return 0
