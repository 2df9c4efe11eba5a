"""`depth-models weights`: the named checkpoints, how each was made, whether it is unchanged, and new ones."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from depth_models.cli.arguments import add_json, positive, size

HELP = "list checkpoints, print how one was made, verify them, add or import one"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-verb each."""
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")

    def add(name: str, text: str, run: Any) -> argparse.ArgumentParser:
        kind = kinds.add_parser(name, help=text, description=text)
        kind.set_defaults(run_kind=run)
        return kind

    kind = add("list", "the bundled and the added checkpoints: network, size, SHA-256, where from", _list)
    add_json(kind)
    kind = add("card", "everything that a checkpoint says of itself", _card)
    kind.add_argument("checkpoint", metavar="CKPT", help="name or file")
    add_json(kind)
    kind = add("verify", "compare files with their SHA-256; exits with 1 where one differs", _verify)
    kind.add_argument("checkpoint", metavar="CKPT", nargs="?", help="name or any file (default: all named ones)")
    kind.add_argument("--sha256", type=_hash, help="what it must be (default: what the manifest says)")
    add_json(kind)
    kind = add("add", "copy a checkpoint to where it is found by name", _add)
    kind.add_argument("source", metavar="FILE|URL")
    kind.add_argument("--sha256", type=_hash, help="what it must be; needed for a URL")
    kind.add_argument("--name", help="to be found by (default: the file's)")
    kind = add("import", "convert published weights of Depth Anything V2, and add them", _import)
    kind.add_argument("file", metavar="FILE.pth", type=Path, help="also .safetensors; no code of it is run")
    kind.add_argument("--network", choices=("dpt",), required=True, help="what they are the weights of")
    of = kind.add_mutually_exclusive_group(required=True)
    of.add_argument("--max-depth-m", type=positive, help="a metric file's: 20 for hypersim, 80 for vkitti")
    of.add_argument("--relative", action="store_true", help="a relative file, of no use before depth-models calibrate")
    kind.add_argument("--size", type=size, default=(518, 686), help="network's HEIGHTxWIDTH (default: 518x686)")
    kind.add_argument(
        "--focal-px", type=positive, help="canonical focal length at that size (default: none, as published)"
    )
    kind.add_argument("--name", help="to be found by (default: the file's)")
    kind = add("halve", "write a checkpoint in half precision: half the bytes", _halve)
    kind.add_argument("checkpoint", metavar="CKPT", help="name or file")
    kind.add_argument("out", metavar="FILE", type=Path)
    kind = add("average", "mix the weights of two checkpoints, one trained on from the other", _average)
    kind.add_argument("first", metavar="CKPT", help="name or file")
    kind.add_argument("second", metavar="CKPT2", help="name or file")
    kind.add_argument("--share", type=float, default=0.5, help="of the second, 0 to 1 (default 0.5)")
    kind.add_argument("--out", type=Path, required=True, metavar="FILE", help="checkpoint to write")
    add("manifest", "write the manifest of the bundled checkpoints, for those who bundle them", _manifest)


def _hash(text: str) -> str:
    if len(text) != 64 or set(text.lower()) - set("0123456789abcdef"):
        raise argparse.ArgumentTypeError(f"{text!r} is not 64 hexadecimal digits")
    return text.lower()


def run(args: argparse.Namespace) -> int:
    """Do what the sub-verb says."""
    return args.run_kind(args)


def _list(args: argparse.Namespace) -> int:
    from depth_models.checkpoint import Checkpoint, bundled
    from depth_models.store import known_checkpoints, sha256

    rows = []
    for name, (path, entry) in known_checkpoints().items():
        if not path.is_file():
            continue  # `verify` tells
        checkpoint = Checkpoint.load(path)
        rows.append(
            {
                "name": name,
                "network": checkpoint.network,
                "kind": "bundled" if name in bundled() else "added",
                "megabytes": path.stat().st_size / 1e6,
                "sha256": sha256(path),
                "licence": checkpoint.record.get("licence"),
                "source": entry.source if entry else checkpoint.record.get("command", "unknown"),
                "file": str(path),
            }
        )
    if args.json:
        print(json.dumps(rows, indent=2))
        return 0
    for row in rows:
        print(row["name"])
        licence = f", licence {row['licence']}" if row["licence"] else ""
        print(f"  {row['network']}, {row['kind']}, {row['megabytes']:.1f} MB{licence}")
        print(f"  SHA-256 {row['sha256']}")
        print(f"  from {row['source']}")
    return 0


def _card(args: argparse.Namespace) -> int:
    import yaml

    from depth_models.checkpoint import find_checkpoint

    card = _described(find_checkpoint(args.checkpoint))
    print(json.dumps(card, indent=2) if args.json else yaml.safe_dump(card, sort_keys=False, width=110).rstrip())
    return 0


def _described(path: Path) -> dict[str, Any]:
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


def _verify(args: argparse.Namespace) -> int:
    from depth_models.checkpoint import find_checkpoint
    from depth_models.store import known_checkpoints, sha256

    expected = {name: (path, entry.sha256 if entry else None) for name, (path, entry) in known_checkpoints().items()}
    if name := args.checkpoint:
        path, listed = expected[name] if name in expected else (find_checkpoint(name), None)
        expected = {name: (path, args.sha256 or listed)}
    elif args.sha256:
        args.usage_error("--sha256 needs a checkpoint")
    rows = []
    for name, (path, digest) in expected.items():
        found = sha256(path) if path.is_file() else None
        state = "absent" if found is None else "unlisted" if digest is None else "ok" if found == digest else "changed"
        rows.append({"name": name, "state": state, "sha256": found, "file": str(path)})
    if args.json:
        print(json.dumps(rows, indent=2))
    else:
        for row in rows:
            print(f"{row['state']:<9} {row['sha256'] or '-':<64} {row['name']}")
    return int(any(row["state"] in ("changed", "absent") for row in rows))


def _add(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from depth_models.store import add

    with tqdm(unit="B", unit_scale=True, disable=None) as bar:
        path = add(args.source, args.sha256, args.name, bar.update)
    print(f"{path.stem}: {path}")
    return 0


def _import(args: argparse.Namespace) -> int:
    import shlex

    from depth_models.depth_anything import read_published
    from depth_models.store import new_checkpoint, sha256

    name = args.file.stem if args.name is None else args.name
    words = ["depth-models", "weights", "import", args.file.name, "--network", args.network]
    words += ["--relative"] if args.relative else ["--max-depth-m", f"{args.max_depth_m:g}"]
    words += ["--size", "x".join(map(str, args.size))]
    words += ["--focal-px", f"{args.focal_px:g}"] if args.focal_px else []
    record = {"sha256": sha256(args.file), "command": shlex.join(words)}
    checkpoint = read_published(args.file, args.max_depth_m, args.size, args.focal_px, record)
    with new_checkpoint(name, str(args.file.absolute())) as temporary:
        checkpoint.save(temporary)
    licence = checkpoint.record["licence"]
    print(f"{name}: {checkpoint.record['origin']}; licence {licence}")
    if "NC" in licence:
        print("depth-models weights: these weights are not for commercial use", file=sys.stderr)
    if args.relative:
        print(f"fit its scale before you launch it: depth-models calibrate {name} --data FOLDER --out FILE")
    return 0


def _halve(args: argparse.Namespace) -> int:
    import torch

    from depth_models.checkpoint import Checkpoint, find_checkpoint

    path = find_checkpoint(args.checkpoint)
    Checkpoint.load(path).save(args.out, torch.float16)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.1f} MB, was {path.stat().st_size / 1e6:.1f} MB")
    return 0


def _average(args: argparse.Namespace) -> int:
    """The record is the second's, from which one trains on, and says of the first what it was."""
    import shlex
    from dataclasses import replace

    from depth_models.averaging import average
    from depth_models.checkpoint import Checkpoint, find_checkpoint

    first, second = (Checkpoint.load(find_checkpoint(name)) for name in (args.first, args.second))
    words = ["depth-models", "weights", "average", args.first, args.second, "--share", args.share, "--out", args.out]
    with_it = {"checkpoint": args.first, "digest": first.digest, "record": first.without_sigma().record}
    of = {"checkpoint": args.second, "record": second.without_sigma().record}
    kept: dict[str, Any] = {name: second.record[name] for name in ("data", "config") if name in second.record}
    record = {**kept, "command": shlex.join(map(str, words)), "average": with_it, "init": of}
    replace(average(first, second, args.share), record=record).save(args.out)
    print(args.out)
    return 0


def _manifest(args: argparse.Namespace) -> int:
    from depth_models.checkpoint import bundled
    from depth_models.files import share_folder
    from depth_models.store import MANIFEST, Entry, write_manifest

    folder = share_folder("weights")
    commands = {name: _described(path)["record"].get("command", "unknown") for name, path in bundled().items()}
    write_manifest(folder, {name: Entry.of(path, commands[name]) for name, path in bundled().items()})
    print(folder / MANIFEST)
    return 0
