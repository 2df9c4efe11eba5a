"""`depth-models export`: a checkpoint for other runtimes."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from depth_models.cli.arguments import add_json, size

if TYPE_CHECKING:
    from depth_models.types import Sample

HELP = "write a checkpoint as ONNX, OpenVINO, TensorRT or TorchScript, measured against PyTorch"
_MOST_FRAMES = 48  # of --data


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A checkpoint, what to make of it, and where."""
    parser.add_argument("checkpoint", metavar="CKPT", help="name (`depth-models weights list` has them) or file")
    formats = ("onnx", "openvino", "tensorrt", "torchscript")
    parser.add_argument("--to", required=True, choices=formats, help="tensorrt is for the GPU that it is made on")
    parser.add_argument("--out", type=Path, required=True, help="file ending in .onnx, .xml, .engine or .pt")
    parser.add_argument("--precision", default="fp32", choices=("fp32", "fp16", "int8"), help="default: fp32")
    parser.add_argument(
        "--size", type=size, help="canvas, such as 480x640 (default: the checkpoint's own; on another one it errs more)"
    )
    how = "frames to check with, and to calibrate int8 with (default: rendered rooms)"
    parser.add_argument("--data", type=Path, help=how)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Export and say how exact the file is."""
    from depth_models.checkpoint import Checkpoint, find_checkpoint
    from depth_models.exporting import export

    checkpoint = Checkpoint.load(find_checkpoint(args.checkpoint))
    if args.size is not None:
        checkpoint = checkpoint.on_canvas(*args.size)
    parity = export(checkpoint, args.out, args.to, args.precision, _samples(args.data))
    if args.json:
        print(json.dumps({"file": str(args.out), "parity": parity.to_dict()}, indent=2))
        return 0
    print(f"{args.out}: depth differs from PyTorch by {parity.mean:.2e} on average, {parity.largest:.2e} at most")
    print(f"AbsRel {parity.absrel:.4f}, PyTorch {parity.reference_absrel:.4f}")
    return 0


def _samples(path: Path | None) -> list[Sample] | None:
    """Frames spread over a data set; None for None."""
    if path is None:
        return None
    from depth_models.data.sources import open_source

    source = open_source(path)
    return [source[i] for i in range(0, len(source), -(-len(source) // _MOST_FRAMES))]
