"""`depth-models train`: what it takes, what it shows, and what it says in the end."""

from dataclasses import replace

import pytest
import yaml

pytest.importorskip("h5py")

from training_runs import plain_config

from depth_models import Checkpoint
from depth_models.cli import main
from depth_models.training import train


@pytest.fixture(scope="module")
def trained(planes, tmp_path_factory):
    """A checkpoint of a run of one epoch."""
    return train(replace(plain_config(), epochs=1), planes, tmp_path_factory.mktemp("trained"))


def test_a_run_shows_its_epochs_and_ends_with_what_it_left(planes, tmp_path, capsys):
    file, out = tmp_path / "mine.yaml", tmp_path / "run"
    file.write_text(yaml.safe_dump(plain_config().to_dict()))
    command = ["train", "--config", str(file), "--data", str(planes), "--out", str(out), "--set", "seed=3"]
    assert main(command) == 0
    printed = capsys.readouterr()
    assert "epoch 1: validation loss" in printed.err
    assert "64/64" in printed.err, "frames"
    for shown in ("frame/s", "loss=", "memory="):
        assert shown in printed.err
    record = Checkpoint.load(out / "best.safetensors").record
    assert record["command"] == f"depth-models {' '.join(command)}"
    assert record["config"]["seed"] == 3
    for name in ("best.safetensors", "last.safetensors", "log.jsonl"):
        assert str(out / name) in printed.out
    assert f"after 4 steps: abs_rel {record['val']['abs_rel']:.3f}" in printed.out
    assert main(command) == 0, "and once more there is nothing to do"


def test_init_alone_trains_as_the_checkpoint_was_trained_at_a_fifth_of_its_rate(trained, planes, tmp_path, monkeypatch):
    theirs, out = Checkpoint.load(trained), tmp_path / "tuned"
    assert main(["train", "--init", str(trained), "--data", str(planes), "--out", str(out), "--set", "epochs=1"]) == 0
    tuned = Checkpoint.load(out / "last.safetensors")
    before, now = theirs.record["config"], tuned.record["config"]
    assert now["optimisation"]["lr"] == pytest.approx(before["optimisation"]["lr"] / 5)
    assert (tuned.network, tuned.config, tuned.preprocess) == (theirs.network, theirs.config, theirs.preprocess)
    changed = {name for name in now if now[name] != before[name]}
    assert changed == {"optimisation", "options", "init"}, "options: all are named, and no weights of the encoder's"
    assert tuned.record["init"] == {"checkpoint": str(trained), "record": theirs.record}
    assert tuned.record["command"].startswith(f"depth-models train --init {trained} --data")

    monkeypatch.chdir(tmp_path)
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(plain_config().to_dict()))
    assert main(["train", "--config", str(file), "--init", str(trained), "--data", str(planes)]) == 0
    assert Checkpoint.load("runs/mine/last.safetensors").record["config"]["init"] == str(trained)


def test_init_alone_of_a_checkpoint_that_no_training_made_asks_for_a_configuration(trained, tmp_path, capsys):
    bare = tmp_path / "bare.safetensors"
    replace(Checkpoint.load(trained), record={}).save(bare)
    assert main(["train", "--init", str(bare), "--data", "x.mat", "--out", str(tmp_path / "o")]) == 1
    assert f"depth-models train baseline --init {bare}" in capsys.readouterr().err


@pytest.mark.parametrize("which", [[], ["unet", "--config", "mine.yaml"]])
def test_the_configuration_is_named_in_one_way(which, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["train", *which, "--data", "x.mat", "--out", "o"])
    assert caught.value.code == 2
    assert "--config" in capsys.readouterr().err


def test_a_misspelt_setting_of_a_file_is_named_with_the_right_one(tmp_path, capsys):
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(plain_config().to_dict()).replace("batch_size", "batchsize"))
    assert main(["train", "--config", str(file), "--data", "x.mat", "--out", str(tmp_path / "run")]) == 1
    assert f"{file}: unknown setting 'batchsize': did you mean 'batch_size'?" in capsys.readouterr().err
