"""A network learns how far its depth may be off: planted errors are found again, and the depth stays as it is."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from depth_models import Checkpoint, DepthModelsError, DepthPredictor, Preprocess, create_network
from depth_models.checkpoint import find_checkpoint
from depth_models.cli import main
from depth_models.confidence import _chosen, _log_error, blinded, calibrating, fit_sigma
from depth_models.config import TrainConfig
from depth_models.data.joined import Mixture
from depth_models.data.splits import spread
from depth_models.training.start import first_network
from depth_models.types import Calibration, Camera, Sample

PRE = Preprocess(64, 96, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), 80.0)
CAMERA = Camera(80.0, 80.0, 47.5, 31.5, 96, 64)  # the canonical one: the network's metres are the camera's
DARK, BRIGHT = 0.04, 0.24  # standard deviation of what is planted, as a part of the truth


@pytest.fixture(scope="module")
def checkpoint():
    torch.manual_seed(0)
    return Checkpoint.of(create_network("unet", encoder="resnet18", decoder_channels=(32, 16, 16, 8, 8)), PRE, {"a": 1})


class Planted:
    """Frames whose truth is the network's depth, off by little where the picture is dark and by much where bright."""

    path, content, description = "planted", None, {"file": "planted"}

    def __init__(self, checkpoint, scenes):
        self.scenes = [f"room_{number // 2:04d}" for number in range(2 * scenes)]
        self.scene_types = ["room"] * len(self.scenes)
        self._predictor = DepthPredictor(checkpoint, device="cpu")

    def __len__(self):
        return len(self.scenes)

    def __getitem__(self, index):
        rng = np.random.default_rng(index)
        is_bright = np.zeros((64, 96), bool)
        is_bright[:, rng.integers(24, 72) :] = True
        rgb = np.where(is_bright[..., None], 200, 40) + rng.integers(-20, 20, (64, 96, 3))
        rgb = rgb[:, :: rng.choice([-1, 1])].astype(np.uint8)
        deviation = np.where(rgb.mean(axis=2) > 120, BRIGHT, DARK)
        metres = self._predictor(rgb, 80.0, 80.0).metres
        truth = metres * np.exp(deviation * rng.standard_normal((64, 96)))
        return Sample(rgb, truth.astype(np.float32), np.ones((64, 96), bool), CAMERA)


@pytest.fixture(scope="module")
def source(checkpoint):
    return Planted(checkpoint, 40)


@pytest.fixture(scope="module")
def fitted(checkpoint, source):
    return fit_sigma(checkpoint, source, range(60))


def test_planted_deviations_are_found_again_on_frames_that_were_not_fitted(source, fitted):
    predictor = DepthPredictor(fitted, device="cpu")
    found, misses = {True: [], False: []}, []
    for index in range(60, 80):
        sample = source[index]
        depth = predictor(sample.rgb, 80.0, 80.0)
        bright = sample.rgb.mean(axis=2) > 120
        for side in (True, False):
            found[side].append(np.median((depth.sigma_metres / depth.metres)[bright == side]))
        misses.append(np.abs(depth.metres - sample.depth) / depth.sigma_metres)
    assert np.median(found[False]) == pytest.approx(DARK, rel=0.3)
    assert np.median(found[True]) == pytest.approx(BRIGHT, rel=0.3)
    assert 0.63 < np.mean(np.array(misses) < 0.9945) < 0.73
    assert 0.92 < np.mean(np.array(misses) < 1.96) < 0.98


def test_the_depth_keeps_every_bit(checkpoint, source, fitted):
    head = {name for name in fitted.tensors if name.startswith("sigma_head.")}
    assert head
    assert fitted.tensors.keys() - head == checkpoint.tensors.keys()
    assert all(torch.equal(fitted.tensors[name], tensor) for name, tensor in checkpoint.tensors.items())
    rgb = source[0].rgb
    before, after = (DepthPredictor(one, device="cpu")(rgb).metres for one in (checkpoint, fitted))
    assert np.array_equal(before, after)
    assert fitted.record == checkpoint.record


def test_the_same_frames_give_the_same_head_and_an_old_head_is_replaced(checkpoint, source, fitted):
    """Of few frames, whose head is another than the old one."""
    first, again = (fit_sigma(one, source, range(16)) for one in (checkpoint, fitted))
    assert all(torch.equal(again.tensors[name], tensor) for name, tensor in first.tensors.items())
    assert not torch.equal(first.tensors["sigma_head.write.weight"], fitted.tensors["sigma_head.write.weight"])


@pytest.mark.parametrize("calibration", [Calibration("log", 0.5, 0.3), Calibration("inverse", 0.7, 0.1)])
def test_a_deviation_of_calibrated_depth_is_learnt_as_one_of_the_networks_own(calibration):
    raw, deviation = np.linspace(1, 5, 9), 1e-4
    truth = calibration.metres(raw * np.exp(-deviation))  # the network is too far by a part of its depth
    np.testing.assert_allclose(_log_error(replace(PRE, calibration=calibration), raw, truth), deviation, rtol=1e-3)
    np.testing.assert_allclose(_log_error(PRE, raw, raw * np.exp(-deviation)), deviation, rtol=1e-3)


def test_a_blind_picture_keeps_the_size_and_little_of_the_frame():
    rgb = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    for seed in range(20):
        blind = blinded(rgb, np.random.default_rng(seed))
        assert (blind.shape, blind.dtype) == (rgb.shape, np.uint8)
        assert np.abs(blind.astype(int) - rgb).mean() > 20


def test_a_head_that_exaggerates_is_set_right_and_both_intervals_cover():
    rng = np.random.default_rng(0)
    log_sigma = rng.uniform(-3, -1, 100_000)
    errors = -np.log1p(np.exp(log_sigma) * np.clip(rng.standard_normal(100_000), -2.5, 2.5))
    power, factor = calibrating(1.6 * log_sigma + 0.7, errors, np.zeros(len(errors)))
    assert power == pytest.approx(1 / 1.6, abs=0.05)
    sigma = factor * np.exp(power * (1.6 * log_sigma + 0.7))
    np.testing.assert_allclose(np.median(sigma / np.exp(log_sigma)), 1, rtol=0.03)


def test_of_heavy_tailed_errors_both_intervals_are_equally_far_from_what_they_say():
    errors = -np.log1p(0.05 * np.clip(np.random.default_rng(0).standard_t(3, 100_000), -15, 15))
    power, factor = calibrating(np.full(100_000, np.log(0.05)), errors, np.zeros(100_000))
    misses = np.abs(1 - np.exp(-errors)) / (factor * 0.05**power)
    more, less = np.mean(misses < 0.9945) - 0.68, 0.95 - np.mean(misses < 1.96)
    assert more > 0.01
    assert more / 0.05 == pytest.approx(less / 0.03, abs=0.02)


def test_of_two_data_sets_neither_is_covered_at_the_cost_of_the_other():
    """Nine in ten of the errors are of a set in which they are small, and count no more for that."""
    ratios, origin = np.full(100_000, np.log(0.05)), np.arange(100_000) % 10 == 0
    errors = -np.log1p(np.where(origin, 0.06, 0.05) * np.random.default_rng(0).standard_normal(100_000))
    for numbers, expected in ((origin, np.sqrt(0.05 * 0.06)), (np.zeros(100_000), 0.051)):
        power, factor = calibrating(ratios, errors, numbers)
        assert factor * 0.05**power == pytest.approx(expected, rel=0.01)


class Named:
    """A data set of which only the scenes are asked."""

    content, description = None, {}

    def __init__(self, name, scenes):
        self.path, self.scenes, self.scene_types = Path(name), scenes, scenes

    def __len__(self):
        return len(self.scenes)


def test_as_many_frames_are_taken_of_each_data_set(monkeypatch):
    monkeypatch.setattr("depth_models.confidence.FRAMES", 8)
    source = Mixture([Named("many", [f"r{i}" for i in range(20)]), Named("few", ["r0", "r1", "r1", "r2", "r2"])])
    indices, origin = _chosen(source, range(25))
    assert indices == [0, 6, 12, 19, 20, 21, 22, 24]
    assert list(origin.values()) == [0, 0, 0, 0, 1, 1, 1]  # by scene; those of one name in both are two


def test_frames_are_taken_from_everywhere():
    assert spread(range(100), 5) == [0, 24, 49, 74, 99]
    assert spread([3, 5], 5) == [3, 5]


def test_too_few_scenes_are_refused(checkpoint, source):
    with pytest.raises(DepthModelsError, match=r"frames of 4 scenes.*at least 8"):
        fit_sigma(checkpoint, source, range(8))


def test_frames_without_truth_are_refused(checkpoint, source, monkeypatch):
    frame = source[0]
    monkeypatch.setattr(Planted, "__getitem__", lambda *_: replace(frame, valid=np.zeros((64, 96), bool)))
    with pytest.raises(DepthModelsError, match="no truth in 60 frames"):
        fit_sigma(checkpoint, source, range(60))


def test_a_network_without_such_a_head_is_refused(source):
    network = create_network("baseline", hidden=(8,), map_size=(8, 12))
    with pytest.raises(DepthModelsError, match="no option sigma"):
        fit_sigma(Checkpoint.of(network, PRE), source, range(60))


def test_the_command_writes_a_checkpoint_and_says_what_it_covers(planes, weights, tmp_path, capsys):
    out = tmp_path / "sure.safetensors"
    arguments = ["confidence", weights, "--data", str(planes), "--part", "train", "--out", str(out), "--json"]
    assert main(arguments) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["frames"] == 8
    made = Checkpoint.load(find_checkpoint(out)).record["confidence"]
    assert {name: made["test"][name] for name in made["test"]} == {k: v for k, v in document.items() if k != "out"}
    assert made["command"].startswith("depth-models confidence ")
    assert 0 < made["test"]["coverage_68"] < made["test"]["coverage_95"] <= 1
    assert main(["evaluate", str(out), "--data", str(planes)]) == 0
    assert "coverage_95" in capsys.readouterr().out
    Image.fromarray(np.full((64, 96, 3), 90, np.uint8)).save(tmp_path / "grey.png")
    assert main(["predict", str(out), str(tmp_path / "grey.png"), "--out", str(tmp_path)]) == 0
    expected = DepthPredictor.from_checkpoint(out, "cpu")(np.full((64, 96, 3), 90, np.uint8))
    np.testing.assert_array_equal(np.load(tmp_path / "grey_sigma.npy"), expected.sigma_metres)


def test_it_is_fitted_and_measured_on_several_data_sets_at_once(planes, few_planes, weights, tmp_path, capsys):
    data, out = ["--data", str(planes), "--data", str(few_planes(10))], tmp_path / "sure.safetensors"
    assert main(["confidence", weights, *data, "--part", "train", "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["frames"] == 8 + 8
    made = Checkpoint.load(out).record["confidence"]
    assert made["data"]["frames"] == 160
    assert f"--data {data[1]} --data {data[3]} --split scene" in made["command"]


def test_too_small_a_part_ends_with_1_and_the_reason(planes, weights, tmp_path, capsys):
    assert main(["confidence", weights, "--data", str(planes), "--out", str(tmp_path / "a.safetensors")]) == 1
    assert "scenes" in capsys.readouterr().err
    assert not (tmp_path / "a.safetensors").exists()


def test_training_begins_without_the_head_and_does_not_train_one(fitted, checkpoint, tmp_path):
    fitted.save(tmp_path / "fitted.safetensors")
    options = {name: value for name, value in checkpoint.config.items() if name != "dropout"}
    values = {"network": "unet", "options": options, "preprocess": PRE.to_dict(), "loss": {"l1": 1.0}}
    network, came_from = first_network(TrainConfig.from_dict({**values, "init": str(tmp_path / "fitted.safetensors")}))
    assert network.sigma_head is None
    assert torch.equal(network.state_dict()["head.weight"], checkpoint.tensors["head.weight"])
    assert came_from["record"] == {"a": 1}
    with pytest.raises(DepthModelsError, match="depth-models confidence"):
        first_network(TrainConfig.from_dict({**values, "options": {**options, "sigma": True}}))
