"""Publishes the node's health on `/diagnostics`, in every state of its life."""

from __future__ import annotations

from collections.abc import Callable

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode

from depth_estimation_ros.health import Health

TOPIC = "/diagnostics"
PERIOD_S = 1.0


class Diagnostics:
    """Publishes what `health()` gives, every `PERIOD_S` of steady time, which goes on when ROS time stops or jumps."""

    def __init__(self, node: LifecycleNode, health: Callable[[], Health]) -> None:
        self._node, self._health = node, health
        self._publisher = node.create_publisher(DiagnosticArray, TOPIC, 1)
        node.create_timer(PERIOD_S, self._publish, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _publish(self) -> None:
        health, name = self._health(), self._node.get_fully_qualified_name().lstrip("/")
        status = DiagnosticStatus(
            level=bytes([health.level]),
            name=f"{name}: depth",
            message=health.message,
            hardware_id=health.facts.get("device", ""),
            values=[KeyValue(key=key, value=value) for key, value in health.facts.items()],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)
