"""What is wrong with a graph that was watched, and how to fix it: observations to findings. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from statistics import median

from depth_estimation_ros.doctor.connections import no_node, no_publisher, qos, types
from depth_estimation_ros.doctor.observations import Endpoint, Finding, Observations, sent_of

# Of messages seen, so that one lost at either end of the watch does not count as a fault.
MOST = 0.8
FEWEST = 5  # messages below which nothing is said about how many match
FARTHEST_M, NEAREST_M = 100.0, 0.1  # a median depth beyond these is in another unit
PROFILE = "FASTDDS_DEFAULT_PROFILES_FILE=share/depth_estimation_ros/config/fastdds.xml"


def diagnose(seen: Observations) -> list[Finding]:
    """All that is wrong, causes before their effects; empty if nothing is."""
    return [finding for check in CHECKS for finding in check(seen)]


def _silent(seen: Observations) -> Iterator[Finding]:
    publishers = _nodes(e for e in seen.publishers if e.topic == seen.image_topic)
    if publishers and not seen.images and not seen.infos:
        yield Finding(
            "silent",
            f"{seen.image_topic}: {publishers} announced it, and no image came in {seen.duration_s:.0f} s",
            "see in the driver's log whether the camera delivers; a lifecycle driver must be active, a bag must play",
        )


def _refused(seen: Observations) -> Iterator[Finding]:
    for refusal in dict.fromkeys(image.refusal for image in seen.images if image.refusal):
        yield Finding(
            "refused", f"{seen.image_topic}: {refusal}", "have the camera driver publish rgb8, or mono8 for grey"
        )


def _geometry(seen: Observations) -> Iterator[Finding]:
    if not seen.images or not seen.infos:
        return
    image, info = seen.images[-1], seen.infos[-1]
    topics = f"{seen.image_topic} and {seen.camera_info_topic}"
    if image.width and (image.width, image.height) not in info.sizes:
        sizes = " or ".join(f"{w} x {h}" for w, h in info.sizes)
        yield Finding(
            "size",
            f"{topics}: the image has {image.width} x {image.height} pixels, and camera_info is of {sizes}",
            "remap camera_info to that of this image (after resizing, image_proc's resize node publishes one)",
        )
    if image.frame_id != info.frame_id:
        yield Finding(
            "frame",
            f"{topics}: the image's frame_id is {image.frame_id!r}, and that of camera_info {info.frame_id!r}",
            "remap camera_info to that of this camera, or set the driver's frame_id to the camera's optical frame",
        )
    stamps = {info.stamp_ns for info in seen.infos}
    matched = sum(image.stamp_ns in stamps for image in seen.images)
    if min(len(seen.images), len(seen.infos)) >= FEWEST and matched < MOST * len(seen.images):
        yield Finding(
            "stamp",
            f"{topics}: {matched} of {len(seen.images)} images have a camera_info of the same stamp, and consumers "
            "that synchronise exactly drop the others",
            "have one driver publish both with one stamp; depth/camera_info always has the stamp of depth/image",
        )


def _calibration(seen: Observations) -> Iterator[Finding]:
    if not seen.infos:
        return
    info = seen.infos[-1]
    if not info.is_calibrated:
        yield Finding(
            "zero K",
            f"{seen.camera_info_topic}: K has no focal length: the camera is not calibrated, and depth assumes the "
            "network's, so its metres are wrong",
            "calibrate (ros2 run camera_calibration cameracalibrator) and give the driver the file (camera_info_url)",
        )
    if info.is_distorted and not seen.rectifies and "image_rect" not in seen.image_topic:
        yield Finding(
            "distorted",
            f"{seen.image_topic}: the lens distorts (D is not zero) and nobody rectifies the image: walls bend",
            "launch the depth node with its parameter rectify true, or feed it image_proc's image_rect",
        )


def _lost(seen: Observations) -> Iterator[Finding]:
    images = {image.stamp_ns for image in seen.images}
    infos = {info.stamp_ns for info in seen.infos}
    belong_together = len(images & infos) >= MOST * len(images)
    sent = sent_of(sorted(images | infos if belong_together else images))
    publishers = [e for e in seen.publishers if e.topic == seen.image_topic]
    if not publishers or len(images) >= MOST * sent or (images and sent < FEWEST):
        return
    what = f"{seen.image_topic}: about {sent - len(images)} of {sent} images were lost on their way"
    largest = max((image.size_bytes for image in seen.images), default=0)
    smallest = min(seen.segments_bytes, default=0)
    if smallest and smallest < max(2 * largest, 1 << 20):
        yield Finding(
            "profile",
            f"{what}: a process at the other end has shared memory of {smallest / 1024:.0f} KB only, the default of "
            "Fast DDS, and not the package's profile",
            f"start the camera driver, and whoever reads images, with {PROFILE} (Jazzy and earlier: FASTRTPS_...)",
        )
    else:
        yield Finding(
            "lost",
            what,
            "lower the camera's rate or size, use compressed images between machines (image_transport compressed), or "
            "make the driver's publisher and the node's image_reliability reliable",
        )


def _no_depth(seen: Observations) -> Iterator[Finding]:
    usable = [image for image in seen.images if not image.refusal]
    if seen.node is not None and len(usable) >= FEWEST and not seen.depths:
        yield Finding(
            "no depth",
            f"{len(usable)} images came and no depth on {seen.depth_topic}",
            f"`ros2 lifecycle get {seen.node}` must say active, else activate it; else see its log and /diagnostics",
        )


def _unit(seen: Observations) -> Iterator[Finding]:
    for refusal in dict.fromkeys(depth.refusal for depth in seen.depths if depth.refusal):
        yield Finding(
            "depth refused", f"{seen.depth_topic}: {refusal}", "publish 32FC1 (metres) or 16UC1 (millimetres)"
        )
    medians = [depth.median_m for depth in seen.depths if depth.median_m is not None]
    if not medians:
        return
    encoding, middle = seen.depths[-1].encoding, median(medians)
    if encoding == "32FC1" and middle > FARTHEST_M:
        said, meant, fix = "metres", "millimetres", "divide by 1000, or publish 16UC1"
    elif encoding == "16UC1" and middle < NEAREST_M:
        said, meant, fix = "millimetres", "metres", "multiply by 1000, or publish 32FC1"
    else:
        return
    yield Finding(
        "unit",
        f"{seen.depth_topic}: the median depth is {middle:.3g} m: {encoding} means {said}, and these look like {meant}",
        f"whoever publishes it must {fix} (REP 118)",
    )


def _slow(seen: Observations) -> Iterator[Finding]:
    rate, latency = seen.image_rate, seen.latency_s
    stamps = [depth.stamp_ns for depth in seen.depths]
    if not stamps or latency is None or rate <= 0:
        return
    # From the first depth to the last, as more may be on its way; all the time where there is only one.
    span = stamps if len(stamps) > 1 else [image.stamp_ns for image in seen.images]
    asked = sum(min(span) <= image.stamp_ns <= max(span) for image in seen.images)
    part = len(set(stamps)) / max(asked, 1)
    wanted = min(1.0, seen.max_rate / rate) if seen.max_rate else 1.0
    if part < MOST * wanted and latency * rate > MOST:
        yield Finding(
            "slow",
            f"the network is too slow for the camera: {part:.0%} of the images at {rate:.1f} Hz have depth, "
            f"{latency * 1e3:.0f} ms late",
            "run it on a GPU (device), choose a smaller network (model), or lower the camera's rate (or max_rate, "
            "which saves power)",
        )


def _queue(seen: Observations) -> Iterator[Finding]:
    if seen.latency_s is None:
        return
    needed = math.ceil(seen.latency_s * seen.image_rate) + 1
    for consumer in seen.consumers:
        if consumer.queue < needed:
            yield Finding(
                "queue",
                f"{consumer.node} pairs {seen.image_topic} with depth and keeps {consumer.queue} images "
                f"({consumer.parameter}); depth comes {seen.latency_s * 1e3:.0f} ms later, {needed - 1} images on, "
                "when its image is forgotten",
                f"set {consumer.parameter} to {needed} or more, or give it the depth node's rgb/image, which comes "
                "together with the depth",
            )


def _nodes(endpoints: Iterable[Endpoint]) -> str:
    return ", ".join(sorted({endpoint.node for endpoint in endpoints}))


CHECKS: tuple[Callable[[Observations], Iterator[Finding]], ...] = (
    no_node, no_publisher, types, qos, _silent, _refused, _geometry, _calibration, _lost, _no_depth, _unit,
    _slow, _queue,
)  # fmt: skip
