"""What is wrong with who is on the graph and how they are connected, whatever they send. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from depth_estimation_ros.doctor.observations import IMAGE_TYPES, INFO_TYPE, Endpoint, Finding, Observations


def no_node(seen: Observations) -> Iterator[Finding]:
    """No depth node, or one that is not configured."""
    if seen.node is None:
        yield Finding(
            "no node",
            "no depth node is on the graph",
            "start it (ros2 launch depth_estimation_ros depth.launch.py); if it runs, give this shell its "
            "ROS_DOMAIN_ID and ROS_AUTOMATIC_DISCOVERY_RANGE, or name it (--node) if it was renamed",
        )
    elif not any(endpoint.node == seen.node and endpoint.type in IMAGE_TYPES for endpoint in seen.subscribers):
        yield Finding(
            "not configured",
            f"{seen.node} subscribes to no image: it is not configured",
            f"see why in its log; then `ros2 lifecycle set {seen.node} configure`, and `activate`",
        )


def no_publisher(seen: Observations) -> Iterator[Finding]:
    """Nobody publishes what the node subscribes to."""
    for name, topic, types in (
        ("image", seen.image_topic, IMAGE_TYPES),
        ("camera_info", seen.camera_info_topic, (INFO_TYPE,)),
    ):
        publishers = [e for e in seen.publishers if e.topic == topic]
        if publishers:
            continue
        others = sorted({e.topic for e in seen.publishers if e.type in types and e.node != seen.node})
        remap = f"; {', '.join(others)} has publishers: launch with {name}:={others[0]}" if others else ""
        effect = "" if name == "image" else " (depth then assumes the network's focal length, so its metres are wrong)"
        yield Finding(
            "no publisher", f"nobody publishes {topic}{effect}", f"start the camera driver, or remap {name}{remap}"
        )


def types(seen: Observations) -> Iterator[Finding]:
    """Both ends of a topic have different types."""
    for publisher, subscriber in _pairs(seen):
        if publisher.type != subscriber.type:
            yield Finding(
                "type",
                f"{publisher.topic}: {publisher.node} publishes {publisher.type} and {subscriber.node} expects "
                f"{subscriber.type}; nothing arrives",
                "remap one of them; for compressed images set the node's image_transport to compressed",
            )


def qos(seen: Observations) -> Iterator[Finding]:
    """Both ends of a topic have quality of service that cannot match."""
    for publisher, subscriber in _pairs(seen):
        offered, requested = publisher.qos, subscriber.qos
        for policy, is_short in (
            ("reliability", offered.reliability == "best_effort" and requested.reliability == "reliable"),
            ("durability", offered.durability == "volatile" and requested.durability == "transient_local"),
            ("deadline", offered.deadline_s > requested.deadline_s),
            ("liveliness", offered.liveliness == "automatic" and requested.liveliness == "manual_by_topic"),
        ):
            if publisher.type == subscriber.type and is_short:
                have, want = getattr(offered, _field(policy)), getattr(requested, _field(policy))
                yield Finding(
                    "qos",
                    f"{publisher.topic}: {publisher.node} offers {policy} {have} and {subscriber.node} requests "
                    f"{want}; they do not match, and nothing arrives",
                    f"set {policy} of {subscriber.node} to {have}, or that of {publisher.node} to {want} (of the depth "
                    "node: parameters image_reliability, depth_reliability)",
                )


def _field(policy: str) -> str:
    return "deadline_s" if policy == "deadline" else policy


def _pairs(seen: Observations) -> Iterator[tuple[Endpoint, Endpoint]]:
    for publisher in seen.publishers:
        for subscriber in seen.subscribers:
            if publisher.topic == subscriber.topic:
                yield publisher, subscriber
