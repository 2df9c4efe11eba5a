"""Checkpoints: what was saved comes back, a file is whole or absent, and a name finds its file."""

import os
import subprocess
import sys

import pytest
import torch

from depth_models import Checkpoint, DepthModelsError, DepthPredictor, Preprocess, create_network, list_networks
from depth_models import checkpoint as checkpoint_module
from depth_models.checkpoint import find_checkpoint
from depth_models.files import share_folder
from depth_models.networks.registry import network_class

RECORD = {"data": "rooms seed 0, 12 frames", "seed": 0, "steps": 3, "metrics": {"abs_rel": 0.25}}


def preprocess(size=(64, 96)):
    return Preprocess(*size, mean=(0.5, 0.4, 0.3), std=(0.2, 0.25, 0.3), focal_px=70.0)


def checkpoint_of(name):
    torch.manual_seed(0)
    cls = network_class(name)
    return Checkpoint.of(create_network(name, **cls.small), preprocess(cls.small_size), RECORD)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A good file: the smallest of the networks."""
    path = tmp_path_factory.mktemp("checkpoint") / "good.safetensors"
    checkpoint_of("multiscale").save(path)
    return path


@pytest.mark.parametrize("name", list_networks())
def test_the_network_comes_back_bit_for_bit(name, tmp_path):
    checkpoint = checkpoint_of(name)
    path = tmp_path / f"{name}.safetensors"
    checkpoint.save(path)
    loaded = Checkpoint.load(path)
    network = loaded.build()
    assert (loaded.network, loaded.preprocess, loaded.record) == (name, checkpoint.preprocess, RECORD)
    assert loaded.source == str(path)
    assert network.config == checkpoint.config, "JSON makes lists of tuples; the network must not"
    assert not network.training
    state = network.state_dict()
    for key, tensor in checkpoint.tensors.items():
        assert torch.equal(state[key], tensor), key
    # Also what is in no state dict: the original's outputs.
    original = create_network(name, **network_class(name).small)
    original.load_state_dict(checkpoint.tensors, strict=False)
    image = torch.rand(1, 3, *network_class(name).small_size)
    with torch.inference_mode():
        assert torch.equal(network(image).depth, original(image).depth)


def test_half_precision_halves_the_file_and_rounds_the_weights(saved, tmp_path):
    checkpoint = Checkpoint.load(saved)
    path = tmp_path / "half.safetensors"
    checkpoint.save(path, torch.float16)
    loaded = Checkpoint.load(path)
    for key, tensor in checkpoint.tensors.items():
        assert loaded.tensors[key].dtype == torch.float32
        assert torch.equal(loaded.tensors[key], tensor.half().float()), key
    loaded.build()
    assert path.stat().st_size < 0.51 * saved.stat().st_size


def test_the_same_checkpoint_gives_the_same_bytes(saved, tmp_path):
    again = tmp_path / "again.safetensors"
    Checkpoint.load(saved).save(again)
    assert again.read_bytes() == saved.read_bytes()
    umask = os.umask(0)
    os.umask(umask)
    assert saved.stat().st_mode & 0o777 == 0o666 & ~umask


def test_weights_too_large_for_half_precision_stay_as_they_are(saved, tmp_path):
    checkpoint = Checkpoint.load(saved)
    large, other, *_ = checkpoint.tensors
    checkpoint.tensors[large].view(-1)[0] = 1e6
    path = tmp_path / "half.safetensors"
    checkpoint.save(path, torch.float16)
    loaded = Checkpoint.load(path).tensors
    assert torch.equal(loaded[large], checkpoint.tensors[large])
    assert torch.equal(loaded[other], checkpoint.tensors[other].half().float())


def test_weights_that_are_not_finite_are_not_written(saved, tmp_path):
    checkpoint = Checkpoint.load(saved)
    name = next(iter(checkpoint.tensors))
    checkpoint.tensors[name].view(-1)[0] = torch.nan
    with pytest.raises(DepthModelsError, match=f"{name} has weights that are NaN or infinite"):
        checkpoint.save(tmp_path / "half.safetensors", torch.float16)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_while_writing_leaves_the_old_file(saved, tmp_path, monkeypatch):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"old")

    def fail(self, data):
        with self.open("wb") as file:
            file.write(data[:1000])
        raise KeyboardInterrupt

    monkeypatch.setattr("pathlib.Path.write_bytes", fail)
    with pytest.raises(KeyboardInterrupt):
        Checkpoint.load(saved).save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["weights.safetensors"]
    assert path.read_bytes() == b"old"


FULL_DISK = """
import resource, sys
from depth_models import Checkpoint, DepthModelsError
checkpoint = Checkpoint.load(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # writing more fails, as on a full disk
try:
    checkpoint.save(sys.argv[2])
except DepthModelsError as error:
    print(error)
"""


def test_a_full_disk_is_a_clear_error_and_leaves_the_old_file(saved, tmp_path):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"old")
    run = subprocess.run(
        [sys.executable, "-c", FULL_DISK, saved, path], capture_output=True, text=True, timeout=120, check=True
    )
    assert run.stdout.startswith(f"{path}: cannot be written (File too large)")
    assert [p.name for p in tmp_path.iterdir()] == ["weights.safetensors"]
    assert path.read_bytes() == b"old"


def test_a_folder_that_cannot_be_made_is_a_clear_error(saved, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DepthModelsError, match=r"weights.safetensors: cannot be written"):
        Checkpoint.load(saved).save(tmp_path / "file" / "weights.safetensors")


def test_missing_folders_are_made(saved, tmp_path):
    path = tmp_path / "a" / "b" / "weights.safetensors"
    Checkpoint.load(saved).save(path)
    assert [p.name for p in path.parent.iterdir()] == ["weights.safetensors"]


@pytest.fixture
def bundled(tmp_path, monkeypatch, saved):
    """One bundled checkpoint, `multiscale`."""
    file = tmp_path / "weights" / "multiscale.safetensors"
    file.parent.mkdir()
    file.write_bytes(saved.read_bytes())
    monkeypatch.setattr(checkpoint_module, "share_folder", lambda name: tmp_path / name)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    return file


def test_an_added_name_is_found_and_a_bundled_one_goes_before_it(bundled, saved, tmp_path):
    folder = tmp_path / "home" / "depth_estimation_ros" / "weights"
    folder.mkdir(parents=True)
    for name in ("baseline", "multiscale"):
        (folder / f"{name}.safetensors").write_bytes(saved.read_bytes())
    assert find_checkpoint("baseline") == folder / "baseline.safetensors"
    assert find_checkpoint("multiscale") == bundled
    with pytest.raises(DepthModelsError, match=r"\(bundled: multiscale; added: baseline, multiscale\)"):
        find_checkpoint("nonsense")


def test_a_bundled_name_and_a_path_are_found(bundled, saved):
    assert find_checkpoint("multiscale") == bundled
    assert find_checkpoint(str(saved)) == saved
    assert DepthPredictor.from_checkpoint("multiscale", device="cpu").checkpoint.source == str(bundled)


@pytest.mark.parametrize("name", ["baseline", "dpt", "fpn", "unet"])
def test_a_network_without_bundled_weights_says_how_to_get_some(name, bundled):
    with pytest.raises(DepthModelsError) as caught:
        find_checkpoint(name)
    message = str(caught.value)
    assert f"no weights are bundled for '{name}', and none were added (bundled: multiscale; added: none)" in message
    assert f"depth-models train {name} --data" in message
    assert (share_folder("config") / "train" / f"{name}.yaml").is_file(), "the command that it names has its settings"
    assert f"depth-models weights add FILE --name {name}" in message
    assert "weights:=/path/to/file.safetensors" in message


def test_what_is_neither_a_name_nor_a_file_lists_the_names(bundled):
    with pytest.raises(DepthModelsError) as caught:
        find_checkpoint("nonsense")
    known = "(bundled: multiscale; added: none)"
    assert f"'nonsense' is neither a file nor a checkpoint's name {known}" in str(caught.value)
    assert "baseline, dpt, fpn, multiscale, unet" in str(caught.value)
