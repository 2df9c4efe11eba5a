"""What the doctor saw of a live graph, and what it says of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from statistics import median

BREAK_PERIODS = 30  # a longer gap between images is a pause, or a recording that starts again
IMAGE_TYPES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
INFO_TYPE = "sensor_msgs/msg/CameraInfo"


@dataclass(frozen=True)
class Finding:
    """Something that is wrong.

    Attributes:
        name: of the diagnosis.
        what: is wrong, with whom and by how much.
        fix: how to.
    """

    name: str
    what: str
    fix: str


@dataclass(frozen=True)
class Qos:
    """What discovery tells of an endpoint's quality of service; it does not tell the length of the queue.

    Attributes:
        reliability: 'reliable' or 'best_effort'.
        durability: 'volatile' or 'transient_local'.
        liveliness: 'automatic' or 'manual_by_topic'.
        deadline_s: inf for none.
    """

    reliability: str = "reliable"
    durability: str = "volatile"
    liveliness: str = "automatic"
    deadline_s: float = float("inf")


@dataclass(frozen=True)
class Endpoint:
    """A publisher or a subscription: its node and topic (full names), its message type, such as those above."""

    node: str
    topic: str
    type: str
    qos: Qos = Qos()


@dataclass(frozen=True)
class ImageSeen:
    """An image; width and height in pixels, 0 if unknown. `refusal` is why it cannot be used, '' if it can."""

    stamp_ns: int
    arrival_s: float
    frame_id: str
    width: int
    height: int
    size_bytes: int
    refusal: str = ""


@dataclass(frozen=True)
class InfoSeen:
    """A camera_info; `sizes` are those (width, height) that its image may have, by its binning and region."""

    stamp_ns: int
    arrival_s: float
    frame_id: str
    sizes: tuple[tuple[int, int], ...]
    is_calibrated: bool
    is_distorted: bool


@dataclass(frozen=True)
class DepthSeen:
    """A depth image; `median_m` of the pixels that are a depth, taking the encoding at its word, None if none is."""

    stamp_ns: int
    arrival_s: float
    encoding: str
    median_m: float | None
    refusal: str = ""


@dataclass(frozen=True)
class Consumer:
    """A node that pairs the camera's own images with depth, and how many it keeps by which of its parameters."""

    node: str
    queue: int
    parameter: str


@dataclass(frozen=True)
class Observations:
    """Everything that was seen in `duration_s`; times of arrival are of one monotonic clock.

    Attributes:
        node: full name of the depth node; None if there is none.
        image_topic, camera_info_topic, depth_topic: that it uses.
        publishers, subscribers: of these topics, of the node's other topics, and of other images; without the doctor.
        images, infos, depths: in order of arrival.
        consumers: with a queue that is known.
        rectifies, max_rate: parameters of the depth node.
        segments_bytes: sizes of Fast DDS's shared memory of the doctor and of those who send to it.
    """

    duration_s: float
    node: str | None
    image_topic: str
    camera_info_topic: str
    depth_topic: str
    publishers: tuple[Endpoint, ...] = ()
    subscribers: tuple[Endpoint, ...] = ()
    images: tuple[ImageSeen, ...] = ()
    infos: tuple[InfoSeen, ...] = ()
    depths: tuple[DepthSeen, ...] = ()
    consumers: tuple[Consumer, ...] = ()
    rectifies: bool = False
    max_rate: float = 0.0
    segments_bytes: tuple[int, ...] = ()

    @property
    def image_rate(self) -> float:
        """Of the camera, Hz; by its camera_info where more of these came, as they are small; 0 if unknown."""
        return max(rate([m.arrival_s for m in self.images]), rate([m.arrival_s for m in self.infos]))

    @property
    def latency_s(self) -> float | None:
        """Median time from an image's arrival to its depth's, seconds; None if no pair came."""
        arrivals = {image.stamp_ns: image.arrival_s for image in self.images}
        times = [d.arrival_s - arrivals[d.stamp_ns] for d in self.depths if d.stamp_ns in arrivals]
        return median(times) if times else None


def rate(times_s: list[float]) -> float:
    """Hz, of ascending times in seconds; 0 for fewer than two."""
    span_s = times_s[-1] - times_s[0] if len(times_s) > 1 else 0.0
    return (len(times_s) - 1) / span_s if span_s > 0 else 0.0


def sent_of(stamps_ns: list[int]) -> int:
    """How many messages a periodic camera sent, if these arrived.

    Args:
        stamps_ns: different and ascending; where they are few, no more is claimed than arrived.
    """
    gaps_ns = [after - before for before, after in pairwise(stamps_ns)]
    if len(gaps_ns) < 4:
        return len(stamps_ns)
    # Whatever was lost, some messages followed each other; their stamps jitter.
    short_ns = sorted(gaps_ns)[len(gaps_ns) // 10]
    period_ns = median(gap for gap in gaps_ns if gap < 1.8 * short_ns)
    return 1 + sum(round(gap / period_ns) if gap < BREAK_PERIODS * period_ns else 1 for gap in gaps_ns)
