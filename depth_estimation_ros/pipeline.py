"""From messages to what is published, without ROS: decoding, prediction, statistics and the mailbox between threads."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from depth_estimation_ros.conversions import (
    MessageError,
    camera_info_for,
    depth_to_image,
    focal_length,
    image_to_rgb,
)
from depth_models.types import Depth

Item = TypeVar("Item")


@dataclass(frozen=True)
class DepthFrame:
    """Everything about one image that an output may publish.

    Attributes:
        image: the input message.
        rgb: (H, W, 3) uint8, the image decoded.
        depth: (H, W) float32 metres or uint16 millimetres, as `encoding` says.
        encoding: '32FC1' or '16UC1'.
        camera_info: the camera's, fitted to (W, H), its header still its own; None where there is none that fits.
    """

    image: Any
    rgb: np.ndarray
    depth: np.ndarray
    encoding: str
    camera_info: Any | None


class Pipeline:
    """One image message to a `DepthFrame`.

    Args:
        predictor: called as `predictor(rgb, fx=..., fy=...) -> Depth`.
        encoding: '32FC1' or '16UC1'.
        max_depth: metres; may be changed at any time.
        warn: called with a reason when a camera_info cannot be used; the image is then taken without.
    """

    def __init__(
        self, predictor: Callable[..., Depth], encoding: str, max_depth: float, warn: Callable[[str], None]
    ) -> None:
        self.max_depth = max_depth
        self._predictor, self._encoding, self._warn = predictor, encoding, warn

    def __call__(self, image: Any, camera_info: Any | None) -> DepthFrame:
        """Predict.

        Raises:
            MessageError: the image cannot be decoded.
        """
        rgb = image_to_rgb(image)
        height, width = rgb.shape[:2]
        info = self._fitted(camera_info, width, height)
        fx, fy = (focal_length(info) if info is not None else None) or (None, None)
        depth = self._predictor(rgb, fx=fx, fy=fy)
        return DepthFrame(
            image, rgb, depth_to_image(depth.metres, self._encoding, self.max_depth), self._encoding, info
        )

    def _fitted(self, camera_info: Any | None, width: int, height: int) -> Any | None:
        if camera_info is None:
            return None
        try:
            info = camera_info_for(camera_info, width, height)
        except MessageError as error:
            self._warn(f"{error}. It is ignored: depth has no camera_info, and assumes the network's focal length")
            return None
        if focal_length(info) is None:
            self._warn("camera_info has a zero K (not calibrated): depth assumes the network's focal length")
        return info


class Mailbox(Generic[Item]):
    """One slot between two threads: the newest item wins, so that nobody ever works on a stale one."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._item: Item | None = None
        self._closed = False

    def put(self, item: Item) -> bool:
        """Leave an item; returns whether it overwrote one that nobody had taken. A closed mailbox forgets it."""
        with self._condition:
            overwrote = self._item is not None
            self._item = None if self._closed else item
            self._condition.notify()
            return overwrote

    def get(self) -> Item | None:
        """Wait for an item and take it; None once the mailbox is closed."""
        with self._condition:
            self._condition.wait_for(lambda: self._item is not None or self._closed)
            item, self._item = self._item, None
            return None if self._closed else item

    def close(self) -> None:
        """Wake whoever waits, for good."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()


class Statistics:
    """What happened to the frames; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._latencies_ms: deque[float] = deque(maxlen=1000)

    def count(self, event: str) -> None:
        """Count one frame as 'received', 'dropped' (a newer one came first), 'rejected' or 'unheard' (no reader)."""
        with self._lock:
            self._counts[event] += 1

    def published(self, latency_ms: float) -> None:
        """Count a published frame; the latency is from the image's arrival to its depth's departure."""
        with self._lock:
            self._counts["published"] += 1
            self._latencies_ms.append(latency_ms)

    def take_line(self) -> str:
        """One line on everything since the last call, which is then forgotten; '' if no frame came."""
        with self._lock:
            counts, latencies = self._counts, list(self._latencies_ms)
            self._counts, self._latencies_ms = Counter(), deque(maxlen=1000)
        if not counts:
            return ""
        events = ("received", "published", "dropped", "rejected", "unheard")
        line = "frames: " + ", ".join(f"{counts[e]} {e}" for e in events if counts[e] or e in events[:3])
        if latencies:
            p50, p95 = np.percentile(latencies, [50, 95])
            line += f"; latency p50 {p50:.0f} ms, p95 {p95:.0f} ms"
        return line
