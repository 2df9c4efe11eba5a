"""What the node itself costs beside the network, for one VGA image: decode, copy, publish.

python benchmarks/node_cost.py [CHECKPOINT] [FRAMES]

Every output is subscribed by another process, through the package's Fast DDS profile. CPU milliseconds of the worker's
thread (median), so that other work on the machine does not count. "rgb8 to frame" is all of the pipeline but the
network: decoding, fitting camera_info, depth to 32FC1; a topic's row is making its message and publishing it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from typing import Any

os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
os.environ.setdefault("ROS_DOMAIN_ID", "97")

import cv2
import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from depth_estimation_ros.conversions import fill_image, image_to_rgb
from depth_estimation_ros.edge_filter import without_flying_pixels
from depth_estimation_ros.fastdds import use_profile
from depth_estimation_ros.outputs import OUTPUTS, Output
from depth_estimation_ros.pipeline import Pipeline
from depth_estimation_ros.rectification import Rectifier
from depth_models import DepthPredictor

WIDTH, HEIGHT = 640, 480


def subscribe() -> None:
    """The other process: takes everything."""
    use_profile()
    rclpy.init()
    node = rclpy.create_node("listener")
    for output in OUTPUTS:
        node.create_subscription(output.message_type, output.topic, lambda message: None, 5)
    with suppress(ExternalShutdownException):
        rclpy.spin(node)


def images(rgb: np.ndarray) -> dict[str, Any]:
    """One picture as messages."""
    messages: dict[str, Any] = {}
    for encoding, pixels in (("rgb8", rgb), ("bgr8", rgb[..., ::-1]), ("yuyv", rgb[..., :2]), ("mono8", rgb[..., 0])):
        messages[encoding] = Image()
        fill_image(messages[encoding], pixels, encoding)
    messages["jpeg"] = CompressedImage(format="jpeg")
    messages["jpeg"].data.frombytes(cv2.imencode(".jpg", rgb[..., ::-1])[1].tobytes())
    return messages


def camera_info() -> CameraInfo:
    """Of a VGA camera with a little distortion."""
    info = CameraInfo(width=WIDTH, height=HEIGHT, distortion_model="plumb_bob", d=[-0.1, 0.02, 0.0, 0.0, 0.0])
    info.k = np.array([525.0, 0, 319.5, 0, 525.0, 239.5, 0, 0, 1])
    info.r = np.eye(3).ravel()
    info.p = np.array([525.0, 0, 319.5, 0, 0, 525.0, 239.5, 0, 0, 0, 1, 0])
    return info


class Stopwatch:
    """CPU milliseconds of this thread, by what they were spent on."""

    def __init__(self) -> None:
        self.times_ms: dict[str, list[float]] = defaultdict(list)

    def __call__(self, name: str, work: Callable[..., Any], *arguments: Any) -> Any:
        """Do some work and note what it took."""
        start_s = time.thread_time()
        result = work(*arguments)
        self.times_ms[name].append((time.thread_time() - start_s) * 1e3)
        return result

    def median_ms(self, name: str) -> float:
        """Of all times noted under a name."""
        return float(np.median(self.times_ms[name]))


def measure(frames: int, predictor: DepthPredictor, outputs: list[Output]) -> Stopwatch:
    """Do what the worker does, piece by piece."""
    rng, watch = np.random.default_rng(0), Stopwatch()
    rgb = cv2.resize(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    messages, info, rectifier = images(rgb), camera_info(), Rectifier()
    rectifier(rgb, info)  # makes the maps
    for _ in range(frames):
        for name, message in messages.items():
            watch(f"decode {name}", image_to_rgb, message)
        watch("rectify", rectifier, rgb, info)
        depth = watch("network", predictor, rgb, 525.0, 525.0)
        watch("edge filter", without_flying_pixels, depth.metres, 0.1)
        pipeline = Pipeline(lambda *_, depth=depth, **__: depth, "32FC1", 100.0, lambda reason: None)
        frame = watch("rgb8 to frame", pipeline, messages["rgb8"], info)
        for output in outputs:
            watch(output.topic, output.publish, frame)
    return watch


def main() -> None:
    """Print the table."""
    checkpoint, frames = (*sys.argv[1:], *("unet", "30")[len(sys.argv) - 1 :])
    use_profile()
    rclpy.init()
    node = LifecycleNode("node_cost")
    node.declare_parameter("preview_range", 10.0)
    outputs = [output(node, 5) for output in OUTPUTS]
    node.trigger_configure()
    node.trigger_activate()
    environment = {k: v for k, v in os.environ.items() if k != "_ROS_WHEELS_BOOTSTRAP_COMPLETE"}
    listener = subprocess.Popen([sys.executable, __file__, "subscribe"], env=environment)
    try:
        while not all(output.is_wanted() for output in outputs):
            time.sleep(0.1)
        watch = measure(int(frames), DepthPredictor.from_checkpoint(checkpoint), outputs)
    finally:
        listener.terminate()
        listener.wait()
        node.destroy_node()
        rclpy.shutdown()
    print(f"{frames} frames of {WIDTH}x{HEIGHT}, {checkpoint}\n{'':28}{'CPU ms':>8}{'of network':>12}")
    network_ms = watch.median_ms("network")
    for name in watch.times_ms:
        print(f"{name:<28}{watch.median_ms(name):>8.2f}{watch.median_ms(name) / network_ms:>12.1%}")
    four = ["rgb8 to frame", "depth/image", "depth/camera_info", "rgb/image", "rgb/camera_info"]
    own_ms = sum(watch.median_ms(name) for name in four)
    print(f"{'the four RGB-D topics':<28}{own_ms:>8.2f}{own_ms / network_ms:>12.1%}")


if __name__ == "__main__":
    subscribe() if sys.argv[1:] == ["subscribe"] else main()
