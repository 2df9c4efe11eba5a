"""Checkpoints: what was saved comes back, and nothing else is taken."""

import json
import os
import pickle
import subprocess
import sys

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from depth_models import Checkpoint, DepthModelsError, DepthPredictor, Preprocess, create_network, list_networks
from depth_models import checkpoint as checkpoint_module
from depth_models.checkpoint import find_checkpoint
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


@pytest.fixture
def forged(saved, tmp_path):
    """Call it with what to change for a file that is otherwise good."""

    def forge(tensors=None, metadata=None, **description):
        with safe_open(saved, "pt") as file:
            own = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            document = json.loads(file.metadata()["depth_models"])
        own = {k: v for k, v in {**own, **(tensors or {})}.items() if v is not None}
        document = {k: v for k, v in {**document, **description}.items() if v is not None}
        path = tmp_path / "forged.safetensors"
        save_file(own, path, metadata={"depth_models": json.dumps(document)} if metadata is None else metadata)
        return path

    return forge


def refusal(path):
    """The message with which loading and building refuses a file; it names the file."""
    with pytest.raises(DepthModelsError) as caught:
        Checkpoint.load(path).build()
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value)


class Bomb:
    """Unpickling it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


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


def test_weights_too_large_for_half_precision_are_not_written(saved, tmp_path):
    checkpoint = Checkpoint.load(saved)
    next(iter(checkpoint.tensors.values())).view(-1)[0] = 1e6
    path = tmp_path / "half.safetensors"
    with pytest.raises(DepthModelsError, match="too large for"):
        checkpoint.save(path, torch.float16)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth", ".ckpt", ""])
@pytest.mark.parametrize("how", ["pickle", "torch", "torch_legacy"])
def test_a_pickle_is_refused_under_any_suffix_and_its_code_not_run(suffix, how, tmp_path):
    path, crater = tmp_path / f"weights{suffix}", tmp_path / "crater"
    if how == "pickle":
        path.write_bytes(pickle.dumps(Bomb(crater)))
    else:
        torch.save({"weight": Bomb(crater)}, path, _use_new_zipfile_serialization=how == "torch")
    assert "Pickled weights" in refusal(path)
    assert not crater.exists()
    if how == "pickle":  # the bomb is real
        pickle.loads(path.read_bytes()).close()
        assert crater.exists()


@pytest.mark.parametrize("kept", [0, 1, 7, 8, 100, 0.5, 0.999, -1])
def test_a_truncated_file_is_refused(kept, saved, tmp_path):
    path, whole = tmp_path / "cut.safetensors", saved.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole)) if isinstance(kept, float) else kept])
    assert "cut short" in refusal(path)


def test_a_file_with_more_bytes_than_it_should_have_is_refused(saved, tmp_path):
    path = tmp_path / "long.safetensors"
    path.write_bytes(saved.read_bytes() + b"x")
    assert "not a complete safetensors file" in refusal(path)


def test_an_absent_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "none.safetensors", tmp_path):
        assert "no such checkpoint file" in refusal(path)


def test_tensors_that_do_not_fit_are_refused(forged):
    name = "fine.0.0.weight"
    assert f"{name} is missing" in refusal(forged({name: None}))
    assert "surplus is unknown" in refusal(forged({"surplus": torch.zeros(3)}))
    wrong = refusal(forged({name: torch.zeros(100, 3, 11, 10)}))
    assert f"{name} has shape (100, 3, 11, 10), expected (100, 3, 11, 11)" in wrong
    for value in (torch.nan, torch.inf, -torch.inf):
        tensor = torch.zeros(100, 3, 11, 11)
        tensor[99, 2, 10, 10] = value
        assert f"{name} has values that are NaN or infinite" in refusal(forged({name: tensor}))


def test_many_misfits_are_counted_and_not_listed(forged):
    message = refusal(forged({f"surplus.{i}": torch.zeros(1) for i in range(10)}))
    assert message.count("is unknown") == 3
    assert "and 7 more" in message
    assert "Save it again with the version of the package that trained it" in message


def test_tensors_without_a_description_are_not_a_checkpoint(forged):
    for metadata in ({}, {"format": "pt"}):
        assert "holds tensors, not a checkpoint" in refusal(forged(metadata=metadata))


@pytest.mark.parametrize("text", ["", "{", "null", "[]", '"depth_models"', "[" * 100_000, '{"format": "depth_models"}'])
def test_a_description_that_is_not_ours_is_refused(text, forged):
    assert "description is malformed" in refusal(forged(metadata={"depth_models": text}))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", "other"),
        ("format", 1),
        ("version", "1"),
        ("version", float("inf")),
        ("version", None),
        ("network", 3),
        ("network", None),
        ("config", [1]),
        ("config", None),
        ("preprocess", "none"),
        ("record", 5),
    ],
)
def test_a_malformed_part_of_the_description_is_named(key, value, forged):
    message = refusal(forged(**{key: value}))
    assert f"description is malformed (at {key})" in message
    assert "save it again" in message


def test_a_newer_version_asks_for_an_upgrade_whatever_else_it_holds(forged):
    message = refusal(forged(version=checkpoint_module.VERSION + 1, network=None, config="new kind"))
    assert "format version 2, and this package reads up to 1; upgrade" in message


def test_an_unknown_network_lists_the_known_ones(forged):
    assert "unknown network 'transformer'; this package has baseline, fpn, multiscale, unet" in refusal(
        forged(network="transformer")
    )


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ({"layers": 3}, "has no option layers; its options: coarse, input_size"),
        ({"input_size": [64, 90]}, "multiples of 8"),
        ({"input_size": [64]}, "cannot be built"),
        ({"input_size": "64x96"}, "cannot be built"),
        ({"input_size": [1 << 40, 1 << 40]}, "cannot be built"),
        ({"input_size": [128, 96]}, "takes (128, 96) images, got (64, 96)"),
        ({"input_size": [64, 96], "coarse": False}, "tensors do not fit"),
    ],
)
def test_a_config_that_does_not_build_this_network_is_refused(config, complaint, forged):
    message = refusal(forged(config=config))
    assert complaint in message
    assert "Save it again" in message


@pytest.mark.parametrize("weights", ["imagenet", "/etc/hostname"])
def test_a_config_cannot_make_us_fetch_or_read_other_weights(weights, tmp_path, monkeypatch):
    checkpoint = checkpoint_of("unet")
    checkpoint.config["encoder_weights"] = weights
    path = tmp_path / "fetching.safetensors"
    checkpoint.save(path)
    monkeypatch.setattr(checkpoint_module, "create_network", lambda *_, **__: pytest.fail("it was built"))
    assert f"asks for other weights ('{weights}')" in refusal(path)


def test_an_encoder_name_cannot_make_us_ask_a_server(tmp_path):
    checkpoint = checkpoint_of("unet")
    checkpoint.config["encoder"] = "tu-hf-hub:someone/something"
    path = tmp_path / "asking.safetensors"
    checkpoint.save(path)
    assert "unknown encoder 'tu-hf-hub:someone/something'" in refusal(path)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"std": [0.2, 0.0, 0.2]}, "positive, finite std"),
        ({"mean": [0.5, float("nan"), 0.5]}, "three finite values"),
        ({"mean": "abc"}, "malformed"),
        ({"width": "96"}, "whole pixels"),
        ({"height": 1 << 20}, "1 to 4096 whole pixels"),
        ({"height": 60}, "multiples of 8"),
        ({"focal_px": -1.0}, "focal length"),
        ({"gamma": 2.2}, "has the keys"),
    ],
)
def test_bad_preprocessing_is_refused(change, complaint, forged):
    message = refusal(forged(preprocess={**preprocess().to_dict(), **change}))
    assert complaint in message
    assert "Save it again" in message


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
    return file


def test_a_bundled_name_and_a_path_are_found(bundled, saved):
    assert find_checkpoint("multiscale") == bundled
    assert find_checkpoint(str(saved)) == saved
    assert DepthPredictor.from_checkpoint("multiscale", device="cpu").checkpoint.source == str(bundled)


@pytest.mark.parametrize("name", ["baseline", "fpn", "unet"])
def test_a_network_without_bundled_weights_says_how_to_get_some(name, bundled):
    with pytest.raises(DepthModelsError) as caught:
        find_checkpoint(name)
    message = str(caught.value)
    assert f"no weights are bundled for '{name}' (bundled: multiscale)" in message
    assert f"depth-models train config/{name}.yaml" in message
    assert "weights:=/path/to/file.safetensors" in message


def test_what_is_neither_a_name_nor_a_file_lists_the_names(bundled):
    with pytest.raises(DepthModelsError) as caught:
        find_checkpoint("nonsense")
    assert "'nonsense' is neither a file nor a bundled checkpoint (bundled: multiscale)" in str(caught.value)
    assert "baseline, fpn, multiscale, unet" in str(caught.value)
