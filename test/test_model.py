"""A model that fails: one retry after memory ran out, and a reason for everything."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from depth_estimation_ros.model import Model, ModelError
from depth_estimation_ros.parameters import validate
from depth_models import DepthModelsError
from depth_models.backends import BACKENDS
from depth_models.types import Depth

RGB = np.zeros((2, 3, 3), np.uint8)
GOOD = Depth(np.ones((2, 3), np.float32), np.ones((2, 3), bool))
BAD = Depth(np.full((2, 3), np.nan, np.float32), np.zeros((2, 3), bool))


class Predictor:
    """Does what it is told, call by call."""

    def __init__(self, *outcomes):
        self.outcomes, self.calls = list(outcomes), []

    def __call__(self, rgb, fx=None, fy=None):
        self.calls.append((fx, fy))
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("Exception from src/inference/src/cpp/infer_request.cpp:223: std::bad_alloc"),
    ],
)
def test_memory_that_ran_out_is_tried_once_more(error):
    predictor = Predictor(error, GOOD, error, error, GOOD)
    model = Model(predictor)
    assert model(RGB, fx=5.0, fy=6.0) is GOOD
    assert predictor.calls == [(5.0, 6.0)] * 2
    with pytest.raises(ModelError) as caught:
        model(RGB)
    assert caught.value.reason == "memory"
    assert model(RGB) is GOOD


def test_an_output_without_any_depth_is_a_failure_of_the_model():
    with pytest.raises(ModelError, match="no finite depth") as caught:
        Model(Predictor(BAD))(RGB)
    assert caught.value.reason == "nan"


def test_other_errors_are_not_retried():
    model = Model(Predictor(RuntimeError("CUDA error: misaligned address"), GOOD))
    with pytest.raises(ModelError, match="RuntimeError: CUDA error: misaligned address") as caught:
        model(RGB)
    assert caught.value.reason == "error"
    assert model(RGB) is GOOD


def test_it_describes_what_is_loaded():
    predictor = Predictor()
    predictor.checkpoint = SimpleNamespace(network="unet", source="/a/b", config={"sigma": True})
    predictor.device, predictor.backend, predictor.precision = "cpu", "torch", "fp32"
    assert Model(predictor).description() == {
        "model": "unet", "weights": "/a/b", "device": "cpu", "backend": "torch", "precision": "fp32",
        "sigma": "yes",
    }  # fmt: skip


def test_a_backend_that_was_asked_for_and_cannot_run_is_a_clear_error(weights):
    with pytest.raises(DepthModelsError, match="backend 'tensorrt' does not run on device 'cpu', only on cuda"):
        Model.load(validate({"weights": weights, "device": "cpu", "backend": "tensorrt"}))


def test_the_parameters_reach_the_predictor(weights):
    model = Model.load(validate({"weights": weights, "device": "cpu", "backend": "torch", "precision": "bf16"}))
    facts = model.description()
    assert (facts["backend"], facts["precision"], facts["device"]) == ("torch", "bf16", "cpu")


@pytest.mark.parametrize(
    ("backend", "threads_of"),
    [
        ("torch", lambda backend: torch.get_num_threads()),
        ("onnxruntime", lambda backend: backend._session.get_session_options().intra_op_num_threads),
        ("openvino", lambda backend: backend._request(1).get_compiled_model().get_property("INFERENCE_NUM_THREADS")),
    ],
)
def test_threads_bounds_those_of_every_backend_on_a_cpu(backend, threads_of, weights):
    if not BACKENDS[backend].is_installed():
        pytest.skip(f"{backend} is not installed")
    torch.set_num_threads(2)
    model = Model.load(validate({"weights": weights, "device": "cpu", "backend": backend, "threads": 1}))
    assert threads_of(model._predictor._backend) == 1
