"""How the demo's camera and viewer join the ROS graph."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import rclpy
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions

from depth_estimation_ros.demo.processes import NAMESPACE
from depth_estimation_ros.fastdds import use_profile

# Reliable, so that the pictures that are counted and drawn are complete; the node's own subscription is best effort.
QOS = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=20, reliability=ReliabilityPolicy.RELIABLE)


@contextmanager
def joined(name: str) -> Iterator[tuple[Node, threading.Event]]:
    """A node of the demo, and the event that SIGTERM or SIGINT sets; both are cleaned up after the block."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    use_profile()
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node(name, namespace=NAMESPACE)
    try:
        yield node, stop
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
