"""Training on pictures whose brightness is their depth: what is written, learnt, and gone on with after a stop."""

import json
import math

import numpy as np
import pytest
import torch

pytest.importorskip("h5py")

from depth_models import Checkpoint, DepthModelsError, DepthPredictor
from depth_models.config import TrainConfig
from depth_models.data.loading import PreparedSet, ShuffledBatches, load
from depth_models.data.nyu import NyuFile
from depth_models.data.transforms import Augmentation
from depth_models.training import train


def config(**changes):
    values = {
        "network": "unet",
        "options": {
            "encoder": "mobilenet_v2",
            "decoder_channels": [16, 16, 8, 8, 8],
            "freeze_encoder": False,
            "dropout": 0.1,
        },
        "preprocess": {"height": 32, "width": 48, "mean": [0.5] * 3, "std": [0.25] * 3, "focal_px": 52.0},
        "augmentation": {"zoom": 1.3},
        "loss": {"log_l1": 1.0},
        "optimisation": {"lr": 3e-3, "schedule": "cosine", "warmup_steps": 2, "ema": 0.5, "clip_norm": 1.0},
        "batch_size": 16,
        "epochs": 3,
        "workers": 0,
    }
    return TrainConfig.from_dict(values | changes)


@pytest.fixture(scope="module")
def run(planes, tmp_path_factory):
    events: list[dict] = []
    best = train(config(), planes, tmp_path_factory.mktemp("run") / "unet", events.append)
    return best, events


def test_it_validates_every_epoch_and_logs_every_step(run):
    best, events = run
    assert [e["step"] for e in events] == list(range(1, 13))  # 64 training frames, 16 a step, 3 epochs
    assert all(e["steps"] == 12 for e in events)
    assert [json.loads(line) for line in (best.parent / "log.jsonl").read_text().splitlines()] == events
    validated = [e for e in events if "val" in e]
    assert [e["epoch"] for e in validated] == [1.0, 2.0, 3.0]
    assert all(math.isfinite(e["val_loss"]) and e["val"]["abs_rel"] > 0 for e in validated)


def test_it_learns_that_brightness_is_depth(planes, tmp_path):
    events: list[dict] = []
    train(config(epochs=10), planes, tmp_path, events.append)
    assert np.mean([e["loss"] for e in events[-4:]]) < 0.5 * np.mean([e["loss"] for e in events[:4]])


def test_the_rate_warms_up_and_falls_along_a_cosine(run):
    rates = [event["lr"] for event in run[1]]
    expected = [3e-3 * min(1, (s + 1) / 3) * (0.01 + 0.99 * (1 + math.cos(math.pi * s / 12)) / 2) for s in range(12)]
    assert rates == pytest.approx(expected, rel=1e-9)


def test_the_checkpoint_is_the_best_epochs_and_tells_how_it_was_made(run, planes):
    best, events = run
    checkpoint = Checkpoint.load(best)
    losses = {e["step"]: e["val_loss"] for e in events if "val" in e}
    assert checkpoint.record["steps"] == min(losses, key=losses.get)
    assert checkpoint.record["data"]["seed"] == 0
    assert checkpoint.record["data"]["frames"] == 80
    assert checkpoint.record["frames"] == {"train": 64, "val": 8}
    assert TrainConfig.from_dict(checkpoint.record["config"]) == config()
    sample = NyuFile(planes)[0]
    depth = DepthPredictor(checkpoint, "cpu")(sample.rgb, sample.camera.fx, sample.camera.fy)
    assert depth.valid.all()


@pytest.mark.parametrize("stop", [1, 5, 8])
def test_a_run_that_was_stopped_ends_with_the_same_bits(run, planes, tmp_path, monkeypatch, stop):
    monkeypatch.setattr("depth_models.training.SAVE_PERIOD_S", 0.0)

    class Killed(Exception):
        pass

    def kill(event):
        if event["step"] == stop:
            raise Killed

    with pytest.raises(Killed):
        train(config(), planes, tmp_path, kill)
    train(config(), planes, tmp_path)
    ours, theirs = Checkpoint.load(tmp_path / "last.safetensors"), Checkpoint.load(run[0].parent / "last.safetensors")
    assert ours.record == theirs.record
    assert all(torch.equal(ours.tensors[name], theirs.tensors[name]) for name in theirs.tensors)


def test_a_finished_run_does_nothing_and_another_configuration_is_refused(run, planes):
    best, _ = run
    before = best.stat().st_mtime_ns
    events: list[dict] = []
    assert train(config(), planes, best.parent, events.append) == best
    assert (events, best.stat().st_mtime_ns) == ([], before)
    with pytest.raises(DepthModelsError, match="another configuration"):
        train(config(seed=1), planes, best.parent)


def test_a_loss_that_is_not_finite_stops_with_the_frames(planes, tmp_path):
    broken = config(optimisation={"lr": 1e30}, loss={"l2": 1.0})
    with pytest.raises(DepthModelsError, match=r"the loss is (nan|inf) at step \d+, on frames \[\d+"):
        train(broken, planes, tmp_path)


def test_a_split_without_validation_is_refused(few_planes, tmp_path):
    with pytest.raises(DepthModelsError, match="no frame to validate on"):
        train(config(batch_size=4), few_planes(1), tmp_path / "run")


def test_too_few_frames_are_refused(planes, tmp_path):
    with pytest.raises(DepthModelsError, match="fewer than one batch of 100"):
        train(config(batch_size=100), planes, tmp_path)


def test_targets_are_metres_at_the_canonical_focal_length_on_the_canvas(planes):
    source, pre = NyuFile(planes), config().preprocess
    sample = source[3]
    canvas, target, valid, factor = PreparedSet(source, pre, None, 0)[0, 3]
    assert factor == pytest.approx(sample.camera.fx / 52.0)
    np.testing.assert_array_equal(canvas, sample.rgb)  # same size: no resizing
    np.testing.assert_allclose(target[0].numpy() * factor, sample.depth, rtol=1e-6)
    assert valid.all()


def test_samples_do_not_depend_on_who_loads_them_nor_on_where_the_run_began(planes):
    prepared = PreparedSet(NyuFile(planes), config().preprocess, Augmentation(zoom=1.5, noise=0.1), 3)
    alone = list(load(prepared, ShuffledBatches(range(20), 4, 2, 3), workers=0))
    shared = list(load(prepared, ShuffledBatches(range(20), 4, 2, 3), workers=2))
    later = list(load(prepared, ShuffledBatches(range(20), 4, 2, 3, first_step=7), workers=0))
    assert (len(alone), len(shared), len(later)) == (10, 10, 3)
    for first, second in (*zip(alone, shared, strict=True), *zip(alone[7:], later, strict=True)):
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_an_epoch_is_every_frame_once_in_an_order_of_its_own():
    batches = list(ShuffledBatches(range(10, 22), 4, 2, 0))
    first, second = batches[:3], batches[3:]
    assert {key for batch in first for key in batch} == {(0, i) for i in range(10, 22)}
    assert {key for batch in second for key in batch} == {(1, i) for i in range(10, 22)}
    assert [i for batch in first for _, i in batch] != [i for batch in second for _, i in batch]
