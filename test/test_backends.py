"""Every back-end gives eager PyTorch's depth, whatever the network, or refuses for a reason that it tells."""

import numpy as np
import pytest
import torch

from depth_models import Checkpoint, DepthModelsError, DepthPredictor, Preprocess, create_network, list_networks
from depth_models.backends import BACKENDS
from depth_models.backends.parity import patterns
from depth_models.networks.registry import network_class

ON_CPU = [name for name, cls in BACKENDS.items() if "fp32" in cls.precisions("cpu") and name not in ("torch", "torch-compile")]
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")


def checkpoint_of(name, seed=0, **changes):
    """A small one whose output varies: untrained, a network says nearly the same everywhere, which proves little."""
    torch.manual_seed(seed)
    cls = network_class(name)
    network = create_network(name, **cls.small, **changes)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.uniform_(-0.2, 0.2)
                module.weight.uniform_(0.8, 1.6)
    return Checkpoint.of(network, Preprocess(*cls.small_size, (0.5, 0.4, 0.3), (0.2, 0.25, 0.3), focal_px=70.0))


@pytest.fixture(scope="module", params=list_networks())
def checkpoint(request):
    return checkpoint_of(request.param)


@pytest.fixture(scope="module")
def eager(checkpoint):
    return BACKENDS["torch"].load(checkpoint, "cpu", "fp32", None)


@pytest.mark.parametrize("name", ON_CPU)
def test_every_network_gives_pytorchs_depth(checkpoint, eager, name):
    if not BACKENDS[name].is_installed():
        pytest.skip(f"{name} is not installed")
    canvases = patterns(3, *network_class(checkpoint.network).small_size)
    backend = BACKENDS[name].load(checkpoint, "cpu", "fp32", 1)
    expected = eager(canvases)
    assert expected.depth.std() > 1e-3
    outputs = backend(canvases)
    assert (outputs.depth.shape, outputs.depth.dtype, outputs.sigma) == (expected.depth.shape, np.float32, None)
    np.testing.assert_allclose(outputs.depth, expected.depth, rtol=1e-4)
    np.testing.assert_allclose(backend(canvases[1:2]).depth, expected.depth[1:2], rtol=1e-4)
    np.testing.assert_allclose(outputs.depth, expected.depth, rtol=1e-4, err_msg="the next batch wrote into the last")
