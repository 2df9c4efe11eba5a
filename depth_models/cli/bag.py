"""`depth-models bag`: depth for a recorded rosbag2, without ROS."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from functools import cache
from pathlib import Path

from depth_models.cli.arguments import add_device, add_json

HELP = "add depth to a recorded rosbag2, or write its images and depth as files; needs no ROS"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A bag, where the result goes, which topics."""
    parser.add_argument("source", metavar="IN", type=Path, help="rosbag2: its folder, or its .mcap or .db3 file")
    out = parser.add_mutually_exclusive_group(required=True)
    out.add_argument(
        "out", metavar="OUT", nargs="?", type=Path, help="new bag: IN and /depth/image, /depth/camera_info"
    )
    out.add_argument("--to", metavar="DIR", type=Path, help="write images and depth in TUM RGB-D's layout instead")
    parser.add_argument("--checkpoint", metavar="CKPT", default="unet", help="bundled name or file (default: unet)")
    add_device(parser)
    parser.add_argument(
        "--image-topic", metavar="TOPIC", help="Image or CompressedImage (default: the first in colour)"
    )
    parser.add_argument("--camera-info-topic", metavar="TOPIC", help="default: camera_info beside the image topic")
    parser.add_argument("--topics", metavar="TOPIC", nargs="+", help="copy only these into OUT (default: all of IN)")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Predict every image; those that cannot be used are named at the end, and do not stop the others."""
    from tqdm import tqdm

    from depth_estimation_ros.bag import Topics, add_depth, write_files
    from depth_models.predictor import DepthPredictor

    if args.to is not None and args.topics is not None:
        args.usage_error("--topics are copied into a bag, and --to writes none; leave one of them out")

    @cache  # after IN is opened, as that may fail, and a network takes long
    def network() -> DepthPredictor:
        return DepthPredictor.from_checkpoint(args.checkpoint, args.device, args.backend, args.precision)

    topics = Topics(args.image_topic, args.camera_info_topic, args.topics)
    make, out = (add_depth, args.out) if args.to is None else (write_files, args.to)
    with tqdm(unit="image", dynamic_ncols=True) as bar:

        def progress(done: int, images: int) -> None:
            bar.total = images
            bar.update(done - bar.n)

        report = make(args.source, out, lambda rgb, fx, fy: network()(rgb, fx, fy), topics, progress)
    notes = [f"{count} images have no depth: {reason}" for reason, count in report.refused.most_common()]
    if report.camera_info_topic is None:
        notes.append("no camera_info: depth assumes the network's focal length (--camera-info-topic names one)")
    for note in (*notes, *report.warnings):
        print(f"depth-models bag: {note}", file=sys.stderr)
    if args.json:
        print(json.dumps({"out": str(out), **asdict(report)}, indent=2))
    else:
        print(f"{report.depths} of {report.images} images of {report.image_topic} have depth; {out}")
    return 1 if report.refused else 0


def write_folder(source: Path, folder: Path, checkpoint: str, device: str, precision: str) -> Path:
    """A bag's images and a checkpoint's depth of them, as a folder in TUM RGB-D's layout, for verbs that read those.

    Args:
        source: a rosbag2.
        folder: to be made; it is returned.
        checkpoint, device, precision: of `DepthPredictor.from_checkpoint`.

    Raises:
        DepthModelsError: as `write_files`; or there is no camera_info that fits the images.
    """
    from depth_estimation_ros.bag import write_files
    from depth_models.errors import DepthModelsError
    from depth_models.predictor import DepthPredictor

    report = write_files(source, folder, DepthPredictor.from_checkpoint(checkpoint, device, precision=precision))
    if not (folder / "camera.yaml").is_file():
        reasons = "; ".join(report.warnings) or "none beside the image topic"
        raise DepthModelsError(f"{source}: no camera_info of {report.image_topic} can be used ({reasons})")
    for reason, count in report.refused.items():
        print(f"{source}: {count} images have no depth: {reason}", file=sys.stderr)
    return folder
