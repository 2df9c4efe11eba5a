"""The doctor's subscriptions: what it keeps of each message."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from depth_estimation_ros.calibration import focal_length, is_distorted
from depth_estimation_ros.conversions import MessageError, image_to_depth, image_to_rgb
from depth_estimation_ros.doctor.observations import DepthSeen, ImageSeen, InfoSeen

# Best effort and volatile match every publisher; long, as it is not the doctor who may lose messages.
QOS = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=50, reliability=ReliabilityPolicy.BEST_EFFORT)
LATTICE_PX = 8  # a median of every 8th row and column will do


class Watch:
    """Subscribes, and notes. Subscribing to depth makes the node compute it.

    Attributes:
        images, infos, depths: in order of arrival.
    """

    def __init__(self, node: Node, image: str, camera_info: str, depth: str, is_compressed: bool) -> None:
        self.images: list[ImageSeen] = []
        self.infos: list[InfoSeen] = []
        self.depths: list[DepthSeen] = []
        self._known: dict[tuple[Any, ...], tuple[int, int, str]] = {}
        node.create_subscription(CompressedImage if is_compressed else Image, image, self._on_image, QOS)
        node.create_subscription(CameraInfo, camera_info, self._on_info, QOS)
        node.create_subscription(Image, depth, self._on_depth, QOS)

    def _on_image(self, message: Any) -> None:
        now, header = time.monotonic(), message.header
        if isinstance(message, Image):
            layout: tuple[Any, ...] = (message.encoding, message.width, message.height, message.step)
        else:
            layout = (message.format,)
        if layout not in self._known:  # decoding every one would cost the doctor images
            self._known[layout] = _decoded(message)
        width, height, refusal = self._known[layout]
        self.images.append(
            ImageSeen(_stamp_ns(header), now, header.frame_id, width, height, len(message.data), refusal)
        )

    def _on_info(self, message: CameraInfo) -> None:
        self.infos.append(
            InfoSeen(
                _stamp_ns(message.header), time.monotonic(), message.header.frame_id, _sizes(message),
                is_calibrated=focal_length(message) is not None, is_distorted=is_distorted(message),
            )
        )  # fmt: skip

    def _on_depth(self, message: Image) -> None:
        now, middle, refusal = time.monotonic(), None, ""
        try:
            metres = image_to_depth(message)[::LATTICE_PX, ::LATTICE_PX]
            if np.isfinite(metres).any():
                middle = float(np.nanmedian(metres))
        except MessageError as error:
            refusal = str(error)
        self.depths.append(DepthSeen(_stamp_ns(message.header), now, message.encoding, middle, refusal))


def _decoded(message: Any) -> tuple[int, int, str]:
    """(width, height, why not)."""
    try:
        height, width = image_to_rgb(message).shape[:2]
    except MessageError as error:
        return getattr(message, "width", 0), getattr(message, "height", 0), str(error)
    return width, height, ""


def _sizes(info: CameraInfo) -> tuple[tuple[int, int], ...]:
    """(width, height) that the image may have: of the region or the whole, binned or not."""
    width, height = info.roi.width or info.width, info.roi.height or info.height
    binned = width // max(1, info.binning_x), height // max(1, info.binning_y)
    return tuple(dict.fromkeys([(width, height), binned]))


def _stamp_ns(header: Any) -> int:
    return header.stamp.sec * 1_000_000_000 + header.stamp.nanosec
