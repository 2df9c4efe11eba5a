"""A node whose network cannot run as asked: it says why and what to do, lives on, and runs once that is put right."""

import logging

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: pip install 'depth_estimation_ros[ros]'")

from own_node import node_in_this_process
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter

from depth_estimation_ros.health import Level
from depth_models import DepthModelsError, DepthPredictor, predictor
from depth_models.backends import BACKENDS
from depth_models.backends.cache import VARIABLE, cache_folder

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


@pytest.fixture(scope="module")
def configurable(weights):
    with node_in_this_process(f"weights:={weights}", "device:=cpu", "autostart:=false") as node:
        yield node


@pytest.fixture
def node(configurable):
    """An unconfigured node in this process."""
    yield configurable
    if configurable._session is not None:
        configurable.trigger_cleanup()
    give(configurable, backend="auto", precision="auto", device="cpu")


def give(node, **values):
    assert all(r.successful for r in node.set_parameters([Parameter(name, value=v) for name, v in values.items()]))


def no_package(monkeypatch, tmp_path):
    monkeypatch.setattr(BACKENDS["openvino"], "package", "absent_package")


def no_cache(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "file" / "cache"))


def no_gpu(monkeypatch, tmp_path):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)


def gpu_without_memory(monkeypatch, tmp_path=None):
    monkeypatch.setattr(predictor, "_device", lambda name, backend: "cuda:0" if name != "cpu" else "cpu")

    def load(checkpoint, backend, device, precision, threads):
        if device != "cpu":
            raise DepthModelsError("OutOfMemoryError: CUDA out of memory")
        return BACKENDS["torch"].load(checkpoint, device, precision, threads)

    monkeypatch.setattr(predictor, "load", load)


@pytest.mark.parametrize(
    ("spoil", "asked", "reason"),
    [
        (no_package, {"backend": "openvino"}, "pip install 'depth_estimation_ros[openvino]'"),
        (no_cache, {"backend": "onnxruntime"}, VARIABLE),
        (no_gpu, {"device": "cuda:1"}, "use device 'cpu' or 'auto'"),
        (no_gpu, {"backend": "tensorrt"}, "does not run on device 'cpu', only on cuda"),
        (no_gpu, {"backend": "torch", "precision": "int8"}, "has the precisions fp32, bf16"),
        (gpu_without_memory, {"device": "cuda", "backend": "torch"}, "CUDA out of memory"),
    ],
)
def test_what_was_asked_for_and_cannot_run_is_named_and_the_node_goes_on(
    spoil, asked, reason, node, monkeypatch, tmp_path
):
    if not BACKENDS["onnxruntime"].is_installed():
        monkeypatch.setattr(BACKENDS["onnxruntime"], "package", "json")  # it fails before that is used
    with monkeypatch.context() as spoilt:
        spoil(spoilt, tmp_path)
        give(node, **asked)
        assert node.trigger_configure() == FAILURE
    assert node._health().level == Level.ERROR
    assert node._health().message.startswith("cannot configure: ")
    assert reason in node._health().message
    give(node, backend="torch", precision="auto", device="cpu")
    assert node.trigger_configure() == SUCCESS
    assert node._health().facts["backend"] == "torch"


def test_a_gpu_without_memory_gives_way_to_the_cpu_with_a_warning_where_nothing_was_asked_for(
    node, monkeypatch, caplog
):
    gpu_without_memory(monkeypatch)
    give(node, device="auto")
    assert node.trigger_configure() == SUCCESS
    assert node._health().facts["device"] == "cpu"
    assert "CUDA out of memory; the CPU is taken instead" in caplog.text


def test_a_damaged_cache_is_told_of_and_made_again(node, weights, monkeypatch, tmp_path, caplog):
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    DepthPredictor.from_checkpoint(weights, "cpu", "onnxruntime")
    for model in cache_folder().glob("*/*.onnx"):
        content = model.read_bytes()
        model.unlink()  # the program and the back-end's copy are one file
        model.write_bytes(content[: len(content) // 2])
    give(node, backend="onnxruntime")
    with caplog.at_level(logging.WARNING):
        assert node.trigger_configure() == SUCCESS
    assert node._health().facts["backend"] == "onnxruntime"
    assert caplog.text.count("is damaged and is built again") == 2
