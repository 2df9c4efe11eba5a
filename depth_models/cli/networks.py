"""`depth-models networks`: what can be created, and how big it is."""

from __future__ import annotations

import argparse
import json
from typing import Any

from depth_models.cli.arguments import add_json

HELP = "list the networks: parameters, GFLOP, bundled checkpoints"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Only --json."""
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print a row a network, in its default configuration: the paper's, where it is the paper's network."""
    from depth_models.checkpoint import Checkpoint, bundled
    from depth_models.networks import list_networks

    networks = {name: Checkpoint.load(path).network for name, path in bundled().items()}
    rows = [
        {**_row(network), "bundled": [name for name, its in networks.items() if its == network]}
        for network in list_networks()
    ]
    if args.json:
        print(json.dumps(rows, indent=2))
        return 0
    print(f"{'network':<12}{'parameters':>12}{'trainable':>12}{'GFLOP':>9}  {'at':<9} bundled")
    for row in rows:
        at = "x".join(map(str, row["size"]))
        counts = "".join(f"{row[k] / 1e6:>10.1f} M" for k in ("parameters", "trainable"))
        print(f"{row['network']:<12}{counts}{row['gflop']:>9.1f}  {at:<9} {', '.join(row['bundled']) or 'none'}")
    return 0


def _row(name: str) -> dict[str, Any]:
    """Counted on the meta device, where nothing is computed; a multiplication and its addition are two FLOP."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from depth_models.networks import create_network
    from depth_models.networks.registry import network_class

    stride = network_class(name).stride
    size = (480 // stride * stride, 640 // stride * stride)
    with torch.device("meta"), FlopCounterMode(display=False) as counter, torch.no_grad():
        network = create_network(name)
        network(torch.empty(1, 3, *size))
    parameters = list(network.parameters())
    return {
        "network": name,
        "parameters": sum(p.numel() for p in parameters),
        "trainable": sum(p.numel() for p in parameters if p.requires_grad),
        "gflop": counter.get_total_flops() / 1e9,
        "size": size,
    }
