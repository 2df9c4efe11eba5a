"""Exported files: whole, described, as exact as promised, and runnable by their own runtimes. And the bench."""

import json

import numpy as np
import pytest
import torch

from depth_models import Checkpoint, DepthModelsError, Preprocess, create_network
from depth_models.backends.parity import Parity, patterns
from depth_models.backends.pytorch import Eager
from depth_models.bench import Subject, bench
from depth_models.cli import main
from depth_models.exporting import SUFFIXES, export
from depth_models.types import Camera, Sample

SIZE = (48, 64)


@pytest.fixture(scope="module")
def checkpoint():
    torch.manual_seed(0)
    network = create_network("multiscale", coarse=False, input_size=SIZE)
    return Checkpoint.of(network, Preprocess(*SIZE, (0.5, 0.4, 0.3), (0.2, 0.25, 0.3), focal_px=50.0))


@pytest.fixture(scope="module")
def weights(checkpoint, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    checkpoint.save(path)
    return path


@pytest.fixture(scope="module")
def samples(checkpoint):
    """Pictures; the truth is 1.3 times what the network gives in fp32, so its AbsRel is known."""
    pictures = patterns(8, *SIZE)
    depth = Eager.load(checkpoint, "cpu", "fp32", None)(pictures).depth[:, 0] * np.float32(1.3)
    return [Sample(rgb, d, d > 0, Camera(50, 50, 31.5, 23.5, 64, 48)) for rgb, d in zip(pictures, depth, strict=True)]


def by_onnxruntime(path, canvases):
    session = pytest.importorskip("onnxruntime").InferenceSession(path)
    description = session.get_modelmeta().custom_metadata_map["depth_models"]
    return session.run(None, {"canvas": canvases})[0], description


def by_openvino(path, canvases):
    core = pytest.importorskip("openvino").Core()
    model = core.read_model(path)
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return compiled(canvases)[0], model.get_rt_info("depth_models").value


def by_torchscript(path, canvases):
    extra = {"depth_models": ""}
    program = torch.jit.load(path, _extra_files=extra)
    return program(torch.from_numpy(canvases))[0].numpy(), extra["depth_models"]


@pytest.mark.parametrize(
    ("form", "read"), [("onnx", by_onnxruntime), ("openvino", by_openvino), ("torchscript", by_torchscript)]
)
def test_a_file_is_read_by_its_runtime_and_says_how_it_is_fed(form, read, checkpoint, samples, tmp_path):
    pytest.importorskip("onnxruntime")
    path = tmp_path / f"tiny{SUFFIXES[form]}"
    parity = export(checkpoint, path, form, "fp32", samples)
    assert parity.largest < 1e-4
    assert parity.reference_absrel == pytest.approx(1 - 1 / 1.3, rel=1e-3)
    assert {file.suffix for file in tmp_path.iterdir()} == {path.suffix} | ({".bin"} if form == "openvino" else set())
    canvases = patterns(3, *SIZE)  # another batch than it was traced with
    depth, description = read(str(path), canvases)
    expected = Eager.load(checkpoint, "cpu", "fp32", None)(canvases).depth
    np.testing.assert_allclose(depth, expected, rtol=1e-4)
    document = json.loads(description)
    assert Preprocess.from_dict(document["preprocess"]) == checkpoint.preprocess
    assert (document["network"], document["precision"]) == ("multiscale", "fp32")
    assert document["weights"] == checkpoint.digest


def test_int8_is_calibrated_on_the_frames_given_and_near(checkpoint, samples, tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    path = tmp_path / "tiny.onnx"
    torch.manual_seed(0)  # the other network has so few convolutions that none would be quantised
    network = create_network("unet", encoder="resnet18", decoder_channels=(32, 16, 16, 8, 8), sigma=True)
    parity = export(Checkpoint.of(network, checkpoint.preprocess), path, "onnx", "int8", samples)
    assert 1e-5 < parity.mean < 0.03  # in fp32 it is below 1e-6
    graph = onnx.load(path).graph
    quantised = {output for node in graph.node if node.op_type == "DequantizeLinear" for output in node.output}
    convolutions = {node.name: node.input[1] in quantised for node in graph.node if node.op_type == "Conv"}
    exact = {name for name, is_quantised in convolutions.items() if not is_quantised}
    assert len(exact) == 5
    assert "/network/head/Conv" in exact
    assert "/network/sigma_head/write/Conv" in exact
    assert sum(convolutions.values()) > 20


@pytest.mark.parametrize(
    ("figures", "passed"),
    [
        (("fp32", 9e-5, 9e-5), True),
        (("fp32", 1e-6, 2e-4), False),
        (("bf16", 0.009, 0.2), True),
        (("fp16", 0.011, 0.02), False),
        (("int8", 0.029, 0.5, 0.104, 0.1), True),
        (("int8", 0.031, 0.04, 0.1, 0.1), False),
        (("int8", 0.02, 0.04, 0.106, 0.1), False),
        (("bf16", float("inf"), float("inf")), False),
    ],
)
def test_how_far_depth_may_be_off_depends_on_the_precision(figures, passed):
    parity = Parity(*figures)
    assert parity.passed == passed
    if not passed:
        with pytest.raises(DepthModelsError, match="differs too much from PyTorch in fp32"):
            parity.require("it")


def test_what_is_too_far_off_is_not_let_out(checkpoint, samples, tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr("depth_models.backends.parity.LIMITS", {"fp32": 0.0})
    with pytest.raises(DepthModelsError, match="differs too much"):
        export(checkpoint, tmp_path / "tiny.onnx", "onnx", "fp32", samples)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_export_leaves_the_old_file(checkpoint, samples, tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    path = tmp_path / "tiny.onnx"
    path.write_bytes(b"old")

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("depth_models.exporting.compare", interrupt)
    with pytest.raises(KeyboardInterrupt):
        export(checkpoint, path, "onnx", "fp32", samples)
    assert [file.name for file in tmp_path.iterdir()] == ["tiny.onnx"]
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize(
    ("name", "form", "precision", "reason"),
    [
        ("tiny.pt", "onnx", "fp32", "ends in .onnx"),
        ("tiny.pt", "torchscript", "int8", "has the precisions fp32; got 'int8'"),
        ("tiny.tflite", "tflite", "fp32", "unknown format 'tflite'"),
        ("taken/tiny.pt", "torchscript", "fp32", "cannot be written"),
    ],
)
def test_what_cannot_be_exported_is_refused(name, form, precision, reason, checkpoint, samples, tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(DepthModelsError, match=reason):
        export(checkpoint, tmp_path / name, form, precision, samples)
    assert [file.name for file in tmp_path.iterdir()] == ["taken"]


def test_the_verb_says_how_exact_the_file_is(weights, few_planes, tmp_path, capsys):
    out = tmp_path / "tiny.pt"
    arguments = [
        "export",
        str(weights),
        "--to",
        "torchscript",
        "--out",
        str(out),
        "--data",
        str(few_planes(1)),
        "--json",
    ]
    assert main(arguments) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["file"] == str(out)
    assert out.is_file()
    assert document["parity"]["passed"]
    assert document["parity"]["largest"] < 1e-4


def test_bench_measures_ways_side_by_side(weights, capsys):
    arguments = ["bench", str(weights), "--backend", "torch", "--precision", "fp32", "bf16", "--rounds", "3"]
    assert main([*arguments, "--threads", "1", "--batch", "2", "--no-memory", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["backend"], row["precision"]) for row in rows] == [("torch", "fp32"), ("torch", "bf16")]
    for row in rows:
        assert (row["network"], row["size"], row["batch"], row["threads"]) == ("multiscale", [48, 64], 2, 1)
        assert 0 < row["latency_ms"]["p50"] <= row["latency_ms"]["p95"] <= row["latency_ms"]["p99"]
        assert row["peak_memory_mb"] is None
    assert rows[0]["ratio_to_eager"] == 1.0
    assert rows[1]["ratio_to_eager"] > 0


@pytest.mark.slow
def test_bench_sees_the_memory_of_each_way_alone(weights):
    """This process has torch, and more; one that only runs OpenVINO has not."""
    pytest.importorskip("openvino")
    eager, openvino = bench(Subject(str(weights)), [("openvino", "fp32")], rounds=1, threads=1)
    assert 50 < openvino.peak_memory_mb < 0.8 * eager.peak_memory_mb
