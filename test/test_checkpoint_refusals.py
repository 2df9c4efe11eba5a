"""Checkpoints that are broken, foreign or hostile: refused by name, with a way out; no code of theirs runs."""

import json
import pickle

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from depth_models import Checkpoint, DepthModelsError, Preprocess, create_network, list_networks
from depth_models import checkpoint as checkpoint_module
from depth_models.networks.registry import network_class


def preprocess():
    return Preprocess(64, 96, mean=(0.5, 0.4, 0.3), std=(0.2, 0.25, 0.3), focal_px=70.0)


def checkpoint_of(name):
    return Checkpoint.of(create_network(name, **network_class(name).small), preprocess())


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
    known = ", ".join(list_networks())
    assert f"unknown network 'transformer'; known networks: {known}" in refusal(forged(network="transformer"))


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
    monkeypatch.setattr("depth_models.networks.create_network", lambda *_, **__: pytest.fail("it was built"))
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
