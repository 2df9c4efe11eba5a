"""The contract that every registered network keeps."""

import os
import subprocess
import sys

import pytest
import torch
from torch import nn

from depth_models import Checkpoint, DepthModelsError, Preprocess, create_network, list_networks
from depth_models.networks.registry import network_class

NAMES = list_networks()


def small(name, **config):
    torch.manual_seed(0)
    return create_network(name, **(network_class(name).small | config))


def batch(name, count=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, *network_class(name).small_size, generator=generator)


def training_step(network, image):
    """One step that tries to move everything: all parameters, weight decay, a large rate."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5, weight_decay=0.1)
    output = network(image)
    sum((d - 2).square().mean() for d in (output.depth, *output.aux)).backward()
    optimizer.step()


def frozen_state(network):
    return {
        f"{i}.{key}": tensor.clone()
        for i, module in enumerate(network.frozen_modules())
        for key, tensor in module.state_dict().items()
    }


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


# The contract, over the registry


@pytest.mark.parametrize("name", NAMES)
def test_depth_is_metres_of_the_images_size(name):
    network = small(name)
    assert network.name == name
    assert not network.training
    for scale in (0.0, 1.0, 1e4):  # also far outside what training shows
        output = network(scale * batch(name))
        for depth in (output.depth, *output.aux):
            assert depth.shape == (2, 1, *network.small_size)
            assert depth.dtype == torch.float32
            assert 0.1 * (1 - 1e-6) <= depth.min() <= depth.max() <= 20.0 * (1 + 1e-6)  # float32 rounds


@pytest.mark.parametrize("name", NAMES)
def test_an_images_depth_does_not_depend_on_its_batch(name):
    network, images = small(name), batch(name, 3)
    together = network(images).depth
    assert together[0].sub(together[1]).abs().max() > 1e-6, "two images, two answers"
    for image, depth in zip(images, together, strict=True):
        torch.testing.assert_close(network(image[None]).depth[0], depth, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_its_config_builds_the_same_network(name):
    network = small(name)
    again = create_network(name, **network.config)
    assert again.config == network.config
    assert {k: v.shape for k, v in again.state_dict().items()} == {k: v.shape for k, v in network.state_dict().items()}
    again.load_state_dict(network.state_dict())
    assert torch.equal(again(batch(name)).depth, network(batch(name)).depth)


@pytest.mark.parametrize("name", NAMES)
def test_every_trainable_parameter_gets_a_gradient_and_no_other(name):
    network = small(name).train()
    training_step(network, batch(name))
    for key, parameter in network.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, key


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_option_lists_the_right_ones(name):
    with pytest.raises(DepthModelsError) as caught:
        create_network(name, colour="red", **network_class(name).small)
    assert f"network '{name}' has no option colour; its options: " in str(caught.value)
    assert all(option in str(caught.value) for option in small(name).config)


@pytest.mark.parametrize("name", NAMES)
def test_an_input_of_wrong_shape_says_the_right_one(name):
    network = small(name)
    height, width = network.small_size
    for shape in ((1, 3, height, width - 1), (1, 3, height + 4, width), (1, 1, height, width), (3, height, width)):
        with pytest.raises(DepthModelsError) as caught:
            network(torch.zeros(shape))
        assert f"{name} expects an image batch (N, 3, H, W)" in str(caught.value)
        assert f"multiples of {network.stride}, got {shape}" in str(caught.value)


def test_a_wrong_name_lists_the_right_ones():
    with pytest.raises(
        DepthModelsError, match="unknown network 'resnet'; known networks: baseline, dpt, fpn, multiscale, unet"
    ):
        create_network("resnet")


def test_a_value_that_cannot_be_built_is_one_clear_error():
    for name, config in (
        ("unet", {"decoder_channels": (8, 8)}),
        ("fpn", {"dropout": 2}),
        ("baseline", {"map_size": ()}),
    ):
        with pytest.raises(DepthModelsError, match=f"network '{name}' cannot be built with "):
            small(name, **config)
    with pytest.raises(DepthModelsError, match="input_size must be multiples of 8, got 60 x 80"):
        create_network("multiscale", input_size=(60, 80))


def test_multiscale_takes_the_size_that_its_linear_layers_fix():
    with pytest.raises(DepthModelsError, match=r"takes \(64, 96\) images, got \(64, 64\)"):
        small("multiscale")(torch.zeros(1, 3, 64, 64))


# Frozen means frozen

WAYS_TO_TRAIN = {
    "train()": lambda network: network.train(),
    "eval() then train()": lambda network: network.eval().train(True),
    "through a parent": lambda network: nn.Sequential(network).train(),
    "apply": lambda network: network.apply(lambda module: module.train()),
}


@pytest.mark.parametrize("way", WAYS_TO_TRAIN)
@pytest.mark.parametrize("name", NAMES)
def test_a_training_step_leaves_frozen_modules_bit_equal(name, way):
    network = small(name)
    WAYS_TO_TRAIN[way](network)
    frozen, everything = frozen_state(network), {k: v.clone() for k, v in network.state_dict().items()}
    training_step(network, batch(name))
    assert same(frozen_state(network), frozen)
    assert not any(p.requires_grad for module in network.frozen_modules() for p in module.parameters())
    assert not any(m.training for module in network.frozen_modules() for m in module.modules())
    trained = [k for k in everything if not torch.equal(network.state_dict()[k], everything[k])]
    assert len(trained) == len(everything) - len(frozen), "and everything else moves, BatchNorm's statistics too"


@pytest.mark.parametrize("name", NAMES)
def test_frozen_stays_frozen_after_a_checkpoint(name, tmp_path):
    height, width = network_class(name).small_size
    preprocess = Preprocess(height, width, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    path = tmp_path / "weights.safetensors"
    Checkpoint.of(small(name), preprocess).save(path)
    network = Checkpoint.load(path).build().train()
    frozen = frozen_state(network)
    training_step(network, batch(name))
    assert same(frozen_state(network), frozen)


@pytest.mark.parametrize("name", ["baseline", "fpn", "unet"])
def test_the_paper_freezes_the_encoder_and_an_option_does_not(name):
    assert frozen_state(small(name)), "frozen by default"
    config = {"freeze_encoder": False} | ({"freeze_heads": False} if name == "fpn" else {})
    network = small(name, **config).train()
    before = {k: v.clone() for k, v in network.encoder.state_dict().items()}
    training_step(network, batch(name))
    moved = {k for k, v in network.encoder.state_dict().items() if not torch.equal(v, before[k])}
    assert any(k.endswith("running_mean") for k in moved)
    assert any(k.endswith("conv1.weight") for k in moved)


TWO_PROCESSES = """
import sys
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
sys.path.insert(0, sys.argv[1])
from test_networks import NAMES, batch, frozen_state, same, small, training_step

rank = int(sys.argv[2])
dist.init_process_group("gloo", init_method=f"file://{sys.argv[3]}", rank=rank, world_size=2)
for name in NAMES:
    network = small(name)
    parallel = DistributedDataParallel(network).train()
    frozen = frozen_state(network)
    training_step(parallel, batch(name, seed=rank))
    print(name, same(frozen_state(network), frozen), sum(p.double().sum().item() for p in network.parameters()))
"""


def test_frozen_stays_frozen_in_distributed_training(tmp_path):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    command = [sys.executable, "-c", TWO_PROCESSES, os.path.dirname(__file__)]
    processes = [
        subprocess.Popen(
            [*command, str(rank), tmp_path / "meeting"], env=environment, text=True, stdout=subprocess.PIPE
        )
        for rank in range(2)
    ]
    try:
        first, second = (process.communicate(timeout=120)[0] for process in processes)
    finally:
        for process in processes:
            process.kill()
    assert first == second, "both processes hold the same weights after the step"
    assert [line.split()[:2] for line in first.splitlines()] == [[name, "True"] for name in NAMES]
