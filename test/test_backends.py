"""Every back-end gives eager PyTorch's depth, whatever the network, or refuses for a reason that it tells."""

import re
import subprocess
import sys

import numpy as np
import pytest
import torch

from depth_models import Checkpoint, DepthModelsError, DepthPredictor, Preprocess, create_network, list_networks
from depth_models.backends import BACKENDS, Outputs, compiled, quantisation
from depth_models.backends.parity import patterns
from depth_models.networks.registry import network_class

ON_CPU = [
    name for name, cls in BACKENDS.items() if "fp32" in cls.precisions("cpu") and name not in ("torch", "torch-compile")
]
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")


def checkpoint_of(name, seed=0, **changes):
    """A small one whose output varies: untrained, a network says nearly the same everywhere, which proves little."""
    torch.manual_seed(seed)
    cls = network_class(name)
    network = create_network(name, **(cls.small | changes))
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.uniform_(-0.2, 0.2)
                module.weight.uniform_(0.8, 1.6)
    return Checkpoint.of(network, Preprocess(*cls.small_size, (0.5, 0.4, 0.3), (0.2, 0.25, 0.3), focal_px=70.0))


@pytest.fixture(scope="module", params=list_networks())
def checkpoint(request):
    return checkpoint_of(request.param)


@pytest.fixture(scope="module")
def eager(checkpoint):
    return BACKENDS["torch"].load(checkpoint, "cpu", "fp32", None)


@pytest.mark.parametrize("name", ON_CPU)
def test_every_network_gives_pytorchs_depth(checkpoint, eager, name):
    if not BACKENDS[name].is_installed():
        pytest.skip(f"{name} is not installed")
    canvases = patterns(3, *network_class(checkpoint.network).small_size)
    backend = BACKENDS[name].load(checkpoint, "cpu", "fp32", 1)
    expected = eager(canvases)
    assert expected.depth.std() > 1e-3
    outputs = backend(canvases)
    assert (outputs.depth.shape, outputs.depth.dtype, outputs.sigma) == (expected.depth.shape, np.float32, None)
    np.testing.assert_allclose(outputs.depth, expected.depth, rtol=1e-4)
    np.testing.assert_allclose(backend(canvases[1:2]).depth, expected.depth[1:2], rtol=1e-4)
    np.testing.assert_allclose(outputs.depth, expected.depth, rtol=1e-4, err_msg="the next batch wrote into the last")


@pytest.fixture(scope="module")
def small():
    return checkpoint_of("multiscale")


@pytest.mark.parametrize("name", ON_CPU)
def test_sigma_comes_beside_depth(name):
    if not BACKENDS[name].is_installed():
        pytest.skip(f"{name} is not installed")
    checkpoint = checkpoint_of("unet", sigma=True)
    canvases = patterns(1, 64, 96)
    expected = BACKENDS["torch"].load(checkpoint, "cpu", "fp32", None)(canvases)
    outputs = BACKENDS[name].load(checkpoint, "cpu", "fp32", 1)(canvases)
    assert outputs.sigma.shape == outputs.depth.shape
    np.testing.assert_allclose(outputs.sigma, expected.sigma, rtol=1e-3)
    np.testing.assert_allclose(outputs.depth, expected.depth, rtol=1e-4)


WITHOUT_TORCH = """
import sys
import re
import subprocess
import sys

import numpy as np
from depth_models import DepthPredictor
predictor = DepthPredictor.from_checkpoint(sys.argv[1], backend=sys.argv[2], device="auto")
print(predictor.backend, float(predictor(np.full((50, 70, 3), 99, np.uint8)).metres[20, 30]), "torch" in sys.modules)
"""


@pytest.mark.parametrize("name", ON_CPU)
def test_a_network_that_was_built_runs_without_torch(name, small, tmp_path):
    if not BACKENDS[name].is_installed():
        pytest.skip(f"{name} is not installed")
    path = tmp_path / "small.safetensors"
    small.save(path)
    expected = DepthPredictor.from_checkpoint(path, "cpu", name)(np.full((50, 70, 3), 99, np.uint8)).metres[20, 30]
    command = [sys.executable, "-c", WITHOUT_TORCH, str(path), name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    backend, metres, torch_was_imported = done.stdout.split()
    assert (backend, torch_was_imported) == (name, "False")
    assert float(metres) == pytest.approx(float(expected), rel=1e-6)


def test_a_missing_package_is_named_with_the_pip_command(small, monkeypatch):
    monkeypatch.setattr(BACKENDS["openvino"], "package", "absent_package")
    with pytest.raises(DepthModelsError, match=r"absent_package.*pip install 'depth_estimation_ros\[openvino\]'"):
        DepthPredictor(small, "cpu", "openvino")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"backend": "openvino", "precision": "fp16"}, "precision 'fp16' needs a GPU"),
        ({"backend": "onnxruntime", "precision": "bf16"}, "has the precisions fp32, int8; got 'bf16'"),
        ({"backend": "torch", "precision": "int8"}, "has the precisions fp32, bf16; got 'int8'"),
        ({"backend": "tensorrt"}, "does not run on device 'cpu', only on cuda"),
        (
            {"backend": "tflite"},
            "unknown backend 'tflite'; expected 'auto' or one of torch, torch-compile",
        ),
    ],
)
def test_what_a_backend_cannot_do_is_refused_with_the_reason(options, reason, small):
    with pytest.raises(DepthModelsError, match=re.escape(reason)):
        DepthPredictor(small, "cpu", **options)


def test_bf16_on_a_cpu_without_it_is_refused(small, monkeypatch):
    openvino = pytest.importorskip("openvino")

    class OldCpu(openvino.Core):
        def get_property(self, *_):
            return ["FP32", "INT8"]

    monkeypatch.setattr(openvino, "Core", OldCpu)
    with pytest.raises(DepthModelsError, match="needs a CPU with AVX512-BF16 or AMX"):
        DepthPredictor(small, "cpu", "openvino", "bf16")


def skip_without_bf16(core):
    if "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        pytest.skip("this CPU does not multiply bfloat16")


def test_in_bf16_a_light_encoders_first_depthwise_convolution_stays_in_fp32(tmp_path):
    openvino = pytest.importorskip("openvino")
    light = checkpoint_of("unet", encoder="efficientnet_lite0")
    BACKENDS["openvino"].build(light, tmp_path, "cpu", "bf16", None)
    core = openvino.Core()
    convolutions = [o for o in core.read_model(tmp_path / "model.xml").get_ordered_ops() if "Convol" in str(o)]
    marked = [any(key.startswith("DisablePrecision") for key in op.get_rt_info()) for op in convolutions]
    assert convolutions[1].get_type_name() == "GroupConvolution"
    assert marked == [False, True] + [False] * (len(marked) - 2)
    skip_without_bf16(core)
    running = BACKENDS["openvino"].open(tmp_path, "cpu", "bf16", 1)._request(1).get_compiled_model().get_runtime_model()
    layers = [op.get_rt_info() for op in running.get_ordered_ops()]
    precisions = [
        info["runtimePrecision"].astype(str) for info in layers if info["layerType"].astype(str) == "Convolution"
    ]
    assert precisions[:4] == ["bf16", "f32", "bf16", "bf16"]


def test_every_network_runs_in_bf16(checkpoint, eager):
    skip_without_bf16(pytest.importorskip("openvino").Core())
    canvases = patterns(2, *network_class(checkpoint.network).small_size)
    backend = BACKENDS["openvino"].load(checkpoint, "cpu", "bf16", 1)
    np.testing.assert_allclose(backend(canvases).depth, eager(canvases).depth, rtol=0.1)


def test_less_precision_is_judged_on_rooms_and_int8_on_nothing_else(monkeypatch, caplog):
    pytest.importorskip("embreex")
    pre = Preprocess(24, 32, (0.5, 0.4, 0.3), (0.2, 0.25, 0.3), focal_px=30.0)
    rooms, truth = compiled._frames(pre, "bf16")
    assert (rooms.shape, len(truth)) == ((quantisation.CHECK, 24, 32, 3), quantisation.CHECK)
    exact, nothing = compiled._frames(pre, "fp32")
    assert np.array_equal(exact, patterns(2, 24, 32))
    assert nothing is None

    def without_renderer(*_):
        raise DepthModelsError("no embreex here")

    monkeypatch.setattr(quantisation, "room_samples", without_renderer)
    instead, nothing = compiled._frames(pre, "bf16")
    assert np.array_equal(instead, exact)
    assert nothing is None
    assert "no embreex here; bf16 is compared on patterns instead" in caplog.text
    with pytest.raises(DepthModelsError, match="no embreex here"):
        compiled._frames(pre, "int8")


def test_openvinos_threads_are_bound_to_no_core(small):
    pytest.importorskip("openvino")
    backend = BACKENDS["openvino"].load(small, "cpu", "fp32", None)
    assert backend._request(1).get_compiled_model().get_property("ENABLE_CPU_PINNING") is False


def test_depth_that_differs_too_much_is_refused_and_not_kept(small, monkeypatch):
    pytest.importorskip("onnxruntime")
    from depth_models.backends import pytorch

    run = pytorch.Eager.__call__
    monkeypatch.setattr(pytorch.Eager, "__call__", lambda self, x: Outputs(run(self, x).depth * 1.01))
    checkpoint = checkpoint_of("multiscale", seed=7)
    for _ in range(2):  # the second finds nothing in the cache either
        with pytest.raises(DepthModelsError, match=r"differs too much from PyTorch in fp32: 0.99% on average"):
            DepthPredictor(checkpoint, "cpu", "onnxruntime")


def test_a_gpu_that_runs_out_of_memory_gives_way_to_the_cpu_unless_it_was_asked_for(small, monkeypatch, caplog):
    from depth_models import predictor

    monkeypatch.setattr(predictor, "_device", lambda name, backend: "cuda:0")

    def load(checkpoint, backend, device, precision, threads):
        if device != "cpu":
            raise DepthModelsError("OutOfMemoryError: CUDA out of memory")
        return BACKENDS["torch"].load(checkpoint, device, precision, threads)

    monkeypatch.setattr(predictor, "load", load)
    loaded = DepthPredictor(small)
    assert (loaded.device, loaded.precision) == ("cpu", "fp32")
    assert "CUDA out of memory; the CPU is taken instead" in caplog.text
    for options in ({"device": "cuda"}, {"backend": "torch"}, {"precision": "fp16"}):
        with pytest.raises(DepthModelsError, match="CUDA out of memory"):
            DepthPredictor(small, **options)


def test_an_onnxruntime_without_the_gpus_provider_says_so_before_anything_is_built(small, monkeypatch, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    monkeypatch.setattr("depth_models.backends.export.onnx_program", lambda *_: pytest.fail("it was exported"))
    with pytest.raises(DepthModelsError, match=r"has no CUDAExecutionProvider.*pip install onnxruntime-gpu"):
        BACKENDS["onnxruntime"].build(small, tmp_path, "cuda:0", "fp16", None)


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("name", [name for name, cls in BACKENDS.items() if cls.precisions("cuda:0")])
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_every_backend_of_a_gpu_gives_the_cpus_depth(name, precision, checkpoint, eager):
    if not BACKENDS[name].is_installed():
        pytest.skip(f"{name} is not installed")
    canvases = patterns(2, *network_class(checkpoint.network).small_size)
    backend = BACKENDS[name].load(checkpoint, "cuda:0", precision, None)
    rtol = {"fp32": 1e-2, "fp16": 5e-2}[precision]  # TF32 is the GPU's fp32
    np.testing.assert_allclose(backend(canvases).depth, eager(canvases).depth, rtol=rtol)
