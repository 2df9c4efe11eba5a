"""The node's parameters: what is accepted, and the reason for what is not."""

import math
from pathlib import Path

import pytest
import yaml

from depth_estimation_ros.parameters import DEFAULTS, SPECS, NodeParameters, ParameterError, validate


def test_nothing_given_means_the_defaults_and_they_are_valid():
    assert validate({}) == NodeParameters() == validate(DEFAULTS)
    assert validate({}).checkpoint == "unet"


def test_a_checkpoint_in_the_users_home_is_found_where_no_shell_has_replaced_the_tilde(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert validate({"weights": "~/best.safetensors"}).checkpoint == "/home/me/best.safetensors"


def test_given_values_are_taken():
    parameters = validate({"weights": "/a/b", "max_depth": 10, "device": "cuda:1", "autostart": False})
    assert parameters.checkpoint == "/a/b"
    assert (parameters.max_depth, type(parameters.max_depth)) == (10.0, float)
    assert (parameters.device, parameters.autostart) == ("cuda:1", False)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"modle": "unet"}, r"unknown parameter 'modle': did you mean 'model'\?.*weights"),
        ({"zzz": 1}, r"unknown parameter 'zzz': The node has: autostart"),
        ({"model": 3}, "expected a str"),
        ({"autostart": 1}, "expected a bool"),
        ({"depth_queue": True}, "expected a int"),
        ({"depth_queue": 0}, "expected 1 to 1000"),
        ({"max_depth": 0.0}, "expected 0.01 to 1000"),
        ({"max_depth": 1000.5}, "expected 0.01 to 1000"),
        ({"max_depth": math.nan}, "expected 0.01 to 1000"),
        ({"device": "gpu"}, "cuda:N"),
        ({"device": "cuda:"}, "cuda:N"),
        ({"precision": "int4"}, "one of auto, fp32, fp16, bf16, int8"),
        ({"backend": "onnx"}, "one of auto, torch, torch-compile, onnxruntime"),
        ({"depth_encoding": "64FC1"}, "one of 32FC1, 16UC1"),
        ({"image_reliability": "sometimes"}, "one of reliable, best_effort"),
        ({"image_transport": "theora"}, "one of raw, compressed"),
        ({"rectify": 1}, "expected a bool"),
        ({"edge_filter": -0.1}, "expected 0.0 to 10.0"),
        ({"max_relative_sigma": -0.1}, "expected 0.0 to 10.0"),
        ({"max_rate": -1.0}, "expected 0.0 to 1000.0"),
        ({"max_age": -1.0}, "expected 0.0 to 3600.0"),
        ({"preview_range": 0.0}, "expected 0.1 to 1000.0"),
        ({"warn_latency": -0.5}, "expected 0.0 to 3600.0"),
        ({"depth_reliability": ""}, "one of reliable, best_effort"),
    ],
)
def test_bad_values_are_refused_with_the_reason(values, reason):
    with pytest.raises(ParameterError, match=reason):
        validate(values)


def test_every_parameter_has_a_description():
    assert all(spec.description.endswith(".") for spec in SPECS.values())


def test_the_shipped_file_holds_the_defaults():
    text = (Path(__file__).parent.parent / "config" / "depth_node.yaml").read_text()
    (node,) = yaml.safe_load(text).values()
    values = node["ros__parameters"]
    assert validate(values) == NodeParameters()
    assert set(values) == set(SPECS)
