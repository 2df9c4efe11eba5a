"""The thread that answers images: takes the newest, predicts, publishes, counts. Pure."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from depth_estimation_ros.conversions import MessageError
from depth_estimation_ros.model import ModelError
from depth_estimation_ros.pipeline import DepthFrame
from depth_estimation_ros.scheduling import Mailbox, RateLimit
from depth_estimation_ros.statistics import Statistics


class Publishes(Protocol):
    """What the worker needs of an output."""

    def is_wanted(self) -> bool:
        """Does anybody subscribe?"""

    def publish(self, frame: DepthFrame) -> None:
        """Publish a frame, if anybody subscribes."""


class Tells(Protocol):
    """Where the worker says what went wrong; it may leave out what comes too often."""

    def refused(self, text: str) -> None:
        """An image could not be used."""

    def failed(self, text: str) -> None:
        """The model, or anything else that is not the image's fault."""


@dataclass(frozen=True)
class _Arrival:
    image: Any
    time_s: float  # monotonic


class Worker:
    """Runs from its making until `stop`.

    Args:
        predict: an image message to a frame; a `Pipeline` with its camera_info.
        outputs: where frames go.
        statistics: where frames are counted.
        tells: where errors are said.
        ros_time_ns: the clock that stamps are of, nanoseconds; 0 while it does not run.

    Attributes:
        max_age: seconds; an image whose stamp is older is dropped, 0 for none. May be changed at any time.
        max_rate: Hz; images that come faster are dropped, 0 for none. May be changed at any time.
    """

    def __init__(
        self,
        predict: Callable[[Any], DepthFrame],
        outputs: Sequence[Publishes],
        statistics: Statistics,
        tells: Tells,
        ros_time_ns: Callable[[], int],
    ) -> None:
        self.max_age, self.max_rate = 0.0, 0.0
        self._predict, self._outputs, self._statistics = predict, outputs, statistics
        self._tells, self._ros_time_ns = tells, ros_time_ns
        self._mailbox: Mailbox[_Arrival] = Mailbox()
        self._rate_limit = RateLimit()
        self._thread = threading.Thread(target=self._work, name="depth worker")
        self._thread.start()

    def take(self, image: Any) -> None:
        """Have an image answered unless a newer one comes; returns at once."""
        now_s = time.monotonic()
        self._statistics.count("received")
        if not self._rate_limit.allows(now_s, self.max_rate):
            self._statistics.count("dropped", "rate")
        elif self._mailbox.put(_Arrival(image, now_s)):
            self._statistics.count("dropped", "replaced")

    def stop(self) -> None:
        """Return when the image in work is answered; no other will be."""
        if self._mailbox.close():
            self._statistics.count("dropped", "stopped")
        self._thread.join()

    def _work(self) -> None:
        while (arrival := self._mailbox.get()) is not None:
            try:
                self._answer(arrival)
            except MessageError as error:
                self._statistics.count("rejected", error.reason, str(error))
                self._tells.refused(str(error))
            except ModelError as error:
                self._statistics.count("failed", error.reason, str(error))
                self._tells.failed(str(error))
            except Exception as error:  # whatever it is, the next image may be answered
                text = f"no depth for this image: {type(error).__name__}: {error}"
                self._statistics.count("failed", "error", text)
                self._tells.failed(text)

    def _answer(self, arrival: _Arrival) -> None:
        if not any(output.is_wanted() for output in self._outputs):
            self._statistics.count("unheard")
            return
        age_s = self._age_s(arrival.image)
        if self.max_age > 0 and age_s is not None and age_s > self.max_age:
            self._statistics.count("dropped", "stale")
            return
        frame = self._predict(arrival.image)
        for output in self._outputs:
            output.publish(frame)
        age_s = self._age_s(arrival.image)
        latency_ms = (time.monotonic() - arrival.time_s) * 1e3
        self._statistics.published(latency_ms, None if age_s is None else age_s * 1e3, frame.clipped_pixels)

    def _age_s(self, image: Any) -> float | None:
        """None where the stamp says nothing: the clock does not run yet, or has jumped back behind the stamp."""
        now_ns, stamp = self._ros_time_ns(), image.header.stamp
        age_ns = now_ns - (stamp.sec * 1_000_000_000 + stamp.nanosec)
        return age_ns / 1e9 if now_ns > 0 and age_ns >= 0 else None
