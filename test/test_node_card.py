"""docs/node.md says what the code does: topics, parameters, counts and diagnostics."""

import re
from pathlib import Path

import pytest

from depth_estimation_ros.anchors import Anchors
from depth_estimation_ros.health import running
from depth_estimation_ros.parameters import DEFAULTS, SPECS, NodeParameters
from depth_estimation_ros.scale_keeper import ScaleKeeper
from depth_estimation_ros.statistics import Statistics

CARD = (Path(__file__).parent.parent / "docs" / "node.md").read_text()


def rows(heading):
    """Cells of the tables of a section, without their heads."""
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", CARD, re.MULTILINE | re.DOTALL).group(1)
    lines = re.findall(r"^\| (`.*) \|$", section, re.MULTILINE)
    return [[cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)] for line in lines]


def names(cells):
    return {name for cell in cells for name in re.findall("`([^`]+)`", cell)}


def test_every_parameter_is_there_with_its_type_default_range_and_description():
    def row(name):
        spec, default = SPECS[name], DEFAULTS[name]
        shown = str(default).lower() if isinstance(default, bool) else str(default)
        allowed = " | ".join(spec.choices) if spec.low is None else f"{spec.low:g} to {spec.high:g}"
        read = "live" if spec.live else "start" if spec.read_only else "configure"
        kind = type(default).__name__
        return [f"`{name}`", kind, f"`{shown}`" if shown else "empty", allowed, read, spec.description]

    assert rows("Parameters") == [row(name) for name in SPECS]


def test_every_topic_is_there_with_its_type():
    pytest.importorskip("rclpy", reason="ROS 2 is not installed: pip install 'depth_estimation_ros[ros]'")
    from depth_estimation_ros.diagnostics import TOPIC
    from depth_estimation_ros.outputs import OUTPUTS

    outputs = {(f"`{o.topic}`", f"out, sensor_msgs/{o.message_type.__name__}") for o in OUTPUTS}
    inputs = {("`image`", "Image"), ("`image/compressed`", "CompressedImage"), ("`camera_info`", "CameraInfo")}
    from depth_estimation_ros.anchor_inputs import TYPES

    inputs |= {(f"`anchor/{name}`", kind.__name__) for name, kind in TYPES.items()}
    expected = outputs | {(name, f"in, sensor_msgs/{kind}") for name, kind in inputs}
    expected |= {(f"`{TOPIC}`", "out, diagnostic_msgs/DiagnosticArray")}
    assert {(topic, kind) for topic, kind, _ in rows("Topics")} == expected


def test_every_value_of_the_diagnostics_is_there():
    statistics, model = Statistics(), dict.fromkeys(("model", "weights", "device", "backend", "precision", "sigma"), "")
    statistics.count("received")
    statistics.published(1.0, 1.0)
    for reason in ("replaced", "stale", "rate", "stopped"):
        statistics.count("dropped", reason)
    statistics.count("unheard")
    facts = running(
        statistics.snapshot(), NodeParameters(), model | ScaleKeeper(True, Anchors(NodeParameters(), print)).facts()
    ).facts
    counts = names(row[0] for row in rows("Scheduling"))
    described = names(row[0] for row in rows("Diagnostics"))
    assert set(facts) <= counts | described
    assert described - set(facts) == {"GPU", "GPU memory (MB)"}
    assert counts - set(facts) == {"rejected (...)", "failed (...)"}
