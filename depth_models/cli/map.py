"""`depth-models map`: a surface from a sequence's depth and poses."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from depth_models.cli.arguments import add_device, add_json, positive

if TYPE_CHECKING:
    import numpy as np

    from depth_models.data.posed import PosedSequence
    from depth_models.mapping import Surface

HELP = "join a sequence's depth into a coloured surface, with a picture of it and its error"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A sequence, whose depth and whose poses, how fine."""
    parser.add_argument("sequence", metavar="SEQUENCE", type=Path, help="folder in TUM RGB-D's layout")
    parser.add_argument("--out", metavar="PLY", type=Path, required=True, help="the mesh; a picture goes beside it")
    parser.add_argument("--checkpoint", metavar="CKPT", help="bundled name or file (default: the sequence's own depth)")
    add_device(parser)
    parser.add_argument("--poses", metavar="FILE", type=Path, help="in TUM's layout (default: its groundtruth.txt)")
    parser.add_argument("--voxel-m", type=positive, default=0.02, help="edge of a voxel (default: 0.02)")
    parser.add_argument("--farthest-m", type=positive, default=4.0, help="leave out depth beyond (default: 4)")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Map; where depth or poses are not the sequence's own, compare with the map of those that are."""
    from depth_models.data.posed import PosedSequence
    from depth_models.mapping import surface_error, world_of

    if args.out.suffix.lower() != ".ply":
        args.usage_error(f"--out {args.out}: the mesh is written as .ply")
    sequence, truth = PosedSequence(args.sequence, args.poses), PosedSequence(args.sequence)
    has_truth = any(frame.depth and frame.pose is not None for frame in truth.frames)
    world = world_of(sequence, truth) if args.poses and has_truth else None
    surface = _fuse(args, sequence, bool(args.checkpoint), "map", world)
    error = None
    if has_truth and (args.checkpoint or args.poses):
        error = surface_error(surface, _fuse(args, truth, False, "true map"))
    drawing = _write(args.out, surface)
    if args.json:
        counts = {"frames": surface.frames, "left_out": surface.left_out}
        paths = {"out": str(args.out), "picture": str(drawing)}
        print(json.dumps({**paths, **counts, "error": asdict(error) if error else None}, indent=2))
        return 0
    left_out = f"; {surface.left_out} have no pose or no depth" if surface.left_out else ""
    print(f"{args.out}, {drawing}: from {surface.frames} of {len(sequence)} frames{left_out}")
    if error:
        print(
            f"off the true surface by {error.accuracy_median_m:.3f} m (median; {error.accuracy_near:.0%} within 5 cm); "
            f"{error.completeness_near:.0%} of the true surface is within 5 cm of it"
        )
    return 0


def _own(sequence: PosedSequence) -> Callable[[int], np.ndarray | None]:
    """The depth that came with the sequence."""
    return lambda number: None if sequence.frames[number].depth is None else sequence.metres(number)


def _predicted(args: argparse.Namespace, sequence: PosedSequence) -> Callable[[int], np.ndarray | None]:
    """The network's depth of its pictures."""
    from depth_models.predictor import DepthPredictor

    predictor = DepthPredictor.from_checkpoint(args.checkpoint, args.device, args.backend, args.precision)
    fx, fy = sequence.camera.fx, sequence.camera.fy
    return lambda number: predictor(sequence.rgb(number), fx=fx, fy=fy).metres


def _fuse(
    args: argparse.Namespace, sequence: PosedSequence, predicted: bool, what: str, world: np.ndarray | None = None
) -> Surface:
    """With the checkpoint's depth, or the sequence's own."""
    from tqdm import tqdm

    from depth_models.mapping import fuse

    metres_of = _predicted(args, sequence) if predicted else _own(sequence)
    with tqdm(total=len(sequence), desc=what, unit="frame", dynamic_ncols=True) as bar:

        def progress(done: int, _: int) -> None:
            bar.update(done - bar.n)

        return fuse(sequence, metres_of, args.voxel_m, args.farthest_m, world, progress)


def _write(out: Path, surface: Surface) -> Path:
    """Both files appear whole or not at all; returns the picture's."""
    from PIL import Image

    from depth_models.files import written_whole
    from depth_models.mapping import open3d, picture

    drawing = out.with_suffix(".png")
    with written_whole(out) as temporary:
        if not open3d().io.write_triangle_mesh(str(temporary), surface.mesh):
            raise OSError("Open3D could not write it")
    with written_whole(drawing) as temporary:
        Image.fromarray(picture(surface)).save(temporary)
    return drawing
