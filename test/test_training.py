"""Training on pictures whose brightness is their depth: what is written, learnt, and gone on with after a stop."""

import json
import math
import subprocess
import sys
from pathlib import Path

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
    assert logged(best.parent) == events
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


def logged(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("period_s", [0.0, 1e9])
@pytest.mark.parametrize("stop", [1, 5, 8])
def test_a_run_that_was_stopped_ends_with_the_same_bits(run, planes, tmp_path, monkeypatch, stop, period_s):
    """Saved after every step, or after every epoch of four; in the latter case steps are done again."""
    monkeypatch.setattr("depth_models.training.SAVE_PERIOD_S", period_s)

    class Killed(Exception):
        pass

    def kill(event):
        if event["step"] == stop:
            raise Killed

    with pytest.raises(Killed):
        train(config(), planes, tmp_path, kill)
    with (tmp_path / "log.jsonl").open("a") as log:
        log.write('{"step": 9, "loss": 0.')  # as a kill in the middle of a line leaves it
    train(config(), planes, tmp_path)
    assert logged(tmp_path) == run[1]
    ours, theirs = Checkpoint.load(tmp_path / "last.safetensors"), Checkpoint.load(run[0].parent / "last.safetensors")
    assert ours.record == theirs.record
    assert all(torch.equal(ours.tensors[name], theirs.tensors[name]) for name in theirs.tensors)


def test_a_finished_run_does_nothing_and_another_configuration_is_refused(run, planes):
    best, _ = run
    before = best.stat().st_mtime_ns
    events: list[dict] = []
    assert train(config(workers=3), planes, best.parent, events.append) == best  # which changes no result
    assert (events, best.stat().st_mtime_ns) == ([], before)
    with pytest.raises(DepthModelsError, match="holds a run with another seed"):
        train(config(seed=1), planes, best.parent)


def test_a_run_does_not_go_on_with_other_data(run, few_planes):
    with pytest.raises(DepthModelsError, match=r"holds a run on other data .*planes.mat.*few_planes.mat"):
        train(config(), few_planes(10), run[0].parent)


def test_a_run_that_cannot_begin_leaves_its_folder_to_another(planes, tmp_path):
    options = config().options | {"encoder_weights": "/no/such/file.pth"}
    with pytest.raises(DepthModelsError, match="no such file"):
        train(config(options=options), planes, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_fine_tuning_begins_with_the_checkpoints_weights_and_records_it(run, planes, tmp_path):
    best, _ = run
    still = {"lr": 1e-12}
    # `imagenet` is not fetched, as `init` has the weights; dropout has none.
    options = config().options | {"encoder_weights": "imagenet", "dropout": 0.0}
    tuned = train(config(init=str(best), optimisation=still, options=options, epochs=1), planes, tmp_path / "tuned")
    ours, theirs = Checkpoint.load(tuned), Checkpoint.load(best)
    torch.testing.assert_close(ours.tensors["head.weight"], theirs.tensors["head.weight"], rtol=0, atol=1e-9)
    assert (ours.build().config["dropout"], theirs.build().config["dropout"]) == (0.0, 0.1)
    assert ours.record["init"] == {"checkpoint": str(best), "record": theirs.record}
    with pytest.raises(DepthModelsError, match="make network and options agree"):
        train(config(init=str(best), options={"encoder": "resnet18"}), planes, tmp_path / "other")


def test_a_full_disk_is_a_clear_error_and_nothing_is_half_written(planes, tmp_path):
    """With files limited to a size that configuration and log fit into and weights do not."""
    code = (
        "import resource, signal, sys; sys.path.insert(0, sys.argv[3]); import test_training as t\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try: t.train(t.config(), sys.argv[1], sys.argv[2])\n"
        "except t.DepthModelsError as error: print(error)\n"
    )
    command = [sys.executable, "-c", code, str(planes), str(tmp_path), str(Path(__file__).parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "last.safetensors: cannot be written (File too large)" in done.stdout
    assert sorted(p.name for p in tmp_path.iterdir()) == ["config.yaml", "log.jsonl"]


def test_a_loss_that_is_not_finite_stops_with_the_frames(planes, tmp_path):
    broken = config(optimisation={"lr": 1e30}, loss={"l2": 1.0})
    with pytest.raises(DepthModelsError, match=r"the loss is \S+ and its gradient \S+ at step \d+, on frames \[\d+"):
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
