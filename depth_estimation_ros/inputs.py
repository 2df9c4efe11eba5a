"""What the node subscribes to: images, raw or compressed, and the camera's calibration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, CompressedImage, Image


class Inputs:
    """Subscriptions to one camera.

    Args:
        node: whose remappings name the topics.
        transport: 'raw' or 'compressed'.
        qos: of both subscriptions.
        take: called with every image.

    Attributes:
        image_topic: resolved name.
        camera_info: the newest; None until one comes.
    """

    def __init__(self, node: LifecycleNode, transport: str, qos: QoSProfile, take: Callable[[Any], None]) -> None:
        self._node = node
        self.camera_info: CameraInfo | None = None
        self.image_topic = node.resolve_topic_name("image")
        image_type: Any = Image
        if transport == "compressed":
            # image_transport names it after the resolved base topic, so one remapping of `image` serves all transports.
            image_type, self.image_topic = CompressedImage, f"{self.image_topic}/compressed"
        self._subscriptions = [
            node.create_subscription(image_type, self.image_topic, take, qos),
            node.create_subscription(CameraInfo, "camera_info", self._remember, qos),
        ]

    def _remember(self, message: CameraInfo) -> None:
        self.camera_info = message

    def destroy(self) -> None:
        """Leave the topics."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
