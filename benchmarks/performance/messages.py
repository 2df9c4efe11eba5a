"""From an image message to a depth message: the network alone, a typical node, and this package on each back-end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from sensor_msgs.msg import CameraInfo, Image
from typical_node import TypicalNode
from ways import Way

from depth_estimation_ros.conversions import fill_image
from depth_estimation_ros.pipeline import Pipeline
from depth_models.backends.choice import latencies_ms, load
from depth_models.backends.parity import patterns
from depth_models.bench import REFERENCE, Subject
from depth_models.checkpoint import Checkpoint
from depth_models.predictor import DepthPredictor

HEIGHT, WIDTH, FOCAL_PX = 480, 640, 525.0
ALONE, TYPICAL = "the network alone, eager PyTorch fp32", "typical Python node, eager PyTorch fp32"


def measure(subject: Subject, ways: Sequence[Way], threads: int, rounds: int) -> dict[str, Any]:
    """Milliseconds (p50, p95) of each, in turns on the same image, and how many times as fast as both yardsticks."""
    checkpoint = subject.checkpoint()
    image, info = _messages()
    runs = _runs(checkpoint, ways, threads, info)
    times = latencies_ms(runs, image, range(rounds))
    return {
        "rows": [
            {
                "what": name,
                "p50": float(np.median(own)),
                "p95": float(np.percentile(own, 95)),
                "to_alone": float(np.median(times[ALONE] / own)),
                "to_typical": float(np.median(times[TYPICAL] / own)),
            }
            for name, own in times.items()
        ],
        "image": f"{WIDTH}x{HEIGHT} rgb8",
        "canvas": f"{checkpoint.preprocess.height}x{checkpoint.preprocess.width}",
        "rounds": rounds,
    }


def _runs(
    checkpoint: Checkpoint, ways: Sequence[Way], threads: int, info: CameraInfo
) -> dict[str, Callable[[Image], Any]]:
    """By title, what takes the message. All hold their network ready."""
    pre = checkpoint.preprocess
    eager = load(checkpoint, REFERENCE[0], "cpu", REFERENCE[1], threads)
    canvas = patterns(1, pre.height, pre.width)
    runs: dict[str, Callable[[Image], Any]] = {
        ALONE: lambda _: eager(canvas),
        TYPICAL: TypicalNode(checkpoint.build(), pre),
    }
    for backend, precision in ways:
        predictor = DepthPredictor(checkpoint, "cpu", backend, precision, threads)
        runs[f"this package, {backend} {precision}"] = _ours(predictor, info)
    return runs


def _ours(predictor: DepthPredictor, info: CameraInfo) -> Callable[[Image], Image]:
    """What the node's worker does, without publishing."""
    pipeline = Pipeline(predictor, "32FC1", 100.0, lambda reason: None)

    def run(image: Image) -> Image:
        frame = pipeline(image, info)
        message = Image(header=image.header)
        fill_image(message, frame.depth, frame.encoding)
        return message

    return run


def _messages() -> tuple[Image, CameraInfo]:
    """A VGA image and its calibration."""
    rgb = cv2.GaussianBlur(patterns(1, HEIGHT, WIDTH)[0], (5, 5), 0)
    image = Image()
    fill_image(image, rgb, "rgb8")
    info = CameraInfo(width=WIDTH, height=HEIGHT, distortion_model="plumb_bob", d=[0.0] * 5)
    info.k = np.array([FOCAL_PX, 0, (WIDTH - 1) / 2, 0, FOCAL_PX, (HEIGHT - 1) / 2, 0, 0, 1])
    info.p = np.array([FOCAL_PX, 0, (WIDTH - 1) / 2, 0, 0, FOCAL_PX, (HEIGHT - 1) / 2, 0, 0, 0, 1, 0])
    info.r = np.eye(3).ravel()
    return image, info
