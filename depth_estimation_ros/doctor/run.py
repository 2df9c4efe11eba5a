"""`ros2 run depth_estimation_ros depth_doctor`: watches for some seconds, prints the diagnosis."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.utilities import remove_ros_args

from depth_estimation_ros.doctor.diagnosis import diagnose
from depth_estimation_ros.doctor.graph import NAME, Graph
from depth_estimation_ros.doctor.observations import Finding, Observations
from depth_estimation_ros.doctor.watch import Watch
from depth_estimation_ros.joining import join
from depth_models.errors import DepthModelsError

DISCOVERY_S = 5.0  # for the depth node to be found
SETTLING_S = 1.0  # for the others
ANSWER_S = 2.0  # for parameters of other nodes
QUEUES = ("queue_size", "sync_queue_size", "topic_queue_size")  # of image_proc, RTAB-Map, nvblox
OF_THE_NODE = ("rectify", "max_rate")


def observe(node: Node, target: str, seconds: float) -> Observations:
    """Watch the graph.

    Args:
        node: the doctor's own.
        target: the depth node, as a name in any namespace or a full one.
        seconds: of watching, after discovery.

    Raises:
        DepthModelsError: several nodes have this name.
    """
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    try:
        _spin(executor, DISCOVERY_S, lambda: Graph(node, target).is_complete)
        _spin(executor, SETTLING_S)
        graph = Graph(node, target)
        watch = Watch(node, graph.image_topic, graph.camera_info_topic, graph.depth_topic, graph.is_compressed())
        _spin(executor, seconds)
        wanted: dict[str, tuple[str, ...]] = dict.fromkeys(graph.consumers(), QUEUES)
        if graph.depth_node:
            wanted[graph.depth_node] = OF_THE_NODE
        parameters = graph.parameters(wanted)
        _spin(executor, ANSWER_S, parameters.are_complete)
        return graph.observations(seconds, watch, parameters.values())
    finally:
        executor.shutdown()


def _spin(executor: SingleThreadedExecutor, seconds: float, is_done: Callable[[], bool] = lambda: False) -> None:
    deadline = time.monotonic() + seconds
    while (rest := deadline - time.monotonic()) > 0 and not is_done():
        executor.spin_once(timeout_sec=min(rest, 0.1))


def report(seen: Observations, findings: Sequence[Finding]) -> Iterator[str]:
    """What to print, line by line."""
    latency = f", {seen.latency_s * 1e3:.0f} ms after its image" if seen.latency_s is not None else ""
    yield (
        f"watched {seen.node or 'no depth node'} for {seen.duration_s:g} s: {len(seen.images)} images on "
        f"{seen.image_topic} ({seen.image_rate:.1f} Hz), {len(seen.infos)} on {seen.camera_info_topic}, "
        f"{len(seen.depths)} on {seen.depth_topic}{latency}"
    )
    for number, finding in enumerate(findings, start=1):
        yield f"{number}. {finding.name}: {finding.what}"
        yield f"   fix: {finding.fix}"
    if not findings:
        yield "healthy"


def main(args: Sequence[str] | None = None) -> int:
    """Watch, and print what is wrong and how to fix it.

    Returns:
        0 if nothing is wrong, 1 if something is or the graph cannot be watched, 130 when interrupted; 2 for bad usage.
    """
    args = list(sys.argv[1:] if args is None else args)
    parser = argparse.ArgumentParser(
        prog="depth_doctor", description="Says what is wrong between camera, depth node and SLAM, and how to fix it."
    )
    parser.add_argument("--node", default="depth_estimator", help="name of the depth node (default: depth_estimator)")
    parser.add_argument("--seconds", type=_seconds, default=5.0, help="how long to watch (default: 5)")
    options = parser.parse_args(remove_ros_args(["depth_doctor", *args])[1:])
    if status := join("depth_doctor", args):
        return status
    try:
        node = rclpy.create_node(NAME)
    except RuntimeError as error:  # rcl's: the middleware cannot be used as its environment asks for
        print(f"depth_doctor: cannot join ROS: {error}", file=sys.stderr)
        rclpy.try_shutdown()
        return 1
    try:
        seen = observe(node, options.node, options.seconds)
    except DepthModelsError as error:
        parser.error(str(error))
    except (KeyboardInterrupt, ExternalShutdownException):
        return 130
    finally:
        rclpy.try_shutdown()
    findings = diagnose(seen)
    print(*report(seen, findings), sep="\n")
    return 1 if findings else 0


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, such as 5")
    return value
