"""`depth-models weights`: what a checkpoint is and how it was made."""

from __future__ import annotations

import argparse
import json
from typing import Any

from depth_models.cli.arguments import add_json

HELP = "list the bundled checkpoints, or print how one was made"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """An optional checkpoint, --json."""
    parser.add_argument("checkpoint", metavar="CKPT", nargs="?", help="bundled name or file: print its whole record")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print a line a bundled checkpoint, or everything about one."""
    import yaml

    from depth_models.checkpoint import bundled, find_checkpoint

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


def _card(path: Any) -> dict[str, Any]:
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
