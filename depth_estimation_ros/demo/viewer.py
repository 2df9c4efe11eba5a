"""The demo's viewer: compares depth with the truth of its stamp, and draws some frames when the camera has gone."""

from __future__ import annotations

import argparse
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import Image

from depth_estimation_ros.conversions import image_to_depth, image_to_rgb
from depth_estimation_ros.demo.graph import QOS, joined
from depth_estimation_ros.demo.processes import tell
from depth_estimation_ros.demo.tally import Shot, Tally, picture_path
from depth_models.errors import DepthModelsError
from depth_models.files import written_whole
from depth_models.visualization import Panel, comparison_panels, depth_panel, depth_range, sheet

PERIOD_S = 0.2
DRAIN_S = 1.5  # for the last depth, when the camera has gone


class Viewer:
    """Subscribes to everything. One thread only stores what arrives, so that the work of others delays no arrival."""

    def __init__(self, node: Node, tally: Tally, has_truth: bool) -> None:
        self._node, self._tally, self._has_truth = node, tally, has_truth
        self._inbox: deque[Callable[[], None]] = deque()
        self._depths = node.create_subscription(Image, "depth/image", self._on_depth, QOS)

    def node_is_there(self) -> bool:
        """Does somebody publish depth?"""
        return self._depths.get_publisher_count() > 0

    def watch_camera(self) -> None:
        """Subscribe to the camera's topics, which tells it that the viewer is ready."""
        self._images = self._node.create_subscription(Image, "image", self._on_image, QOS)
        if self._has_truth:
            self._node.create_subscription(Image, "truth/depth", self._on_truth, QOS)

    def camera_is_there(self) -> bool:
        """Does somebody publish images?"""
        return self._images.get_publisher_count() > 0

    def count(self) -> None:
        """Work through what has arrived."""
        while self._inbox:
            self._inbox.popleft()()

    def _on_depth(self, message: Image) -> None:
        arrival_ns = time.time_ns()
        self._inbox.append(lambda: self._tally.depth(_stamp_ns(message), arrival_ns, image_to_depth(message)))

    def _on_image(self, message: Image) -> None:
        self._inbox.append(lambda: self._tally.image(_stamp_ns(message), image_to_rgb(message)))

    def _on_truth(self, message: Image) -> None:
        self._inbox.append(lambda: self._tally.truth(_stamp_ns(message), image_to_depth(message)))


def _stamp_ns(message: Image) -> int:
    return message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec


def view(node: Node, stop: threading.Event, tally: Tally, has_truth: bool) -> None:
    """Keep score until the camera has come and gone, or `stop` is set."""
    viewer = Viewer(node, tally, has_truth)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    spinning = threading.Thread(target=executor.spin, daemon=True)
    spinning.start()

    def count_while(condition: Callable[[], bool]) -> None:
        while condition() and not stop.wait(PERIOD_S):
            viewer.count()
            tell(**tally.score())

    try:
        count_while(lambda: not viewer.node_is_there())
        viewer.watch_camera()
        count_while(lambda: not viewer.camera_is_there())
        count_while(viewer.camera_is_there)
        end = time.monotonic() + DRAIN_S
        count_while(lambda: time.monotonic() < end)
    finally:
        executor.shutdown()
        spinning.join()


def picture(shot: Shot) -> np.ndarray:
    """(H, W, 3) uint8: image, truth, prediction and error; without truth, image and prediction."""
    if shot.truth is None:
        near, far = depth_range(shot.depth)
        return sheet([Panel("Image", shot.rgb), depth_panel("Predicted depth", shot.depth, near, far)])
    return sheet(comparison_panels(shot.rgb, shot.truth, shot.depth), columns=2)


def main() -> int:
    """View, then draw."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--truth", action="store_true")
    options = parser.parse_args()
    tally = Tally(options.seconds, options.truth)
    with joined("viewer") as (node, stop):
        view(node, stop, tally, options.truth)
        if stop.is_set():
            return 0
    paths = [picture_path(options.out, number) for number in range(1, len(tally.shots) + 1)]
    try:
        for path, shot in zip(paths, tally.shots, strict=True):
            with written_whole(path) as temporary:
                temporary.write_bytes(cv2.imencode(".png", picture(shot)[..., ::-1])[1].tobytes())
    except DepthModelsError as error:
        tell(error=str(error))
        return 1
    tell(**tally.score(), pictures=[str(path) for path in paths])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
