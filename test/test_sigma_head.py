"""The head that tells how far depth may be off: against numpy, and as a part of the networks that have it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from depth_models import Checkpoint, DepthPredictor, Preprocess, create_network
from depth_models.networks.registry import network_class
from depth_models.networks.sigma import LEAST, MOST, SigmaHead, log_ratio
from depth_models.types import Calibration

NAMES = ("dpt", "fpn", "unet")
PRE = Preprocess(64, 96, (0.5, 0.4, 0.3), (0.2, 0.25, 0.3), 80.0)


def pair(name):
    """A network without and with the head, of the same weights."""
    torch.manual_seed(0)
    plain = create_network(name, **network_class(name).small)
    told = create_network(name, **network_class(name).small, sigma=True)
    told.load_state_dict(plain.state_dict(), strict=False)
    return plain, told


def test_the_head_is_two_layers_over_maps_brought_to_a_quarter_of_the_size():
    torch.manual_seed(0)
    head = SigmaHead((3, 2), hidden=4).double()
    head.bias.data.normal_()
    head.power.fill_(0.8)
    head.factor.fill_(1.5)
    depth = torch.full((1, 1, 8, 16), 2.0)
    fine, quarter = torch.randn(1, 3, 8, 16).double(), torch.randn(1, 2, 2, 4).double()
    with torch.no_grad():
        sigma = head((fine, quarter), depth)
    assert sigma.shape == depth.shape
    pooled = fine.numpy()[0].reshape(3, 2, 4, 4, 4).mean(axis=(2, 4))
    first, second = (read.weight.detach().numpy()[:, :, 0, 0] for read in head.reads)
    hidden = np.einsum("oc,chw->ohw", first, pooled) + np.einsum("oc,chw->ohw", second, quarter.numpy()[0])
    hidden = np.maximum(hidden + head.bias.detach().numpy(), 0)
    raw = np.einsum("c,chw->hw", head.write.weight.detach().numpy()[0, :, 0, 0], hidden) + head.write.bias.item()
    expected = 2.0 * 1.5 * (LEAST * (MOST / LEAST) ** (1 / (1 + np.exp(-raw)))) ** 0.8
    # The corners of the quarter's map are the corners of the whole: bilinear holds them.
    np.testing.assert_allclose(sigma[0, 0, ::7, ::15].numpy(), expected[:, ::3], rtol=1e-6)


def test_whatever_it_sees_sigma_is_a_positive_finite_part_of_the_depth():
    ratio = torch.exp(log_ratio(torch.tensor([-1e30, -3.0, 0.0, 3.0, 1e30])))
    assert ratio.tolist() == sorted(ratio.tolist())
    torch.testing.assert_close(ratio[[0, -1]], torch.tensor([LEAST, MOST]))


@pytest.mark.parametrize("name", NAMES)
def test_depth_is_the_same_to_the_bit_with_and_without_the_head(name):
    plain, told = pair(name)
    image = torch.randn(2, 3, *network_class(name).small_size)
    with torch.inference_mode():
        before, after = plain(image), told(image)
    assert before.sigma is None
    assert torch.equal(before.depth, after.depth)
    assert after.sigma.shape == after.depth.shape
    assert (after.sigma / after.depth).std() > 1e-4, "it says the same everywhere"


@pytest.mark.parametrize("name", NAMES)
def test_only_a_network_with_the_head_says_so_in_its_config(name):
    plain, told = pair(name)
    assert "sigma" not in plain.config
    assert plain.sigma_head is None
    assert create_network(name, **told.config).sigma_head is not None


def test_a_checkpoint_keeps_the_head_and_can_leave_it_out(tmp_path):
    plain, told = pair("unet")
    Checkpoint.of(told, PRE, {"seed": 3, "confidence": {}}).save(tmp_path / "told.safetensors")
    loaded = Checkpoint.load(tmp_path / "told.safetensors")
    image = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        assert torch.equal(loaded.build()(image).sigma, told(image).sigma)
        without = loaded.without_sigma()
        assert without.build()(image).sigma is None
    assert without.config.keys() == plain.config.keys()
    assert without.record == {"seed": 3}


def test_sigma_comes_back_in_the_images_size_and_true_metres():
    _, told = pair("unet")
    predictor = DepthPredictor(Checkpoint.of(told, PRE), device="cpu")
    rgb = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    with torch.inference_mode():
        output = told(PRE.normalise(torch.from_numpy(rgb)[None]))
    depth = predictor(rgb, fx=160.0, fy=160.0)
    assert depth.sigma_metres.dtype == np.float32
    np.testing.assert_allclose(depth.sigma_metres, 2 * output.sigma[0, 0].numpy(), rtol=1e-4)
    larger = predictor(rgb.repeat(2, 0).repeat(2, 1), fx=320.0, fy=320.0)
    np.testing.assert_allclose(
        (larger.sigma_metres / larger.metres)[::2, ::2], depth.sigma_metres / depth.metres, rtol=0.05
    )


def test_sigma_of_padding_and_of_invalid_depth_is_none():
    depth = torch.full((1, 64, 96), 2.0)
    depth[0, :, 48:] = torch.nan
    sigma = torch.full((1, 64, 96), 0.5)
    sigma[0, :, :20] = 99.0  # padding of a square image reaches to column 16
    restored = PRE.restore(depth, 64, 56, sigma=sigma)
    assert np.array_equal(np.isnan(restored.sigma_metres), np.isnan(restored.metres))
    np.testing.assert_allclose(restored.sigma_metres[:, :28], 0.5)


def test_a_calibration_takes_sigma_along():
    depth, sigma = torch.full((1, 64, 96), 2.0), torch.full((1, 64, 96), 0.1)
    for calibration, metres in (
        (Calibration("metres", 1.5), 3.0),
        (Calibration("log", 0.5, 0.2), np.exp(0.2) * 2**0.5),
    ):
        restored = replace(PRE, calibration=calibration).restore(depth.numpy(), 64, 96, sigma=sigma.numpy())
        nearby = (calibration.metres(2.0 + 1e-4) - calibration.metres(2.0 - 1e-4)) / 2e-4
        np.testing.assert_allclose(restored.metres, metres, rtol=1e-5)
        np.testing.assert_allclose(restored.sigma_metres, 0.1 * nearby, rtol=1e-3)


def test_without_a_head_there_is_no_sigma():
    plain, _ = pair("unet")
    assert DepthPredictor(Checkpoint.of(plain, PRE), device="cpu")(np.zeros((64, 96, 3), np.uint8)).sigma_metres is None
