"""The demo's camera: publishes `image`, `camera_info` and, where there is truth, `truth/depth`, all with one stamp."""

from __future__ import annotations

import argparse
import itertools
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from depth_estimation_ros.conversions import fill_image
from depth_estimation_ros.demo.frames import RATE_HZ, CameraFrame, Source
from depth_estimation_ros.demo.graph import QOS, joined
from depth_estimation_ros.demo.processes import tell
from depth_estimation_ros.demo.sources import open_source
from depth_models.errors import DepthModelsError

SETTLE_S = 0.5  # from the last subscription seen to the first image, and from the last image to the end


class Camera:
    """Plays a source."""

    def __init__(self, node: Node, source: Source) -> None:
        self._source = source
        self._images = node.create_publisher(Image, "image", QOS)
        self._infos = node.create_publisher(CameraInfo, "camera_info", QOS)
        self._truths = node.create_publisher(Image, "truth/depth", QOS) if source.has_truth else None

    def has_audience(self) -> bool:
        """Do the node and the viewer listen?"""
        if self._truths is not None and not self._truths.get_subscription_count():
            return False
        return self._images.get_subscription_count() >= 2 and self._infos.get_subscription_count() >= 1

    def play(self, seconds: float, stop: threading.Event) -> None:
        """Publish at `RATE_HZ`, from the beginning again after the last frame.

        Raises:
            DepthModelsError: a frame cannot be read.
        """
        end = due = time.monotonic()
        end += seconds
        for sent, frame in enumerate(self._endless(), start=1):
            if stop.wait(max(0.0, due - time.monotonic())) or due >= end:
                return
            self.publish(frame)
            tell(sent=sent)
            due = max(due + 1 / RATE_HZ, time.monotonic())  # no burst after a frame that was late

    def _endless(self) -> Iterator[CameraFrame]:
        return itertools.chain.from_iterable(self._source.frames() for _ in itertools.count())

    def publish(self, frame: CameraFrame) -> None:
        """Publish a frame, stamped with the time of now."""
        image, truth = Image(), Image()
        fill_image(image, frame.rgb, "rgb8")
        if frame.truth is not None:
            fill_image(truth, frame.truth, "32FC1")
        header = Header(frame_id="camera_optical_frame")
        header.stamp.sec, header.stamp.nanosec = divmod(time.time_ns(), 1_000_000_000)
        image.header = truth.header = header
        if (c := frame.calibration) is not None:
            # Before its image: the node takes the newest camera_info that it has.
            info = CameraInfo(header=header, width=c.width, height=c.height, distortion_model=c.distortion_model)
            info.k, info.d, info.r, info.p = c.k, c.d, c.r, c.p
            self._infos.publish(info)
        self._images.publish(image)
        if self._truths is not None:
            self._truths.publish(truth)


def main() -> int:
    """Wait for node and viewer, then play."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--input", type=Path)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    with joined("camera") as (node, stop):
        camera = Camera(node, open_source(options.input))
        while not camera.has_audience() and not stop.wait(0.1):
            pass
        stop.wait(SETTLE_S)
        try:
            camera.play(options.seconds, stop)
        except DepthModelsError as error:
            tell(error=str(error))
            return 1
        stop.wait(SETTLE_S)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
