"""Training with BatchNorm's statistics held: as evaluation computes it, and none of it in the checkpoint."""

import pytest
import torch
from torch import nn
from training_runs import config

from depth_models.networks import create_network
from depth_models.networks.registry import DepthNetwork, network_class
from depth_models.preprocess import Preprocess
from depth_models.training.frozen_norm import FrozenNorm
from depth_models.training.learner import Learner
from depth_models.types import DepthOutput

CANVAS = Preprocess(height=32, width=48, mean=(0.5,) * 3, std=(0.25,) * 3, focal_px=52.0)
PLAIN = {"freeze_encoder": False, "dropout": 0.0}


class NormFirst(DepthNetwork):
    """A norm that no convolution comes before, a convolution with a bias of its own, and one without a norm."""

    def __init__(self):
        super().__init__()
        self.before, self.conv = nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3, padding=1)
        self.after, self.head = nn.BatchNorm2d(4), nn.Conv2d(4, 1, 1)

    def forward(self, image):
        return DepthOutput(self.head(torch.relu(self.after(self.conv(self.before(image))))).exp())


def trained_a_little(network):
    """In float64, with running statistics, scales and shifts that are not those of a new network."""
    torch.manual_seed(0)
    for module in network.double().modules():
        if isinstance(module, nn.BatchNorm2d):
            for values, low in ((module.running_mean, -0.5), (module.running_var, 0.5), (module.weight.data, 0.5)):
                values.uniform_(low, low + 1)
            module.bias.data.uniform_(-0.5, 0.5)
    return network


def lesson(network, image):
    """Depth, and the gradient of its mean log by parameter."""
    network.zero_grad()
    depth = network(image).depth
    depth.double().log().mean().backward()
    return depth.detach(), {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("name", ["unet", "fpn", "norm first"])
def test_depth_and_gradients_are_those_of_evaluation(name):
    if name == "norm first":
        network = trained_a_little(NormFirst())
    else:
        network = trained_a_little(create_network(name, **network_class(name).small | PLAIN))
        network.to_metres = nn.Softplus()  # ToMetres computes in float32
    image = torch.rand(2, 3, CANVAS.height, CANVAS.width, dtype=torch.float64)
    depth, gradients = lesson(network.eval(), image)
    held = {key: value.clone() for key, value in network.named_buffers() if "num_batches" not in key}
    with FrozenNorm(network.train(), CANVAS):
        own_depth, own_gradients = lesson(network, image)
    torch.testing.assert_close(own_depth, depth, rtol=1e-9, atol=0)
    assert own_gradients.keys() == gradients.keys()
    for key, gradient in gradients.items():
        torch.testing.assert_close(own_gradients[key], gradient, rtol=1e-6, atol=1e-9 * float(gradient.norm() + 1))
    assert all(torch.equal(value, dict(network.named_buffers())[key]) for key, value in held.items())
    assert not torch.allclose(lesson(network, image)[0], depth, rtol=1e-3)  # as it is without the context


@pytest.mark.parametrize("without", ["affine", "track_running_stats"])
def test_a_norm_without_statistics_or_shift_stays_as_it_is(without):
    network = NormFirst()
    network.after = nn.BatchNorm2d(4, **{without: False})
    network.before.running_mean.fill_(0.5)
    image = torch.rand(2, 3, CANVAS.height, CANVAS.width)
    with FrozenNorm(network.train(), CANVAS):
        depth = network(image).depth
    network.before.eval()
    torch.testing.assert_close(depth, network(image).depth)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_step_moves_weights_scales_and_shifts_but_no_statistics(precision):
    plan = {"lr": 1e-3, "freeze_norm": True}
    settings = config(optimisation=plan, precision=precision)
    torch.manual_seed(0)
    one = Learner(settings, create_network(settings.network, **settings.options))
    first = {name: value.clone() for name, value in one.network.state_dict().items() if "num_batches" not in name}
    images = torch.randint(0, 256, (4, 32, 48, 3), dtype=torch.uint8)
    target = 0.5 + torch.rand(4, 1, 32, 48)
    one.learn([[images, target, target > 0, torch.ones(4)]], 1)
    moved = {name: not torch.equal(value, one.network.state_dict()[name]) for name, value in first.items()}
    assert not any(moves for name, moves in moved.items() if "running" in name)
    decoder = {name: moves for name, moves in moved.items() if name.startswith("decoder.") and "running" not in name}
    assert len(decoder) == 5 * 2 * 3  # blocks, convolutions, and of each: its weight, the norm's scale and shift
    assert all(decoder.values())
    assert moved["encoder.features.0.0.weight"]
    assert moved["encoder.features.0.1.weight"]
