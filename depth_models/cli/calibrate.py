"""`depth-models calibrate`: true metres from a few known depths."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from depth_models.cli.arguments import add_json, positive

HELP = "fit a checkpoint's metres to a few frames with known depth, or to a few measured distances"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A checkpoint, what is known, and the file to write."""
    parser.add_argument("checkpoint", metavar="CKPT", help="bundled name or file")
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help="frames with depth in any known layout, or a .csv with the columns image,x,y,metres: the depth along the "
        "optical axis at a pixel of an image, whose path is relative to the file",
    )
    parser.add_argument("--fx", type=positive, help="focal length of the .csv's images in their pixels, if it is known")
    parser.add_argument("--fy", type=positive, help="likewise, vertical (default: fx)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="checkpoint to write")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Fit, say what it gives where it was not fitted, write."""
    import shlex
    from dataclasses import asdict, replace

    from tqdm import tqdm

    from depth_models.calibrate import fit, known_depths
    from depth_models.checkpoint import Checkpoint, find_checkpoint

    if args.fx is None and args.fy is not None:
        args.usage_error("--fy was given without --fx; give both, or --fx alone for square pixels")
    if args.fx is not None and args.data.suffix != ".csv":
        args.usage_error("--fx is for a .csv; frames with depth come with their own focal length")
    focal = None if args.fx is None else (args.fx, args.fy or args.fx)
    checkpoint = Checkpoint.load(find_checkpoint(args.checkpoint))
    known = known_depths(checkpoint, args.data, focal, lambda frames: tqdm(frames, unit="frame", dynamic_ncols=True))
    fitted = fit(checkpoint, known)
    numbers = {"images": len(known), **asdict(fitted)}
    if fitted.before is not None and fitted.held_out >= fitted.before:
        print(
            f"depth-models calibrate: no calibration is better than none: error {fitted.before:.3f} as it is, "
            f"{fitted.held_out:.3f} on images that were not fitted; nothing was written",
            file=sys.stderr,
        )
        return 1
    words = ["depth-models", "calibrate", args.checkpoint, "--data", args.data]
    words += [word for name in ("fx", "fy") if (value := getattr(args, name)) for word in (f"--{name}", value)]
    made = {"data": args.data.absolute().name, **numbers, "command": shlex.join(map(str, [*words, "--out", args.out]))}
    calibrated = replace(checkpoint.preprocess, calibration=fitted.calibration)
    replace(checkpoint, preprocess=calibrated, record={**checkpoint.record, "calibration": made}).save(args.out)
    if args.json:
        print(json.dumps({"out": str(args.out), **numbers}, indent=2))
        return 0
    c, before = fitted.calibration, "none" if fitted.before is None else f"{fitted.before:.3f}"
    print(f"{args.out}: {c.space} depth, scale {c.scale:.4f}, shift {c.shift:.4f}; {len(known)} images")
    print(f"mean relative error: before {before}, after {fitted.after:.3f}, on images not fitted {fitted.held_out:.3f}")
    return 0
