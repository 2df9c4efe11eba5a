"""The page of speed: what is measured of a small network, and what the page says of measured figures."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("openvino")
sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks" / "performance"))

import layers
import machine
import performance_page
import scaling
import ways

from depth_models.bench import Subject
from depth_models.checkpoint import Checkpoint

OPENVINO = ("openvino", "fp32")


@pytest.fixture(scope="module")
def folder(weights):
    """The small network built for OpenVINO."""
    return ways.folder_of(Checkpoint.load(weights), OPENVINO)


def row(backend, precision, ratio, difference=0.001):
    return {
        "backend": backend, "precision": precision, "size": [480, 640], "rounds": 5, "ratio_to_eager": ratio,
        "latency_ms": {"p50": 600 / ratio, "p95": 700.0}, "peak_memory_mb": 500.0, "file_mb": 9.0,
        "difference": difference,
    }  # fmt: skip


def results(bf16="openvino", int8_ratio=4.0):
    """As `measure.py` keeps them: a network of 60 GFLOP that eager PyTorch runs at 100 GFLOP/s."""
    layer = {"layer": "matrix 512 to 4800", "share": 0.4, "gflops": 10.0, "weights_gbs": 8.0}
    profile = {"gflop": 60.0, "shares": {"Convolution": 0.6, "FullyConnected": 0.4}, "layers": [layer]}
    rows = [row("torch", "fp32", 1.0, None), row("torch-nchw", "fp32", 0.5, None), row("openvino", "fp32", 1.5)]
    rows += [row(bf16, "bf16", 3.6, 0.02), row("openvino-free", "int8", int8_ratio)]
    found = {"rows": rows, "refused": {}, "profiles": {"bf16": profile, "int8": profile}}
    peaks = {"gflops": {"fp32": 120.0, "bf16": 200.0, "int8": 900.0}, "read_gbs": 20.0, "convolution": "3x3"}
    parts = {"peaks": peaks, "baseline": found, "unet": found, "energy": None, "gpu": None}
    here = machine.facts()
    return {"machine": here, "parts": {n: {"date": "2026-01-02", "weights": {}, "result": r} for n, r in parts.items()}}


def test_operations_and_shares_of_layers_are_those_of_the_network(folder, weights):
    from torch.utils.flop_counter import FlopCounterMode

    found = layers.profile(folder, "fp32", 1)
    with FlopCounterMode(display=False) as counter:
        import torch

        Checkpoint.load(weights).build()(torch.zeros(1, 3, 64, 96))
    head = 2 * 8 * 64 * 96  # the head's sum over its eight channels, an operation of its own since `rewrite`
    assert found["gflop"] == pytest.approx((counter.get_total_flops() + head) / 1e9, rel=1e-6)
    assert sum(found["shares"].values()) == pytest.approx(1)
    assert next(iter(found["shares"])) == "Convolution"


def test_what_is_refused_is_measured_for_its_speed_alone_and_says_so(weights, monkeypatch):
    checkpoint = Checkpoint.load(weights)
    monkeypatch.setattr("depth_models.backends.parity.LIMITS", dict.fromkeys(("fp32", "bf16", "int8"), -1.0))
    monkeypatch.setenv("DEPTH_MODELS_CACHE", str(Path(weights).parent / "strict"))
    able, refused = ways.runnable(checkpoint, [ways.REFERENCE, OPENVINO], held=True)
    assert able == [ways.REFERENCE, ("openvino-free", "fp32")]
    assert "differs too much" in refused["openvino fp32"]
    file_mb, difference = ways.files_of(checkpoint, able[1])
    assert 5 < file_mb < 100
    assert 0 < difference < 1e-4


def test_channels_first_gives_the_same_depth_from_other_memory(weights):
    from depth_models.backends.pytorch import Eager

    checkpoint = Checkpoint.load(weights)
    canvas = ways.patterns(1, 64, 96)
    first, last = (cls.load(checkpoint, "cpu", "fp32", 1) for cls in (ways.ChannelsFirst, Eager))
    np.testing.assert_allclose(first(canvas).depth, last(canvas).depth, rtol=1e-4)
    assert all(p.is_contiguous() for p in first._network.__closure__[0].cell_contents.parameters())


def test_settings_change_one_at_a_time_and_ratios_are_to_eager_there(weights):
    found = scaling.scaling(Subject(weights), [ways.REFERENCE], (1, 2), (1,), ((64, 96), (64, 64)), 1)
    assert [(s["batch"], s["threads"], s["size"]) for s in found] == [
        (1, 1, [64, 96]),
        (2, 1, [64, 96]),
        (1, 1, [64, 64]),
    ]
    assert all(s["ways"]["torch fp32"]["ratio"] == 1 for s in found)


def test_a_message_is_answered_alike_by_the_yardstick_and_by_the_package(weights):
    pytest.importorskip("sensor_msgs")
    import messages
    from typical_node import TypicalNode

    from depth_models.predictor import DepthPredictor

    checkpoint = Checkpoint.load(weights)
    image, info = messages._messages()
    info.k[0] = info.k[4] = 40.0 * 480 / 64  # the canonical focal length
    ours = messages._ours(DepthPredictor(checkpoint, "cpu", "torch", "fp32", 1), info)(image)
    typical = TypicalNode(checkpoint.build(), checkpoint.preprocess)(image)
    depths = [np.frombuffer(m.data, np.float32).reshape(m.height, m.width) for m in (ours, typical)]
    assert depths[0].shape == (480, 640)
    assert np.median(np.abs(depths[1] / depths[0] - 1)) < 0.05
    found = messages.measure(Subject(weights), [], 1, 2)
    assert [r["what"] for r in found["rows"]] == [messages.ALONE, messages.TYPICAL]
    assert found["rows"][0]["to_alone"] == found["rows"][1]["to_typical"] == 1
    shown = performance_page.page(results() | {"parts": {"messages": {"date": "", "weights": {}, "result": found}}})
    assert f"| {messages.TYPICAL} | {found['rows'][1]['p50']:.1f} |" in shown


def test_energy_is_the_sum_of_the_packages_and_unknown_without_counters(tmp_path):
    assert machine.joules(tmp_path) is None
    for name, microjoules in (("intel-rapl:0", 3_000_000), ("intel-rapl:1", 500_000), ("intel-rapl:0:0", 9_000_000)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "energy_uj").write_text(f"{microjoules}\n")
    assert machine.joules(tmp_path) == 3.5


def test_the_page_has_the_figures_and_says_what_bounds_a_missed_target():
    text = performance_page.page(results())
    assert "| baseline, 480x640 | OpenVINO bf16 | 166.7 | 700.0 | 3.60 | 500 | 9.0 | 2.00% | 5 |" in text
    assert "| baseline | fp32 or bf16 | 3.0 | 3.60 | OpenVINO bf16 | reached |" in text
    assert "| baseline | int8 | 4.0 | 4.00 | OpenVINO int8 | reached |" in text
    # Eager runs at 100 GFLOP/s: 3 times that is 300, of 200 in bf16; and it is half as fast channels-first.
    assert "| baseline bf16 | 60.0 | 100 | 300 (150%) | 360 (180%) | 2.0 |" in text
    assert "| baseline | 600.0 | 1200.0 | 2.00 | OpenVINO int8 | 4.00 | 8.00 |" in text
    assert "matrix 512 to 4800 (40%, 10 GFLOP/s, 8.0 GB/s of weights)" in text
    assert "not measured on this machine yet: `python benchmarks/performance/measure.py multiscale`" in text
    assert "This machine shows none" in text
    assert "PyTorch sees no CUDA device" in text


def test_what_the_package_refuses_reaches_no_target_with_trained_weights():
    text = performance_page.page(results(bf16="openvino-free", int8_ratio=3.0))
    assert "| bundled unet | fp32 or bf16 | 3.5 | 1.50 | OpenVINO fp32 | 43% of it |" in text
    assert "3.5 asked: OpenVINO bf16 has 3.60, and is refused with these weights.\n" in text
    assert "OpenVINO int8 has 3.00, and is refused with these weights; 40% of the time go into matrices" in text
    assert "| bundled unet | int8 | 5.0 |  |  | all are refused |" in text
    assert "* baseline, int8, 4.0 asked: 40% of the time go into matrices" in text


def test_the_ladder_of_a_gpu_runs_step_by_step_and_names_what_cannot(weights):
    """Here on the CPU, where half precision is bf16, and where the package's own steps are for GPUs alone."""
    import gpu_ladder
    import gpu_page

    found = gpu_ladder.measure(Subject(weights), "cpu", 1, gpu_ladder.RUNGS[:4])
    assert [row["step"] for row in found["rows"]] == [rung.name for rung in gpu_ladder.RUNGS[:4]]
    assert found["rows"][0]["ratio"] == 1
    assert len(found["left_out"]) == len(gpu_ladder.OURS)
    assert all("device 'cpu'" in reason for reason in found["left_out"].values())
    text = gpu_page.gpu({"roofline_tflops": 0.5, "networks": {"unet": found | {"gflop": 2 * found["rows"][0]["p50"]}}})
    assert "| 1.00 | 400.0% |" in text
    assert gpu_ladder.roofline_tflops("cpu", 64) > 0


def test_parts_are_renewed_alone_and_those_of_another_machine_dropped(tmp_path):
    import measure

    path = tmp_path / "performance.md"
    kept = results()
    path.with_suffix(".json").write_text(json.dumps(kept))
    measure.renew(path, ["energy"], {"energy": lambda threads: {"torch fp32": 1.5}})
    text = path.read_text()
    assert "| PyTorch eager fp32 | 1.500 |" in text
    assert "| baseline | int8 | 4.0 | 4.00 |" in text
    kept["machine"]["cpu"] = "another"
    path.with_suffix(".json").write_text(json.dumps(kept))
    measure.renew(path, ["energy"], {"energy": lambda threads: None})
    assert list(json.loads(path.with_suffix(".json").read_text())["parts"]) == ["energy"]
