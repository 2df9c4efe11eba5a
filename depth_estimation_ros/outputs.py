"""What the node publishes: one class per topic. A new topic is a new class here and its name in `OUTPUTS`."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image

from depth_estimation_ros.conversions import fill_image
from depth_estimation_ros.pipeline import DepthFrame


class Output(ABC):
    """A topic made from a `DepthFrame`.

    Attributes:
        topic: relative name.
        message_type: its ROS type.
    """

    topic: ClassVar[str]
    message_type: ClassVar[type]

    def __init__(self, node: LifecycleNode, qos: QoSProfile) -> None:
        self._node = node
        self._publisher: Any = node.create_lifecycle_publisher(self.message_type, self.topic, qos)

    @abstractmethod
    def message(self, frame: DepthFrame) -> Any | None:
        """The message for a frame, its header that of the image; None if this frame has none."""

    def is_wanted(self) -> bool:
        """Does anybody subscribe?"""
        return self._publisher.get_subscription_count() > 0

    def publish(self, frame: DepthFrame) -> None:
        """Publish a frame, if anybody subscribes."""
        if self.is_wanted() and (message := self.message(frame)) is not None:
            self._publisher.publish(message)

    def destroy(self) -> None:
        """Take the topic off the graph."""
        self._node.destroy_lifecycle_publisher(self._publisher)


class DepthImage(Output):
    """Depth in the image's size; 32FC1 metres or 16UC1 millimetres (REP 118)."""

    topic = "depth/image"
    message_type = Image

    def message(self, frame: DepthFrame) -> Image:
        message = Image(header=frame.image.header)
        fill_image(message, frame.depth, frame.encoding)
        return message


class DepthCameraInfo(Output):
    """The camera_info of `depth/image`; silent while the camera has none."""

    topic = "depth/camera_info"
    message_type = CameraInfo

    def message(self, frame: DepthFrame) -> CameraInfo | None:
        if frame.camera_info is None:
            return None
        message = copy.copy(frame.camera_info)
        message.header = frame.image.header
        return message


OUTPUTS: tuple[type[Output], ...] = (DepthImage, DepthCameraInfo)
