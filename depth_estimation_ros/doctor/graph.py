"""What ROS tells the doctor about nodes, topics, quality of service and parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rcl_interfaces.srv import GetParameters
from rclpy.node import Node, NodeNameNonExistentError
from rclpy.parameter import parameter_value_to_python
from rclpy.qos import QoSProfile

from depth_estimation_ros.doctor.observations import IMAGE_TYPES, INFO_TYPE, Consumer, Endpoint, Observations, Qos
from depth_estimation_ros.doctor.watch import Watch
from depth_models.errors import DepthModelsError

NAME = "depth_doctor"
_SEGMENT = re.compile(r"/dev/shm/fast(dds|rtps)_[0-9a-f]{16}$")  # others hold ports and locks
FOREVER_NS = 9_000_000_000_000_000_000  # a deadline of more is none


class Graph:
    """The depth node and its topics.

    Args:
        node: the doctor's own; its remappings name the topics where there is no depth node.
        target: name of the depth node.

    Attributes:
        depth_node: full name, or None.
        image_topic, camera_info_topic, depth_topic: full names.
        is_complete: whether a depth node was found together with its topics.

    Raises:
        DepthModelsError: several nodes have this name.
    """

    def __init__(self, node: Node, target: str) -> None:
        self._node = node
        self.depth_node = self._found(target)
        reads = self._topics(node.get_subscriber_names_and_types_by_node)
        writes = self._topics(node.get_publisher_names_and_types_by_node)
        self._own = {*reads, *writes}
        images = {topic: types for topic, types in reads.items() if not topic.endswith("anchor/depth")}
        depths = {topic: types for topic, types in writes.items() if topic.endswith("depth/image")}
        image, info, depth = _first(images, IMAGE_TYPES), _first(reads, (INFO_TYPE,)), _first(depths, IMAGE_TYPES)
        self.is_complete = None not in (image, info, depth)
        self.image_topic = image or node.resolve_topic_name("image")
        self.camera_info_topic = info or node.resolve_topic_name("camera_info")
        self.depth_topic = depth or node.resolve_topic_name("depth/image")

    def _found(self, target: str) -> str | None:
        names = {_full(namespace, name) for name, namespace in self._node.get_node_names_and_namespaces()}
        found = sorted(name for name in names if target in (name, name.rpartition("/")[2]))
        if len(found) > 1:
            raise DepthModelsError(f"several nodes are called {target}: {', '.join(found)}; choose one with --node")
        return found[0] if found else None

    def _topics(self, ask: Any) -> dict[str, list[str]]:
        if self.depth_node is None:
            return {}
        namespace, _, name = self.depth_node.rpartition("/")
        try:
            return dict(ask(name, namespace or "/"))
        except NodeNameNonExistentError:  # it has just left
            return {}

    def is_compressed(self) -> bool:
        """Are the images CompressedImage?"""
        types = {e.type for e in self._endpoints(self._node.get_publishers_info_by_topic, self.image_topic)}
        return IMAGE_TYPES[1] in (types or {t for t in IMAGE_TYPES if self.image_topic.endswith("/compressed")})

    def _endpoints(self, ask: Any, topic: str) -> list[Endpoint]:
        return [
            Endpoint(_full(e.node_namespace, e.node_name), topic, e.topic_type, _qos(e.qos_profile))
            for e in ask(topic)
            if e.node_name != NAME
        ]

    def consumers(self) -> list[str]:
        """Nodes that subscribe to depth and to the camera's own images."""
        depth, images = (
            {e.node for e in self._endpoints(self._node.get_subscriptions_info_by_topic, topic)}
            for topic in (self.depth_topic, self.image_topic)
        )
        return sorted((depth & images) - {self.depth_node})

    def parameters(self, wanted: Mapping[str, Sequence[str]]) -> Answers:
        """Ask nodes for parameters by name; the answers come while the doctor's node spins."""
        return Answers(self._node, wanted)

    def observations(self, seconds: float, watch: Watch, parameters: Mapping[str, Mapping[str, Any]]) -> Observations:
        """Everything that was seen."""
        own = {self.image_topic, self.camera_info_topic, self.depth_topic, *self._own}
        kinds = dict(self._node.get_topic_names_and_types())
        others = {topic for topic, types in kinds.items() if {*types} & {*IMAGE_TYPES, INFO_TYPE}}
        values = parameters.get(self.depth_node or "", {})
        node = self._node
        return Observations(
            duration_s=seconds,
            node=self.depth_node,
            image_topic=self.image_topic,
            camera_info_topic=self.camera_info_topic,
            depth_topic=self.depth_topic,
            publishers=tuple(
                e for t in sorted(own | others) for e in self._endpoints(node.get_publishers_info_by_topic, t)
            ),
            subscribers=tuple(e for t in sorted(own) for e in self._endpoints(node.get_subscriptions_info_by_topic, t)),
            images=tuple(watch.images),
            infos=tuple(watch.infos),
            depths=tuple(watch.depths),
            consumers=tuple(c for name in self.consumers() for c in _shortest(name, parameters.get(name, {}))),
            rectifies=bool(values.get("rectify")),
            max_rate=float(values.get("max_rate") or 0.0),
            segments_bytes=_segments_bytes(),
        )


class Answers:
    """Parameters that were asked for, one by one: to a list with one that is not declared, a node answers nothing."""

    def __init__(self, node: Node, wanted: Mapping[str, Sequence[str]]) -> None:
        self._wanted = wanted
        self._clients: dict[str, Any] = {
            name: node.create_client(GetParameters, f"{name}/get_parameters") for name in wanted
        }
        self._futures: dict[tuple[str, str], Any] = {}

    def are_complete(self) -> bool:
        """Have all answered? Asks those that have become reachable."""
        for name, client in self._clients.items():
            if client.service_is_ready():
                for key in self._wanted[name]:
                    if (name, key) not in self._futures:
                        self._futures[name, key] = client.call_async(GetParameters.Request(names=[key]))
        asked = sum(map(len, self._wanted.values()))
        return len(self._futures) == asked and all(future.done() for future in self._futures.values())

    def values(self) -> dict[str, dict[str, Any]]:
        """{node: {parameter: value}}, of those that are set."""
        answers: dict[str, dict[str, Any]] = {name: {} for name in self._wanted}
        for (name, key), future in self._futures.items():
            if future.done() and future.result() is not None:
                for value in future.result().values:  # one, or none
                    answers[name][key] = parameter_value_to_python(value)
        return answers


def _full(namespace: str, name: str) -> str:
    return f"{namespace.rstrip('/')}/{name}"


def _first(topics: Mapping[str, Sequence[str]], types: Sequence[str]) -> str | None:
    return next((topic for topic, kinds in sorted(topics.items()) if {*kinds} & {*types}), None)


def _shortest(name: str, parameters: Mapping[str, Any]) -> list[Consumer]:
    """The node with its shortest queue, if it has any."""
    queues = [Consumer(name, v, key) for key, v in parameters.items() if isinstance(v, int) and v > 0]
    return sorted(queues, key=lambda consumer: consumer.queue)[:1]


def _qos(profile: QoSProfile) -> Qos:
    deadline_ns = profile.deadline.nanoseconds
    return Qos(
        profile.reliability.name.lower(),
        profile.durability.name.lower(),
        profile.liveliness.name.lower(),
        deadline_ns / 1e9 if 0 < deadline_ns < FOREVER_NS else float("inf"),
    )


def _segments_bytes() -> tuple[int, ...]:
    """Of shared memory that this process has opened: its own, and of those who have sent to it."""
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:  # not Linux
        return ()
    paths = {Path(line.split()[-1]) for line in lines if _SEGMENT.search(line)}
    return tuple(sorted(path.stat().st_size for path in paths if path.is_file()))
