"""The node's parameters: names, types, defaults, ranges and descriptions in one table. Pure: no rclpy."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from depth_models.backends import BACKENDS, PRECISIONS

ParameterValue = bool | int | float | str


class ParameterError(ValueError):
    """A parameter that the node refuses; the message says what was got, what was expected and how to fix it."""


@dataclass(frozen=True)
class Spec:
    """What a parameter may be.

    Attributes:
        description: one sentence, shown by `ros2 param describe`.
        choices: the allowed values; empty where any is allowed.
        pattern: regular expression that a text must match whole; '' for any.
        low, high: inclusive range of a number.
        live: may change while the node runs; others are read when it is configured.
        read_only: fixed at start.
    """

    description: str
    choices: tuple[str, ...] = ()
    pattern: str = ""
    low: float | None = None
    high: float | None = None
    live: bool = False
    read_only: bool = False

    @property
    def constraints(self) -> str:
        """The allowed values in words; '' where a range says it or any value is allowed."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        return f"matches {self.pattern}" if self.pattern else ""


def _parameter(default: ParameterValue, description: str, **rest: Any) -> Any:
    return field(default=default, metadata={"spec": Spec(description, **rest)})


def _threshold(default: float, level: str, where: str) -> Any:
    return _parameter(default, f"Diagnostics show {level} {where}; 0 is off.", low=0.0, high=3600.0, live=True)


_RELIABILITY = ("reliable", "best_effort")


@dataclass(frozen=True)
class NodeParameters:
    """Checked values of every parameter; the fields are the table that the node declares."""

    model: str = _parameter("unet", "Bundled weights to run; `depth-models networks` lists them.")
    weights: str = _parameter("", "Checkpoint file to run instead of the bundled one of `model`.")
    device: str = _parameter(
        "auto", "auto (a GPU where there is one), cpu, cuda or cuda:N.", pattern=r"auto|cpu|cuda(:\d+)?"
    )
    backend: str = _parameter(
        "auto",
        "What runs the network; auto measures those that are installed when a model is new to the machine.",
        choices=("auto", *BACKENDS),
    )
    precision: str = _parameter(
        "auto",
        "auto is fp16 on a GPU and fp32 on a CPU; int8 is calibrated when a model is new to the machine.",
        choices=("auto", *PRECISIONS),
    )
    threads: int = _parameter(
        0,
        "CPU threads that the network runs on at most; 0 leaves it to the back-end, a thread a core.",
        low=0,
        high=1024,
    )
    depth_encoding: str = _parameter(
        "32FC1",
        "32FC1 is metres with NaN for invalid, 16UC1 is millimetres with 0 for invalid.",
        choices=("32FC1", "16UC1"),
        live=True,
    )
    max_depth: float = _parameter(
        100.0, "Farther depth is published as invalid, metres.", low=0.01, high=1000.0, live=True
    )
    edge_filter: float = _parameter(
        0.0,
        "Depths on an occlusion boundary that belong to neither side become invalid where the sides differ by more "
        "than this part, such as 0.1; 0 is off.",
        low=0.0,
        high=10.0,
        live=True,
    )
    max_relative_sigma: float = _parameter(
        0.0,
        "Depths whose standard deviation is more than this part of them, such as 0.3, become invalid; 0 is off.",
        low=0.0,
        high=10.0,
        live=True,
    )
    steady_scale: bool = _parameter(
        True,
        "Keep the scale of the depth from frame to frame, which otherwise jitters by a per cent or two.",
        live=True,
    )
    camera_height: float = _parameter(
        0.0,
        "Height of the camera over the floor, metres, where it is fixed: an anchor of the scale; 0 is off.",
        low=0.0,
        high=100.0,
        live=True,
    )
    camera_pitch: float = _parameter(
        0.0,
        "Angle of the optical axis below the horizon, radians, right to a degree or so: for camera_height.",
        low=-1.5,
        high=1.5,
        live=True,
    )
    range_pose: str = _parameter(
        "0 0 0 0 0",
        "Where the sensor of anchor/range is in the camera's optical frame: x y z in metres, and how far its beam is "
        "turned right and down from the optical axis, radians.",
        pattern=r"(-?\d*\.?\d+ ){4}-?\d*\.?\d+",
        live=True,
    )
    rectify: bool = _parameter(
        False, "Undistort the image as camera_info says; all outputs are then those of a pinhole camera."
    )
    preview_range: float = _parameter(
        10.0, "Depth of the last colour of depth/preview, metres.", low=0.1, high=1000.0, live=True
    )
    max_age: float = _parameter(
        0.0,
        "Older images (ROS time minus stamp) are dropped, seconds; 0 takes all.",
        low=0.0,
        high=3600.0,
        live=True,
    )
    max_rate: float = _parameter(
        0.0, "Images that come faster are dropped, Hz; 0 takes all.", low=0.0, high=1000.0, live=True
    )
    image_transport: str = _parameter(
        "raw",
        "raw is sensor_msgs/Image on image; compressed is CompressedImage (JPEG or PNG) on image/compressed.",
        choices=("raw", "compressed"),
    )
    image_reliability: str = _parameter(
        "best_effort", "QoS reliability of the image and camera_info subscriptions.", choices=_RELIABILITY
    )
    depth_reliability: str = _parameter("reliable", "QoS reliability of the publishers.", choices=_RELIABILITY)
    depth_queue: int = _parameter(5, "QoS history of the publishers: keep the last N messages.", low=1, high=1000)
    warn_silence: float = _threshold(1.0, "a warning", "from so many seconds without an image on")
    error_silence: float = _threshold(5.0, "an error", "from so many seconds without an image on")
    warn_rate: float = _threshold(0.0, "a warning", "below so many Hz of depth, while images come and anybody listens")
    error_rate: float = _threshold(0.0, "an error", "below so many Hz of depth, while images come and anybody listens")
    warn_latency: float = _threshold(0.5, "a warning", "from so many seconds of latency on (95 % of the images)")
    error_latency: float = _threshold(2.0, "an error", "from so many seconds of latency on (95 % of the images)")
    warn_rejected: float = _threshold(0.01, "a warning", "from such a part of unusable images on")
    error_rejected: float = _threshold(0.5, "an error", "from such a part of unusable images on")
    autostart: bool = _parameter(
        True, "Configure and activate at start; false leaves that to a lifecycle manager.", read_only=True
    )

    @property
    def checkpoint(self) -> str:
        """Name or path that `DepthPredictor.from_checkpoint` takes."""
        # A shell leaves the ~ of `weights:=~/file` as it is.
        return os.path.expanduser(self.weights) or self.model


SPECS: dict[str, Spec] = {f.name: f.metadata["spec"] for f in fields(NodeParameters)}
DEFAULTS: dict[str, ParameterValue] = {f.name: f.default for f in fields(NodeParameters)}  # type: ignore[misc]


def validate(values: Mapping[str, Any]) -> NodeParameters:
    """Check values given by a user; absent ones get their default.

    Args:
        values: parameter values by name. A whole number serves for a real one (`max_depth:=10`).

    Raises:
        ParameterError: unknown name, wrong type, or value out of range.
    """
    for name in values:
        if name not in SPECS:
            close = difflib.get_close_matches(name, SPECS, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise ParameterError(f"unknown parameter {name!r}: {hint}The node has: {', '.join(sorted(SPECS))}")
    return NodeParameters(**{name: _checked(name, value) for name, value in values.items()})


def _checked(name: str, value: Any) -> Any:
    spec = SPECS[name]
    kind: Any = type(DEFAULTS[name])
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:  # bool is an int to isinstance
        raise ParameterError(
            f"parameter {name!r} is {value!r}, a {type(value).__name__}; expected a {kind.__name__}. {spec.description}"
        )
    if spec.choices and value not in spec.choices:
        raise ParameterError(f"parameter {name!r} is {value!r}; expected one of {', '.join(spec.choices)}")
    if spec.pattern and not re.fullmatch(spec.pattern, value):
        raise ParameterError(f"parameter {name!r} is {value!r}; expected a match of {spec.pattern}. {spec.description}")
    if spec.low is not None and spec.high is not None and not spec.low <= value <= spec.high:  # also catches NaN
        raise ParameterError(f"parameter {name!r} is {value}; expected {spec.low} to {spec.high}. {spec.description}")
    return value
