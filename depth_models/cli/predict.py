"""`depth-models predict`: depth of image files."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from depth_models.cli.arguments import add_json, add_predictor, positive

if TYPE_CHECKING:
    import numpy as np

    from depth_models.types import Depth

HELP = "depth of images: a colour picture, millimetres as 16-bit PNG, metres as NPY"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A checkpoint, images, a folder for the results."""
    add_predictor(parser)
    parser.add_argument("images", metavar="IMAGE", nargs="+", type=Path, help="image files, or folders of them")
    files = "NAME_depth.png, NAME_mm.png, NAME.npy and, if CKPT tells it, NAME_sigma.npy"
    parser.add_argument("--out", type=Path, required=True, help=f"folder for {files}")
    parser.add_argument("--fx", type=positive, help="focal length of the images in their pixels, for right metres")
    parser.add_argument("--fy", type=positive, help="likewise, vertical (default: fx)")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Predict every image; one that cannot be read is named at the end and does not stop the others."""
    import sys

    from tqdm import tqdm

    from depth_models.errors import DepthModelsError
    from depth_models.images import find_images, read_image
    from depth_models.predictor import DepthPredictor

    if args.fx is None and args.fy is not None:
        args.usage_error("--fy was given without --fx; give both, or --fx alone for square pixels")
    names = _distinct([image for path in args.images for image in find_images(path)])
    predictor = DepthPredictor.from_checkpoint(args.checkpoint, args.device, args.backend, args.precision)
    results, failed = [], []
    for name, path in tqdm(names.items(), unit="image"):
        try:
            rgb = read_image(path)
        except DepthModelsError as error:
            failed.append(str(error))
            continue
        depth = predictor(rgb, fx=args.fx, fy=args.fy or args.fx)
        results.append({"image": str(path), **_write(args.out, name, rgb, depth)})
    for reason in failed:
        print(f"depth-models predict: {reason}", file=sys.stderr)
    if args.json:
        print(json.dumps(results, indent=2))
    else:
        print(f"{len(results)} of {len(names)} images done; results in {args.out}")
    return 1 if failed else 0


def _distinct(paths: list[Path]) -> dict[str, Path]:
    """Images by the name of their results: the file's own, with its suffix where two would share it."""
    stems = [path.stem for path in paths]
    names: dict[str, Path] = {}
    for path in paths:
        name = path.stem if stems.count(path.stem) == 1 else path.name.replace(".", "_")
        if path.resolve() != names.setdefault(name, path).resolve():
            name = "_".join(path.resolve().parts[1:]).replace(".", "_")
        names.setdefault(name, path)
    return names


def _write(folder: Path, name: str, rgb: np.ndarray, depth: Depth) -> dict[str, str | float | None]:
    """Write one image's results, each whole or not at all, and describe them."""
    import numpy as np
    from PIL import Image

    from depth_models.files import written_whole
    from depth_models.visualization import Panel, depth_panel, depth_range, sheet

    millimetres = np.rint(np.where(depth.valid, depth.metres, 0) * 1000)
    millimetres = np.where(millimetres <= 65535, millimetres, 0).astype(np.uint16)
    near, far = depth_range(depth.metres)
    picture = sheet([Panel(name, rgb), depth_panel("depth", depth.metres, near, far)])
    files = {"picture": f"{name}_depth.png", "millimetres": f"{name}_mm.png", "metres": f"{name}.npy"}
    with written_whole(folder / files["picture"]) as path:
        Image.fromarray(picture).save(path)
    with written_whole(folder / files["millimetres"]) as path:
        Image.fromarray(millimetres).save(path)
    with written_whole(folder / files["metres"]) as path:
        np.save(path, depth.metres)
    if depth.sigma_metres is not None:
        files["sigma"] = f"{name}_sigma.npy"
        with written_whole(folder / files["sigma"]) as path:
            np.save(path, depth.sigma_metres)
    median = float(np.median(depth.metres[depth.valid])) if depth.valid.any() else None
    return {**{kind: str(folder / file) for kind, file in files.items()}, "median_m": median}
