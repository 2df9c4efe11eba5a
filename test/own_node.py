"""The node in the tests' own process, where they can look into it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions
from ros_rig import isolated, ros_parameters

from depth_estimation_ros.depth_node import DepthNode


@contextmanager
def node_in_this_process(*parameters: str) -> Iterator[DepthNode]:
    """An unconfigured node, spun by a thread."""
    with isolated():
        rclpy.init(args=ros_parameters(*parameters), signal_handler_options=SignalHandlerOptions.NO)
        node = DepthNode()
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    thread = threading.Thread(target=executor.spin)
    thread.start()
    try:
        yield node
    finally:
        executor.shutdown()
        thread.join()
        node.destroy_node()
        rclpy.shutdown()
