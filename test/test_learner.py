"""A step of training: what adds up to one large batch, what is scheduled, what is frozen, what is refused."""

import pytest
import torch
from torch import nn
from training_runs import config, plain_config

from depth_models import DepthModelsError
from depth_models.config import Optimisation
from depth_models.networks import create_network
from depth_models.networks.registry import network_class
from depth_models.training.learner import Learner
from depth_models.training.optimisation import rate_factor
from depth_models.training.precision import mixed_precision


def item(frames, seed):
    """A batch as the loader gives it, with less and less truth from frame to frame."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (frames, 32, 48, 3), generator=generator, dtype=torch.uint8)
    target = 0.5 + 4 * torch.rand(frames, 1, 32, 48, generator=generator)
    valid = torch.rand(target.shape, generator=generator) < torch.linspace(1, 0.1, frames).reshape(-1, 1, 1, 1)
    return [images, target, valid, torch.ones(frames)]


def learner(settings, seed=0):
    torch.manual_seed(seed)
    return Learner(settings, create_network(settings.network, **settings.options))


@pytest.mark.parametrize("loss", ["l1", "l2", "smooth_l1", "log_l1"])
def test_several_batches_move_the_weights_as_one_large_batch_does(loss):
    settings = plain_config(loss={loss: 1.0})
    large, small = learner(settings), learner(settings)
    for seed in range(3):
        whole = item(8, seed)
        parts = [[values[i : i + 2] for values in whole] for i in range(0, 8, 2)]
        first, second = large.learn([whole], 3), small.learn(parts, 3)
        assert first == pytest.approx(second, rel=1e-5)
    for one, other in zip(large.network.parameters(), small.network.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_a_batch_without_truth_moves_nothing():
    one = learner(plain_config())
    before = [p.detach().clone() for p in one.network.parameters()]
    images, target, valid, factors = item(2, 0)
    numbers = one.learn([[images, target, torch.zeros_like(valid), factors]], 3)
    assert (numbers["loss"], numbers["grad_norm"]) == (0, 0)
    assert all(torch.equal(a, b) for a, b in zip(before, one.network.parameters(), strict=True))


@pytest.mark.parametrize("steps", [2, 3, 12, 100])
def test_one_cycle_is_torchs_own(steps):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=steps, cycle_momentum=False)
    expected = []
    for step in range(steps):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step < steps - 1:
            schedule.step()
    plan = Optimisation(schedule="one_cycle")
    assert [rate_factor(plan, step, steps) for step in range(steps)] == pytest.approx(expected, rel=1e-9)


def test_without_a_moving_average_the_network_itself_is_the_result():
    alone, averaged = learner(plain_config()), learner(plain_config(optimisation={"ema": 0.9}))
    assert alone.result is alone.network
    averaged.learn([item(2, 0)], 3)
    averaged.learn([item(2, 1)], 3)
    assert not torch.equal(averaged.result.regressor[0].weight, averaged.network.regressor[0].weight)


@pytest.mark.parametrize("name", ["baseline", "fpn", "unet"])
def test_a_frozen_encoder_leaves_no_graph_and_keeps_nothing(name):
    """No output inside the encoder knows how it was made, so autograd holds none; outside, outputs do."""
    network = create_network(name, **network_class(name).small).train()
    made = {}
    for inner, module in network.named_modules():
        module.register_forward_hook(lambda _, __, out, inner=inner: made.setdefault(inner, out))
    network(torch.rand(2, 3, *network_class(name).small_size)).depth.mean().backward()
    tensors = {inner: out for inner, out in made.items() if isinstance(out, torch.Tensor)}
    inside = {inner for inner in tensors if inner.startswith("encoder.")}
    assert len(inside) > 50
    assert not any(tensors[inner].requires_grad for inner in inside)
    assert any(out.requires_grad for inner, out in tensors.items() if inner not in inside)


def test_half_precision_with_gradient_scaling_is_for_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DepthModelsError, match="'fp16' needs a CUDA device"):
        learner(plain_config(precision="fp16"))


def test_compiling_without_a_compiler_says_what_to_install(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("CXX", "/no/such/compiler")
    with pytest.raises(DepthModelsError, match=r"'/no/such/compiler' is not found: apt install g\+\+"):
        learner(plain_config(compile=True))


def test_bf16_on_cpus_leaves_depthwise_convolutions_in_float32():
    """Their backward pass in bfloat16 takes up to eight times as long."""
    torch.manual_seed(0)
    depthwise, pointwise = nn.Conv2d(8, 8, 3, groups=8), nn.Conv2d(8, 8, 1)
    x = torch.rand(2, 8, 12, 12)
    with mixed_precision("cpu", "bf16"):
        first = pointwise(x)
        second = depthwise(first)
    assert (first.dtype, second.dtype) == (torch.bfloat16, torch.float32)
    assert torch.equal(second, depthwise(first.float()))
    with mixed_precision("cpu", "fp32"):
        assert torch.equal(pointwise(x), pointwise(x.float()))


def test_bf16_learns_what_float32_does():
    one, other = learner(config(precision="bf16")), learner(config(precision="fp32"))
    losses = [[each.learn([item(8, 0)], 20)["loss"] for _ in range(20)] for each in (one, other)]
    assert losses[0][-1] < 0.7 * losses[0][0]
    assert losses[0][-1] == pytest.approx(losses[1][-1], rel=0.1)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_half_precision_learns_on_a_gpu(precision):
    one = learner(config(precision=precision))
    losses = [one.learn([item(8, 0)], 40)["loss"] for _ in range(40)]
    assert losses[-1] < 0.7 * losses[0]
    assert one.forgives == (precision == "fp16")


@pytest.mark.slow
def test_a_compiled_network_takes_the_same_steps():
    """Also through a C++ compiler, which takes a minute."""
    settings = plain_config()
    plain, compiled = learner(settings), learner(plain_config(compile=True))
    for seed in range(2):
        batch = item(4, seed)
        assert compiled.learn([batch], 2) == pytest.approx(plain.learn([batch], 2), rel=1e-4)
