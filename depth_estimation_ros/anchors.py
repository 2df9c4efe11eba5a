"""What tells the node metres: a range sensor, points or a depth image of known scale, the camera's height. Pure."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

import numpy as np

from depth_estimation_ros.conversions import MessageError, image_to_depth
from depth_estimation_ros.parameters import NodeParameters
from depth_models.scale.anchors import Beam, height_error, point_errors, range_error
from depth_models.scale.consensus import Reading
from depth_models.types import Camera

MOST_APART_S = 0.1  # between an image and what is said of it
KEPT = 100  # messages of a kind at most, and none that is older than the newest by more than
KEPT_S = 2.0  # as long as an image may take without an error in the diagnostics
_ULTRASOUND = 0  # sensor_msgs/Range
_FLOAT32 = 7  # sensor_msgs/PointField


class Anchors:
    """Keeps messages as they come, and says what they tell of an image's depth; for use by several threads.

    Args:
        warn: called with a reason when a message cannot be used.

    Attributes:
        parameters: where the range sensor is, and the camera's height; may be changed at any time.
    """

    def __init__(self, parameters: NodeParameters, warn: Callable[[str], None]) -> None:
        self.parameters, self._warn = parameters, warn
        self._lock = threading.Lock()
        self._messages: dict[str, deque[Any]] = {name: deque(maxlen=KEPT) for name in ("range", "points", "depth")}
        self._refused: Counter[str] = Counter()

    def put(self, name: str, message: Any) -> None:
        """Keep a message: 'range' (sensor_msgs/Range), 'points' (PointCloud2) or 'depth' (Image)."""
        with self._lock:
            messages = self._messages[name]
            while messages and _seconds(message.header.stamp, messages[0].header.stamp) > KEPT_S:
                messages.popleft()
            messages.append(message)

    @property
    def refused(self) -> int:
        """Messages that could not be used."""
        return self._refused.total()

    def readings(self, header: Any, metres: np.ndarray, camera: Camera, is_calibrated: bool) -> list[Reading]:
        """What is known of an image's depth.

        Args:
            header: of the image.
            metres: (H, W) float32 depth as predicted, NaN where invalid.
            camera: of (H, W).
            is_calibrated: `camera` is the image's own; without that only a depth image tells anything.
        """
        readings = []
        tells = {"range": self._range, "points": self._points, "depth": self._depth}
        for name, tell in tells.items():
            message = self._nearest(name, header.stamp)
            if message is None or not (is_calibrated or name == "depth"):
                continue
            try:
                readings.append(tell(message, header, metres, camera))
            except MessageError as error:
                self._refused[name] += 1
                self._warn(f"anchor/{name}: {error}")
        if is_calibrated and self.parameters.camera_height > 0:
            pitch = self.parameters.camera_pitch
            up = (0.0, -float(np.cos(pitch)), -float(np.sin(pitch)))
            by_floor = height_error(metres, camera, self.parameters.camera_height, up)
            readings.append(Reading("camera_height", by_floor, told=None))
        return readings

    def _nearest(self, name: str, stamp: Any) -> Any | None:
        """The message nearest in time, None where none is near."""
        with self._lock:
            messages = list(self._messages[name])
        apart = [abs(_seconds(message.header.stamp, stamp)) for message in messages]
        return messages[int(np.argmin(apart))] if apart and min(apart) <= MOST_APART_S else None

    def _range(self, message: Any, header: Any, metres: np.ndarray, camera: Camera) -> Reading:
        told = float(message.range)
        if not (0 < told < np.inf and message.min_range <= told <= message.max_range):
            return Reading("range", np.empty(0), told=None)  # nothing within its reach
        x, y, z, yaw, pitch = (float(value) for value in self.parameters.range_pose.split())
        direction = (np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch))
        beam = Beam((x, y, z), direction, float(message.field_of_view), message.radiation_type == _ULTRASOUND)
        return Reading("range", range_error(metres, camera, told, beam), float(np.log(told)))

    def _points(self, message: Any, header: Any, metres: np.ndarray, camera: Camera) -> Reading:
        _check_frame(message, header)
        return _reading("points", cloud_points(message), metres, camera)

    def _depth(self, message: Any, header: Any, metres: np.ndarray, camera: Camera) -> Reading:
        _check_frame(message, header)
        known = image_to_depth(message)
        rows, columns = np.nonzero(np.isfinite(known))
        across, down = camera.width / known.shape[1], camera.height / known.shape[0]
        if abs(across / down - 1) > 0.02:
            raise MessageError(
                f"a depth image of {known.shape[1]} x {known.shape[0]} pixels for an image of {camera.width} x "
                f"{camera.height}: it must be registered to the image (depth_image_proc's register node does that)"
            )
        z = known[rows, columns].astype(np.float64)
        x = ((columns + 0.5) * across - 0.5 - camera.cx) / camera.fx * z
        y = ((rows + 0.5) * down - 0.5 - camera.cy) / camera.fy * z
        return _reading("depth", np.stack([x, y, z], axis=1), metres, camera)


def _reading(name: str, points: np.ndarray, metres: np.ndarray, camera: Camera) -> Reading:
    ahead = points[np.isfinite(points).all(axis=1) & (points[:, 2] > 0)]
    told = float(np.log(np.median(ahead[:, 2]))) if len(ahead) else None
    errors, places = point_errors(metres, camera, points)
    return Reading(name, errors, told, places)


def _check_frame(message: Any, header: Any) -> None:
    if message.header.frame_id != header.frame_id:
        raise MessageError(
            f"is in the frame {message.header.frame_id!r} and the image in {header.frame_id!r}: transform it into the "
            "camera's optical frame first"
        )


def _seconds(first: Any, second: Any) -> float:
    return (first.sec - second.sec) + (first.nanosec - second.nanosec) * 1e-9


def cloud_points(message: Any) -> np.ndarray:
    """(N, 3) float64 points of a sensor_msgs/PointCloud2, or of anything with its attributes; NaN stays.

    Raises:
        MessageError: it has no x, y and z of type float32, or fewer bytes than it says.
    """
    fields = {field.name: field for field in message.fields}
    if any(name not in fields or fields[name].datatype != _FLOAT32 for name in "xyz"):
        raise MessageError(f"a cloud with the fields {', '.join(fields) or 'none'}; x, y and z must be float32")
    count, data = message.width * message.height, memoryview(message.data).cast("B")
    whole = message.row_step == message.width * message.point_step
    last = max(fields[name].offset for name in "xyz") + 4
    if not whole or len(data) < count * message.point_step or message.point_step < last:
        raise MessageError(
            f"a cloud of {message.width} x {message.height} points of {message.point_step} bytes, rows of "
            f"{message.row_step}, and {len(data)} bytes of data; the publisher's sizes must agree"
        )
    if not count:
        return np.empty((0, 3))
    kind = np.dtype(">f4" if message.is_bigendian else "<f4")
    columns = [
        np.ndarray((count,), kind, buffer=data, offset=fields[name].offset, strides=(message.point_step,))
        for name in "xyz"
    ]
    return np.stack(columns, axis=1).astype(np.float64)
