"""Two processes of torchrun do what one does, and only the first of them writes."""

import json
import os
import subprocess
import sys

import pytest
import torch
import torch.distributed as dist
import yaml

pytest.importorskip("h5py")

from training_runs import logged, plain_config, state

from depth_models import DepthModelsError
from depth_models.distributed import gather, shard
from depth_models.training import train


def torchrun(*arguments):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    return subprocess.run(
        [*command, "-m", "depth_models", *map(str, arguments)], env=environment, capture_output=True, text=True
    )


def test_two_processes_reach_the_weights_of_one(planes, tmp_path):
    """Each step's two batches of eight, rotated and so with unlike numbers of valid pixels, dealt to both."""
    settings = plain_config(batch_size=8, accumulate=2, augmentation={"rotation_deg": 20.0, "rotation_p": 0.9})
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(settings.to_dict()))
    train(settings, planes, tmp_path / "one")
    done = torchrun("train", "--config", file, "--data", planes, "--out", tmp_path / "two", "--json")
    assert done.returncode == 0, done.stderr
    assert "find_unused_parameters" not in done.stderr  # torch's advice to turn off what this network does not need
    assert json.loads(done.stdout)["checkpoint"] == str(tmp_path / "two" / "best.safetensors")
    for event, expected in zip(logged(tmp_path / "two"), logged(tmp_path / "one"), strict=True):
        metrics, means = event.pop("val", {}), expected.pop("val", {})
        assert event == pytest.approx(expected, rel=1e-5)
        assert metrics == pytest.approx(means, rel=1e-5)
    ours, theirs = state(tmp_path / "two")["network"], state(tmp_path / "one")["network"]
    for name, tensor in theirs.items():
        torch.testing.assert_close(ours[name], tensor, rtol=1e-4, atol=1e-6)
    assert sorted(p.name for p in (tmp_path / "two").iterdir()) == sorted(p.name for p in (tmp_path / "one").iterdir())


def test_an_encoder_with_a_layer_that_no_decoder_reads_trains_in_two_processes(planes, tmp_path):
    light = {"encoder": "efficientnet_lite0", "encoder_weights": None, "freeze_encoder": False, "dropout": 0.0}
    settings = plain_config(network="unet", options=light, batch_size=8, epochs=2)
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(settings.to_dict()))
    done = torchrun("train", "--config", file, "--data", planes, "--out", tmp_path / "two")
    assert done.returncode == 0, done.stderr
    assert len(logged(tmp_path / "two")) > 2  # the second step is where gradients that never came would be missed


def in_process(monkeypatch, number, of):
    monkeypatch.setattr("depth_models.distributed.rank", lambda: number)
    monkeypatch.setattr("depth_models.distributed.world_size", lambda: of)


@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_gathered_results_are_in_the_order_of_the_items(monkeypatch, count):
    shares = []
    for number in range(3):
        in_process(monkeypatch, number, of=3)
        shares.append([f"result {item}" for item in shard(range(count))])

    def all_gather_object(everything, own):
        everything[:] = shares

    monkeypatch.setattr(dist, "all_gather_object", all_gather_object)
    assert gather(shares[0]) == [f"result {item}" for item in range(count)]


def test_alone_a_share_is_everything():
    assert list(shard(range(3))) == [0, 1, 2]
    assert gather([3, 4]) == [3, 4]


def test_a_batch_that_cannot_be_dealt_is_refused(planes, tmp_path, monkeypatch):
    monkeypatch.setattr("depth_models.training.start.world_size", lambda: 3)
    with pytest.raises(DepthModelsError, match="cannot be dealt evenly to 3"):
        train(plain_config(), planes, tmp_path / "run")
