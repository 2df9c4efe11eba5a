"""`depth-models weights`: what a checkpoint is and how it was made."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from depth_models.cli.arguments import add_json

HELP = "list the bundled checkpoints, print how one was made, or halve one"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """An optional checkpoint, --half, --json."""
    parser.add_argument("checkpoint", metavar="CKPT", nargs="?", help="bundled name or file: print its whole record")
    parser.add_argument("--half", metavar="FILE", type=Path, help="write CKPT there in half precision: half the bytes")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print a line a bundled checkpoint, or everything about one."""
    import yaml

    from depth_models.checkpoint import bundled, find_checkpoint

    if args.half is not None:
        if args.checkpoint is None:
            args.usage_error("--half needs a checkpoint")
        _halve(find_checkpoint(args.checkpoint), args.half)
        return 0
    paths = [find_checkpoint(args.checkpoint)] if args.checkpoint else list(bundled().values())
    cards = [_card(path) for path in paths]
    if args.json:
        print(json.dumps(cards, indent=2))
    elif args.checkpoint:
        print(yaml.safe_dump(cards[0], sort_keys=False, width=110), end="")
    else:
        for card in cards:
            print(f"{card['name']:<12}{card['network']:<12}{card['megabytes']:>6.1f} MB  {card['file']}")
    return 0


def _halve(path: Path, out: Path) -> None:
    import torch

    from depth_models.checkpoint import Checkpoint

    Checkpoint.load(path).save(out, torch.float16)
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB, was {path.stat().st_size / 1e6:.1f} MB")


def _card(path: Path) -> dict[str, Any]:
    from depth_models.checkpoint import Checkpoint

    checkpoint = Checkpoint.load(path)
    card = {
        "name": path.stem,
        "network": checkpoint.network,
        "options": checkpoint.config,
        "preprocess": checkpoint.preprocess.to_dict(),
        "parameters": sum(t.numel() for t in checkpoint.tensors.values()),
        "megabytes": path.stat().st_size / 1e6,
        "record": checkpoint.record,
        "file": str(path),
    }
    return json.loads(json.dumps(card))  # tuples to lists, for YAML
