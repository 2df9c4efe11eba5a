"""Losses: against torch's own on full masks, and against float64 sums over the valid pixels."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from depth_models import DepthModelsError, DepthOutput
from depth_models.losses import LOSSES, Criterion, gradient


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    depth = 0.2 + 8 * torch.rand(2, 1, 16, 24, generator=generator)
    target = 0.2 + 8 * torch.rand(2, 1, 16, 24, generator=generator)
    return depth, target, torch.rand(2, 1, 16, 24, generator=generator) > 0.4


@pytest.mark.parametrize(
    ("name", "reference"), [("l1", nn.L1Loss()), ("l2", nn.MSELoss()), ("smooth_l1", nn.SmoothL1Loss(beta=2.0))]
)
def test_the_papers_losses_are_torchs_own_on_a_full_mask(batch, name, reference):
    depth, target, _ = batch
    value = LOSSES[name](depth, target, torch.ones_like(target, dtype=torch.bool))
    assert value.item() == pytest.approx(reference(depth, target).item(), abs=1e-6)


def _log_ratios(depth, target, valid):
    """Per image, ln x - ln y of its valid pixels."""
    for x, y, v in zip(depth.double(), target.double(), valid, strict=True):
        yield (x[v].log() - y[v].log()).numpy()


def test_the_scale_invariant_loss_forgives_half_of_each_images_own_scale(batch):
    _, target, _ = batch
    scale = torch.tensor([2.0, 0.5]).reshape(2, 1, 1, 1)  # over the batch these would cancel
    value = LOSSES["silog"](scale * target, target, torch.ones_like(target, dtype=torch.bool))
    assert value.item() == pytest.approx(0.5 * math.log(2) ** 2, rel=1e-5)


def test_each_loss_is_the_float64_mean_over_the_valid_pixels_alone(batch):
    depth, target, valid = batch
    x, y = (t[valid].numpy().astype(np.float64) for t in (depth, target))
    d, g = np.abs(x - y), np.log(x) - np.log(y)
    expected = {
        "l1": d.mean(),
        "l2": (d**2).mean(),
        "smooth_l1": np.where(d < 2, d**2 / 4, d - 1).mean(),
        "log_l1": np.abs(g).mean(),
        "silog": np.mean([(r**2).mean() - 0.5 * r.mean() ** 2 for r in _log_ratios(depth, target, valid)]),
    }
    assert {*expected, "gradient"} == set(LOSSES)
    for garbage in (0.0, 1e6):  # what lies outside the mask must not count
        other = torch.where(valid, target, torch.tensor(garbage))
        for name, value in expected.items():
            assert LOSSES[name](depth, other, valid).item() == pytest.approx(value, rel=1e-5), name


def test_the_gradient_loss_sees_slopes_and_not_scale():
    target = torch.full((1, 1, 16, 16), 2.0)
    everywhere = torch.ones_like(target, dtype=torch.bool)
    assert gradient(3 * target, target, everywhere).item() == pytest.approx(0.0, abs=1e-6)
    ramp = target * torch.exp(0.1 * torch.arange(16.0))  # ln grows by 0.1 a column: 0.1 s at a stride of s
    assert gradient(ramp, target, everywhere).item() == pytest.approx(0.1 * (1 + 2 + 4 + 8), rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_finite_and_only_the_valid_pixels_have_one(batch, name):
    depth, target, valid = batch
    leaf = depth.clone().requires_grad_()
    LOSSES[name](leaf, torch.where(valid, target, 0.0), valid).backward()
    assert torch.isfinite(leaf.grad).all()
    assert not leaf.grad[~valid].any()
    assert leaf.grad[valid].any()


@pytest.mark.parametrize("name", LOSSES)
def test_no_valid_pixel_is_a_loss_of_zero(batch, name):
    depth, target, valid = batch
    leaf = depth.clone().requires_grad_()
    loss = LOSSES[name](leaf, target, torch.zeros_like(valid))
    loss.backward()
    assert loss.item() == 0
    assert not leaf.grad.any()


def test_the_criterion_adds_weighted_losses_over_output_and_aux(batch):
    depth, target, valid = batch
    criterion = Criterion({"l1": 2.0, "smooth_l1": 0.5})
    value = criterion(DepthOutput(depth, aux=(depth + 1,)), target, valid)
    parts = [
        2 * LOSSES["l1"](d, target, valid) + 0.5 * LOSSES["smooth_l1"](d, target, valid) for d in (depth, depth + 1)
    ]
    assert value.item() == pytest.approx(sum(p.item() for p in parts), rel=1e-6)


@pytest.mark.parametrize("weights", [{}, {"l3": 1.0}, {"l1": 0.0}, {"l1": -1.0}, {"l1": math.nan}])
def test_a_criterion_of_nothing_known_is_refused(weights):
    with pytest.raises(DepthModelsError, match="smooth_l1"):
        Criterion(weights)
