"""A live graph for the doctor: a camera, a stand-in for the depth node, and the doctor's look at them."""

import threading
import time

import numpy as np
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile, ReliabilityPolicy
from ros_rig import camera_info, isolated
from sensor_msgs.msg import CameraInfo, Image

from depth_estimation_ros.anchor_inputs import TYPES
from depth_estimation_ros.conversions import fill_image
from depth_estimation_ros.doctor.diagnosis import diagnose
from depth_estimation_ros.doctor.run import observe, report

RELIABLE = QoSProfile(depth=5)
BEST_EFFORT = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
RATE_HZ = 20.0
WIDTH, HEIGHT = 64, 48


class Graph:
    """Nodes of one context, spun by a thread."""

    def __init__(self):
        self.context = Context()
        with isolated():
            rclpy.init(context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self._thread = threading.Thread(target=self.executor.spin, daemon=True)

    def node(self, name):
        with isolated():
            node = rclpy.create_node(name, context=self.context)
        self.executor.add_node(node)
        return node

    def start(self):
        if not self._thread.is_alive():
            self._thread.start()

    def watched(self, seconds=1.0):
        """Names of the findings, and what and fix in one text."""
        self.start()
        context = Context()
        with isolated():
            rclpy.init(context=context)
            node = rclpy.create_node("depth_doctor", context=context)
        try:
            seen = observe(node, "depth_estimator", seconds)
        finally:
            node.destroy_node()
            rclpy.shutdown(context=context)
        assert not any(end.node == "/depth_doctor" for end in (*seen.publishers, *seen.subscribers))
        findings = diagnose(seen)
        return [finding.name for finding in findings], "\n".join(report(seen, findings))

    def close(self):
        self.executor.shutdown()
        if self._thread.is_alive():
            self._thread.join(timeout=10)
        rclpy.shutdown(context=self.context)


def good_info():
    info = camera_info(WIDTH, HEIGHT)
    info.d, info.header.frame_id = [0.0] * 5, "optical"
    return info


class Camera:
    """Publishes grey images of one stamp and frame with `info`; `image` and `info` may be changed in place."""

    def __init__(self, graph, qos=RELIABLE, is_silent=False):
        node = graph.node("camera")
        self.info, self.image = good_info(), Image()
        self.image.header.frame_id = "optical"
        fill_image(self.image, np.full((HEIGHT, WIDTH, 3), 90, np.uint8), "rgb8")
        self.info_delay_ns, self._count = 0, 0
        self._images = node.create_publisher(Image, "image", qos)
        self._infos = node.create_publisher(CameraInfo, "camera_info", qos)
        if not is_silent:
            node.create_timer(1 / RATE_HZ, self._publish)

    def _publish(self):
        self._count += 1
        stamp_ns = self._count * round(1e9 / RATE_HZ)
        for message, ns in ((self.info, stamp_ns + self.info_delay_ns), (self.image, stamp_ns)):
            message.header.stamp.sec, message.header.stamp.nanosec = divmod(ns, 1_000_000_000)
        self._infos.publish(self.info)
        self._images.publish(self.image)


class Depth:
    """A stand-in for the node: answers every `every`-th image after `delay_s` with depth of one value."""

    def __init__(self, graph, qos=BEST_EFFORT, image_type=Image, value=2.0, dtype=np.float32, delay_s=0.0, every=1):
        self.node = node = graph.node("depth_estimator")
        node.create_subscription(image_type, "image", self._on_image, qos)
        node.create_subscription(CameraInfo, "camera_info", lambda _: None, qos)
        for name, kind in TYPES.items():
            node.create_subscription(kind, f"anchor/{name}", lambda _: None, BEST_EFFORT)
        self._publisher = node.create_publisher(Image, "depth/image", RELIABLE)
        self._pixels = np.full((HEIGHT, WIDTH), value, dtype)
        self._delay_s, self._every, self._count, self._due = delay_s, every, 0, []
        node.create_timer(0.01, self._publish)

    def _on_image(self, message):
        self._count += 1
        if self._count % self._every == 0:
            self._due.append((time.monotonic() + self._delay_s, message.header))

    def _publish(self):
        while self._due and self._due[0][0] <= time.monotonic():
            message = Image(header=self._due.pop(0)[1])
            fill_image(message, self._pixels, "32FC1" if self._pixels.dtype == np.float32 else "16UC1")
            self._publisher.publish(message)
