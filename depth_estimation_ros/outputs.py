"""What the node publishes: one class per topic. A new topic is a new class here and its name in `OUTPUTS`."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image, PointCloud2, PointField

from depth_estimation_ros.calibration import focal_length
from depth_estimation_ros.conversions import fill_image
from depth_estimation_ros.pipeline import NO_SIGMA, DepthFrame
from depth_estimation_ros.points import POINT_BYTES, organised_points
from depth_estimation_ros.preview import preview


class Output(ABC):
    """A topic made from a `DepthFrame`, while anybody subscribes.

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


class RgbImage(Output):
    """The very image that the depth belongs to, rgb8: both come at one rate, so no synchroniser's queue overflows."""

    topic = "rgb/image"
    message_type = Image

    def message(self, frame: DepthFrame) -> Image:
        message = Image(header=frame.image.header)
        fill_image(message, frame.rgb, "rgb8")
        return message


class RgbCameraInfo(DepthCameraInfo):
    """The camera_info of `rgb/image`: that of the depth."""

    topic = "rgb/camera_info"


class DepthPreview(Output):
    """Depth in colours, rgb8: dark blue is near, bright yellow is `preview_range` or farther, grey is invalid."""

    topic = "depth/preview"
    message_type = Image

    def message(self, frame: DepthFrame) -> Image:
        message = Image(header=frame.image.header)
        fill_image(message, preview(frame.metres, self._node.get_parameter("preview_range").value), "rgb8")
        return message


class DepthPoints(Output):
    """An organised cloud of x, y, z, rgb, NaN where invalid; silent while there is no calibration."""

    topic = "depth/points"
    message_type = PointCloud2
    _FIELDS: ClassVar = [
        PointField(name=name, offset=4 * i, datatype=PointField.FLOAT32, count=1)
        for i, name in enumerate(("x", "y", "z", "rgb"))
    ]

    def message(self, frame: DepthFrame) -> PointCloud2 | None:
        if frame.camera_info is None or focal_length(frame.camera_info) is None:
            return None
        cloud = organised_points(frame.metres, frame.rgb, frame.camera_info.k)
        height, width = cloud.shape[:2]
        message = PointCloud2(
            header=frame.image.header, height=height, width=width, fields=self._FIELDS, is_bigendian=False,
            point_step=POINT_BYTES, row_step=POINT_BYTES * width, is_dense=False,
        )  # fmt: skip
        message.data.frombytes(cloud.data.cast("B"))
        return message


class DepthSigma(Output):
    """Standard deviation of the depth, 32FC1 metres, NaN where the depth is invalid; silent if the model tells none."""

    topic = "depth/sigma"
    message_type = Image

    def message(self, frame: DepthFrame) -> Image | None:
        sigma = frame.sigma
        if sigma is None:
            self._node.get_logger().warning(f"{self.topic} stays silent: {NO_SIGMA}", once=True)
            return None
        message = Image(header=frame.image.header)
        fill_image(message, sigma, "32FC1")
        return message


# The four of an RGB-D reader first, next to each other.
OUTPUTS: tuple[type[Output], ...] = (
    DepthImage, DepthCameraInfo, RgbImage, RgbCameraInfo, DepthPoints, DepthPreview, DepthSigma
)  # fmt: skip
