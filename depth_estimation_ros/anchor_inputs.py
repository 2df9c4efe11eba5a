"""Subscriptions to what tells the node metres."""

from __future__ import annotations

from functools import partial
from typing import Any

from rclpy.lifecycle import LifecycleNode
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image, PointCloud2, Range

from depth_estimation_ros.anchors import Anchors

TYPES: dict[str, Any] = {"range": Range, "points": PointCloud2, "depth": Image}


class AnchorInputs:
    """Subscribes to `anchor/NAME` for every name of `TYPES`, best effort, which any publisher matches.

    Args:
        node: whose remappings name the topics.
        anchors: where messages go.
    """

    def __init__(self, node: LifecycleNode, anchors: Anchors) -> None:
        self._node = node
        self._subscriptions = [
            node.create_subscription(kind, f"anchor/{name}", partial(anchors.put, name), qos_profile_sensor_data)
            for name, kind in TYPES.items()
        ]

    def destroy(self) -> None:
        """Leave the topics."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
