"""Published weights of Depth Anything V2: checked name by name, and giving the depth that they were made for."""

import re

import numpy as np
import published_dpt as published
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from depth_estimation_ros.model import Model
from depth_estimation_ros.parameters import validate
from depth_models import Checkpoint, DepthModelsError, DepthPredictor, Preprocess, create_network
from depth_models.cli import main
from depth_models.depth_anything import read_published

SMALL = {"width": 384, "blocks": 12, "channels": (48, 96, 192, 384), "features": 64}
BASE = {"width": 768, "blocks": 12, "channels": (96, 192, 384, 768), "features": 128}
TAPS = (2, 5, 8, 11)


@pytest.fixture(scope="module")
def state():
    return published.random_state(**SMALL)


@pytest.fixture(scope="module")
def file(state, tmp_path_factory):
    path = tmp_path_factory.mktemp("published") / "some_vits.pth"
    torch.save(state, path)
    return path


def image(height, width):
    return torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(0))


def test_a_metric_file_gives_the_published_metres(file, state, tmp_path):
    checkpoint = read_published(file, 20.0, size=(56, 84), record={"command": "typed"})
    checkpoint.save(tmp_path / "dpt.safetensors")
    loaded = Checkpoint.load(tmp_path / "dpt.safetensors")
    with torch.inference_mode():
        depth = loaded.build()(image(56, 84)).depth[0, 0]
    expected = 20 * torch.sigmoid(published.raw(image(56, 84)[0], state, 6, TAPS))
    assert expected.max() - expected.min() > 2, "metres that differ"
    torch.testing.assert_close(depth.double(), expected, rtol=1e-4, atol=1e-4)
    assert (loaded.network, loaded.config["encoder"], loaded.config["max_depth_m"]) == ("dpt", "vit_small", 20.0)
    assert loaded.preprocess.metric
    assert loaded.record == {
        "origin": "Depth Anything V2, vit_small, metric, up to 20 m", "licence": "Apache-2.0", "command": "typed"
    }  # fmt: skip


def test_the_outdoor_maximum_scales_the_metres(file, state):
    with torch.inference_mode():
        depth = read_published(file, 80.0, size=(28, 42)).build()(image(28, 42)).depth[0, 0]
    expected = 80 * torch.sigmoid(published.raw(image(28, 42)[0], state, 6, TAPS))
    torch.testing.assert_close(depth.double(), expected, rtol=1e-4, atol=1e-4)


def test_a_relative_file_gives_one_over_the_published_inverse_depth(file, state):
    checkpoint = read_published(file, None, size=(56, 84))
    with torch.inference_mode():
        depth = checkpoint.build()(image(56, 84)).depth[0, 0].double()
    inverse = published.raw(image(56, 84)[0], state, 6, TAPS).clamp(min=1e-3)
    assert (inverse > 1e-2).double().mean() > 0.5
    torch.testing.assert_close(1 / depth, inverse, rtol=1e-4, atol=1e-4)
    assert not checkpoint.preprocess.metric
    assert checkpoint.record["origin"].endswith("relative")


def test_the_canvas_is_what_the_published_code_makes_of_a_4_3_picture(file):
    pre = read_published(file, 20.0).preprocess
    # Scaled so that the short side is 518, each side then to the nearest multiple of 14.
    assert (pre.height, pre.width) == (518, 14 * round(640 * 518 / 480 / 14))
    assert (pre.mean, pre.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert (pre.interpolation, pre.focal_px) == ("bicubic", None)
    assert read_published(file, 20.0, focal_px=598.0).preprocess.focal_px == 598.0


def test_a_safetensors_file_of_the_same_names_is_read_too(state, file, tmp_path):
    save_file(state, tmp_path / "vits.safetensors")
    one, other = read_published(file, 20.0), read_published(tmp_path / "vits.safetensors", 20.0)
    assert one.tensors.keys() == other.tensors.keys()
    assert all(torch.equal(tensor, other.tensors[name]) for name, tensor in one.tensors.items())


def test_every_name_and_shape_that_differs_is_listed(state, tmp_path):
    other = dict(state)
    del other["depth_head.scratch.refinenet2.out_conv.bias"], other["pretrained.mask_token"]
    del other["depth_head.scratch.refinenet4.resConfUnit1.conv1.weight"]
    other["pretrained.register_tokens"] = torch.zeros(1, 4, 384)
    other["pretrained.pos_embed"] = torch.zeros(1, 257, 384)
    torch.save(other, tmp_path / "other.pth")
    with pytest.raises(DepthModelsError) as caught:
        read_published(tmp_path / "other.pth", 20.0)
    assert str(caught.value).splitlines() == [
        f"{tmp_path}/other.pth: 5 tensors differ from Depth Anything V2 with vit_small:",
        "  depth_head.scratch.refinenet2.out_conv.bias is missing",
        "  pretrained.mask_token is missing",
        "  depth_head.scratch.refinenet4.resConfUnit1.conv1.weight is missing",
        "  pretrained.register_tokens is unknown",
        "  pretrained.pos_embed has shape (1, 257, 384), expected (1, 1370, 384)",
    ]


def test_a_long_list_of_differences_is_cut_and_counted(state, tmp_path):
    torch.save({k: v for k, v in state.items() if not k.startswith("pretrained.blocks.11.")}, tmp_path / "other.pth")
    torch.save(dict.fromkeys(list(state)[:3], torch.zeros(1, 1, 384)), tmp_path / "few.pth")
    with pytest.raises(DepthModelsError, match="14 tensors differ"):
        read_published(tmp_path / "other.pth", 20.0)
    with pytest.raises(DepthModelsError) as caught:
        read_published(tmp_path / "few.pth", 20.0)
    assert len(str(caught.value).splitlines()) == 22
    assert re.search(r"\n  and \d+ more$", str(caught.value))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"max_depth_m": 20.0, "size": (480, 640)}, "multiples of 14 pixels a side, got 480x640"),
        ({"max_depth_m": None, "focal_px": 500.0}, "no metres that a focal length could scale"),
        ({"max_depth_m": -1.0}, "needs a max_depth_m above 0.1 m, got -1.0"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(file, arguments, reason):
    with pytest.raises(DepthModelsError, match=reason):
        read_published(file, **arguments)


def test_files_of_something_else_are_refused(tmp_path):
    torch.save({"conv1.weight": torch.zeros(8, 3, 3, 3)}, tmp_path / "resnet.pth")
    with pytest.raises(DepthModelsError, match=r"not a published file of Depth Anything V2.* got names such as conv1"):
        read_published(tmp_path / "resnet.pth", 20.0)
    torch.save({"pretrained.cls_token": torch.zeros(1, 1, 1536)}, tmp_path / "giant.pth")
    with pytest.raises(DepthModelsError, match="C one of 384, 768, 1024, got a width of 1536"):
        read_published(tmp_path / "giant.pth", 20.0)
    torch.save({"model": {"a": torch.zeros(1)}}, tmp_path / "training.pth")
    with pytest.raises(DepthModelsError, match="expected a dictionary of tensors"):
        read_published(tmp_path / "training.pth", 20.0)


@pytest.mark.parametrize(
    ("name", "max_depth_m"),
    [("depth_anything_v2_metric_hypersim_vits.pth", None), ("depth_anything_v2_vits.pth", 20.0)],
)
def test_a_published_name_of_the_other_kind_is_refused(name, max_depth_m, tmp_path):
    """Both kinds hold the same names and shapes; read as the other they would give wrong metres without a word."""
    with pytest.raises(DepthModelsError, match=f"{name} is the name of a published"):
        read_published(tmp_path / name, max_depth_m)


def test_the_licence_follows_the_size(tmp_path):
    torch.save({k: torch.zeros(()).expand(shape) for k, shape in published.shapes(**BASE).items()}, tmp_path / "b.pth")
    checkpoint = read_published(tmp_path / "b.pth", 20.0)
    assert (checkpoint.config["encoder"], checkpoint.record["licence"]) == ("vit_base", "CC-BY-NC-4.0")


@pytest.mark.slow
def test_the_base_size_gives_the_published_metres(tmp_path):
    state = published.random_state(**BASE)
    torch.save(state, tmp_path / "vitb.pth")
    with torch.inference_mode():
        depth = read_published(tmp_path / "vitb.pth", 20.0, size=(56, 84)).build()(image(56, 84)).depth[0, 0]
    expected = 20 * torch.sigmoid(published.raw(image(56, 84)[0], state, 12, TAPS))
    torch.testing.assert_close(depth.double(), expected, rtol=1e-4, atol=1e-4)


def test_an_imported_checkpoint_predicts_in_metres_and_a_relative_one_is_refused(file, tmp_path):
    rgb = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    depth = DepthPredictor(read_published(file, 20.0, size=(56, 84)), device="cpu")(rgb)
    assert depth.metres.shape == (60, 80)
    assert depth.valid.all()
    read_published(file, None, size=(56, 84)).save(tmp_path / "relative.safetensors")
    with pytest.raises(DepthModelsError, match=r"depth only up to scale and shift.*depth-models calibrate"):
        DepthPredictor.from_checkpoint(tmp_path / "relative.safetensors", device="cpu")
    with pytest.raises(DepthModelsError, match=r"depth only up to scale and shift.*depth-models calibrate"):
        Model.load(validate({"weights": str(tmp_path / "relative.safetensors"), "device": "cpu"}))  # the node's way
    assert not Checkpoint.load(tmp_path / "relative.safetensors").preprocess.metric


def test_a_relative_network_gives_metres_once_calibrated(tmp_path):
    """Scale 0.02 and shift 0.1 of the inverse depth: what `calibrate` has to find from a few measured distances."""
    torch.manual_seed(0)
    pre = Preprocess(56, 84, (0.5,) * 3, (0.25,) * 3, metric=False)
    network = create_network("dpt", encoder="vit_micro", relative=True)
    with torch.no_grad():
        network.head[2].weight.mul_(90)
        network.head[2].bias.fill_(8.0)
    Checkpoint.of(network, pre).save(tmp_path / "relative.safetensors")
    rng, lines = np.random.default_rng(0), ["image,x,y,metres"]
    for index in range(4):
        rgb = rng.integers(0, 256, (56, 84, 3), dtype=np.uint8)
        Image.fromarray(rgb).save(tmp_path / f"{index}.png")
        with torch.inference_mode():
            inverse = 1 / network(pre.normalise(torch.from_numpy(rgb[None]))).depth[0, 0]
        metres = (1 / (0.02 * inverse + 0.1)).numpy()
        lines += [f"{index}.png,{x},{y},{metres[y, x]}" for x in range(4, 84, 9) for y in (5, 30, 50)]
    (tmp_path / "known.csv").write_text("\n".join(lines))
    relative, known, out = (str(tmp_path / name) for name in ("relative.safetensors", "known.csv", "out.safetensors"))
    assert main(["calibrate", relative, "--data", known, "--out", out]) == 0
    depth = DepthPredictor.from_checkpoint(out, device="cpu")(rgb)
    assert metres.max() > 1.2 * metres.min()
    np.testing.assert_allclose(depth.metres, metres, rtol=2e-3)
