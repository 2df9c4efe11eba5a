"""Training on pictures whose brightness is their depth: what is written, learnt, and gone on with after a stop."""

import math
import random
import subprocess
import sys
import time
from dataclasses import asdict
from json import loads
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("h5py")

from safetensors.torch import save_file
from training_runs import config, logged, plain_config, same, state

from depth_models import Checkpoint, DepthModelsError, DepthPredictor
from depth_models.config import TrainConfig
from depth_models.data.nyu import NyuFile
from depth_models.data.splits import make_split
from depth_models.networks import create_network
from depth_models.training import train
from depth_models.training.learner import Learner
from depth_models.training.start import first_network


@pytest.fixture(scope="module")
def run(planes, tmp_path_factory):
    events: list[dict] = []
    best = train(config(), planes, tmp_path_factory.mktemp("run") / "unet", events.append)
    return best, events


def test_it_validates_every_epoch_and_logs_every_step(run):
    best, events = run
    assert [e["step"] for e in events] == list(range(1, 7))  # 64 training frames, 32 a step, 3 epochs
    assert all(e["steps"] == 6 for e in events)
    assert logged(best.parent) == events
    validated = [e for e in events if "val" in e]
    assert [e["epoch"] for e in validated] == [1.0, 2.0, 3.0]
    assert all(math.isfinite(e["val_loss"]) and e["val"]["abs_rel"] > 0 for e in validated)


def test_it_learns_that_brightness_is_depth(planes, tmp_path):
    events: list[dict] = []
    train(config(epochs=8, batch_size=16), planes, tmp_path, events.append)
    assert np.mean([e["loss"] for e in events[-4:]]) < 0.5 * np.mean([e["loss"] for e in events[:4]])


def test_the_rate_warms_up_and_falls_along_a_cosine(run):
    rates = [event["lr"] for event in run[1]]
    expected = [3e-3 * min(1, (s + 1) / 3) * (0.01 + 0.99 * (1 + math.cos(math.pi * s / 6)) / 2) for s in range(6)]
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


def test_the_log_has_the_gradients_norm_before_clipping(run):
    norms = [event["grad_norm"] for event in run[1]]
    assert all(math.isfinite(norm) and norm > 0 for norm in norms)
    assert max(norms) > 1.0, "the configuration clips at 1"


def test_the_folder_tells_which_frames_trained_validated_and_tested(run, planes):
    split = loads((run[0].parent / "split.json").read_text())
    expected = asdict(make_split("scene", NyuFile(planes).scenes))
    assert split == {"name": "scene", **{part: list(indices) for part, indices in expected.items()}}


def test_the_saved_configuration_makes_the_same_run_again(run, planes, tmp_path):
    train(TrainConfig.load(run[0].parent / "config.yaml"), planes, tmp_path)
    assert same(state(tmp_path), state(run[0].parent))


class Stopped(Exception):
    """What ends a run here."""


def train_until(step, planes, folder, **changes):
    def stop(event):
        if event["step"] == step:
            raise Stopped

    with pytest.raises(Stopped):
        train(config(**changes), planes, folder, stop)


@pytest.mark.parametrize(("stop", "period_s"), [(1, 1e9), (3, 0.0), (5, 1e9)])
def test_a_run_that_was_stopped_ends_with_the_same_bits(run, planes, tmp_path, monkeypatch, stop, period_s):
    """Saved after every step, or after every epoch of two; in the latter case steps are done again."""
    monkeypatch.setattr("depth_models.training.run.SAVE_PERIOD_S", period_s)
    train_until(stop, planes, tmp_path)
    with (tmp_path / "log.jsonl").open("a") as log:
        log.write('{"step": 6, "loss": 0.')  # as a kill in the middle of a line leaves it
    train(config(), planes, tmp_path)
    assert logged(tmp_path) == run[1]
    assert same(state(tmp_path), state(run[0].parent))
    ours, theirs = Checkpoint.load(tmp_path / "last.safetensors"), Checkpoint.load(run[0].parent / "last.safetensors")
    assert ours.record == theirs.record
    assert same(ours.tensors, theirs.tensors)


KILLED = """
import sys
sys.path.insert(0, sys.argv[3])
import depth_models.training.run as run
from training_runs import config
run.SAVE_PERIOD_S = 0.0
run.train(config(), sys.argv[1], sys.argv[2], lambda event: print(event["step"], flush=True))
"""


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)])
def test_a_process_that_was_killed_at_any_moment_ends_with_the_same_bits(run, planes, tmp_path, seed):
    """SIGKILL, in or between the savings of a run that saves after every step."""
    chance = random.Random(seed)
    command = [sys.executable, "-c", KILLED, str(planes), str(tmp_path), str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        last_step = chance.randint(1, 5)
        while int(process.stdout.readline()) < last_step:
            pass
        time.sleep(chance.uniform(0, 0.2))
        process.kill()
    assert process.returncode == -9
    train(config(), planes, tmp_path)
    assert logged(tmp_path) == run[1]
    assert same(state(tmp_path), state(run[0].parent))


def test_every_second_epoch_is_kept_on_request(planes, tmp_path):
    train(plain_config(epochs=5, keep_every=2, batch_size=64), planes, tmp_path)
    kept = {path.name: Checkpoint.load(path).record["steps"] for path in tmp_path.glob("epoch_*")}
    assert kept == {"epoch_0002.safetensors": 2, "epoch_0004.safetensors": 4}


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


def test_an_encoder_out_of_another_networks_checkpoint_is_taken_and_its_training_recorded(tmp_path):
    path = str(tmp_path / "unet.safetensors")
    unet = create_network("unet", encoder="resnet18")
    Checkpoint.of(unet, config().preprocess, {"data": {"file": "d.mat"}}).save(path)
    options = {"encoder": "resnet18", "encoder_weights": path}
    fpn, came_from = first_network(config(network="fpn", options=options))
    torch.testing.assert_close(fpn.encoder.state_dict(), unet.encoder.state_dict(), rtol=0, atol=0)
    assert came_from == {"checkpoint": path, "part": "encoder", "record": {"data": {"file": "d.mat"}}}
    save_file(unet.encoder.state_dict(), path)  # a bare state dict, which says nothing of itself
    assert first_network(config(network="fpn", options=options))[1] == {}


def test_a_full_disk_is_a_clear_error_and_the_last_good_checkpoint_stays(planes, tmp_path):
    """With files limited to a size that configuration and log fit into and weights do not."""
    train_until(3, planes, tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in ("last.safetensors", "best.safetensors", "state.pt")}
    files = sorted(path.name for path in tmp_path.iterdir())
    code = (
        "import resource, signal, sys; sys.path.insert(0, sys.argv[3])\n"
        "from training_runs import config; from depth_models.training import train\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try: train(config(), sys.argv[1], sys.argv[2])\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    command = [sys.executable, "-c", code, str(planes), str(tmp_path), str(Path(__file__).parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("DepthModelsError")
    assert "last.safetensors: cannot be written (File too large)" in done.stdout
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == files


def test_a_loss_that_is_not_finite_stops_with_the_frames_and_the_last_good_checkpoint(
    run, planes, tmp_path, monkeypatch
):
    loss = Learner.loss
    monkeypatch.setattr(Learner, "loss", lambda self, *batch: loss(self, *batch) * (math.nan if self.step > 2 else 1))
    with pytest.raises(DepthModelsError) as caught:
        train(config(), planes, tmp_path)
    assert "the loss is nan" in str(caught.value)
    assert "at step 3, on frames [" in str(caught.value)
    frames = str(caught.value).partition("frames [")[2].partition("]")[0].split(", ")
    assert len({*map(int, frames)} & set(range(64))) == 32
    assert f"last good checkpoint: {tmp_path / 'last.safetensors'}" in str(caught.value)
    assert Checkpoint.load(tmp_path / "last.safetensors").record["steps"] == 2
    monkeypatch.undo()
    train(config(), planes, tmp_path)  # what was saved is sound
    assert same(state(tmp_path), state(run[0].parent))


def test_a_gradient_that_is_not_finite_before_the_first_epoch_says_so(planes, tmp_path):
    broken = config(optimisation={"lr": 1e30}, loss={"l2": 1.0})
    with pytest.raises(DepthModelsError, match=r"the loss is \S+ and its gradient \S+ at step \d+.* none yet"):
        train(broken, planes, tmp_path)


def test_another_network_does_not_go_on(run, planes):
    with pytest.raises(DepthModelsError, match="holds a run with another network"):
        train(config(network="fpn", options={"encoder": "resnet18"}), planes, run[0].parent)


def test_tensorboard_has_the_curves_and_the_pictures_of_the_run(planes, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events: list[dict] = []
    train(plain_config(batch_size=32, tensorboard=True), planes, tmp_path, events.append)
    board = EventAccumulator(str(tmp_path / "tensorboard"))
    board.Reload()
    assert [s.value for s in board.Scalars("train/grad_norm")] == pytest.approx([e["grad_norm"] for e in events])
    assert [s.value for s in board.Scalars("val/abs_rel")] == pytest.approx([events[-1]["val"]["abs_rel"]])
    assert board.Tags()["images"] == ["frame 64", "frame 66", "frame 68", "frame 71"]
    picture = board.Images("frame 64")[0]
    assert (picture.step, picture.width, picture.height) == (2, 3 * 48, 32)


def test_without_tensorboard_a_run_warns_and_goes_on(planes, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)  # as if it were not there
    with pytest.warns(UserWarning, match="tensorboard=false"):
        train(plain_config(batch_size=64, tensorboard=True), planes, tmp_path)
    assert (tmp_path / "best.safetensors").is_file()
