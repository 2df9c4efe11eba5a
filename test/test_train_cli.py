"""`depth-models train`: what it takes, what it shows, and what it says in the end."""

import pytest
import yaml

pytest.importorskip("h5py")

from training_runs import plain_config

from depth_models import Checkpoint
from depth_models.cli import main


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
