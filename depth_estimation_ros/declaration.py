"""Declares the table of `parameters` in a node: descriptions and ranges are then seen by `ros2 param describe`."""

from __future__ import annotations

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node

from depth_estimation_ros.parameters import DEFAULTS, SPECS, NodeParameters, validate

_OWN_PARAMETERS = {"use_sim_time", "start_type_description_service"}  # declared by rclpy in every node


def declare_parameters(node: Node) -> None:
    """Check what the user gave at start, and declare every parameter.

    Args:
        node: made with `automatically_declare_parameters_from_overrides`, so that unknown names are seen.

    Raises:
        ParameterError: a parameter is unknown or out of range.
    """
    given = {k: p.value for k, p in node.get_parameters_by_prefix("").items() if k not in _OWN_PARAMETERS}
    parameters = validate(given)
    for name in given:  # declared from the override, without a description
        node.undeclare_parameter(name)
    for name in SPECS:
        node.declare_parameter(name, getattr(parameters, name), _descriptor(name), ignore_override=True)


def declared_values(node: Node) -> NodeParameters:
    """The values now."""
    return validate({name: node.get_parameter(name).value for name in SPECS})


def _descriptor(name: str) -> ParameterDescriptor:
    spec, default = SPECS[name], DEFAULTS[name]
    descriptor = ParameterDescriptor(
        name=name, description=spec.description, additional_constraints=spec.constraints, read_only=spec.read_only
    )
    if spec.low is not None and spec.high is not None:
        if isinstance(default, float):
            descriptor.floating_point_range = [FloatingPointRange(from_value=spec.low, to_value=spec.high)]
        else:
            descriptor.integer_range = [IntegerRange(from_value=int(spec.low), to_value=int(spec.high), step=1)]
    return descriptor
