"""Every loss against float64 loops over pixels, on masked images, and summed over a network's output and aux."""

import math

import numpy as np
import pytest
import torch

from depth_models import DepthOutput
from depth_models.losses import LOSSES, Criterion


def masked(function):
    """The mean of a function of two depths over all valid pixels of the batch."""

    def loss(depth, target, valid):
        return math.fsum(function(x, y) for x, y in zip(depth[valid], target[valid], strict=True)) / valid.sum()

    return loss


def silog(depth, target, valid):
    """Eigen et al. 2014, equation 4, with lambda = 0.5; the mean of the images."""
    values = []
    for x, y, v in zip(depth, target, valid, strict=True):
        g = [math.log(a) - math.log(b) for a, b in zip(x[v], y[v], strict=True)]
        values.append(math.fsum(d * d for d in g) / len(g) - 0.5 * (math.fsum(g) / len(g)) ** 2)
    return math.fsum(values) / len(values)


def gradient(depth, target, valid):
    """Mean absolute steps of ln x - ln y between neighbours, in rows plus in columns, at strides 1, 2, 4 and 8."""
    total = 0.0
    for stride in (1, 2, 4, 8):
        for down, right in ((0, stride), (stride, 0)):
            steps = []
            for n, _, row, column in np.ndindex(depth.shape):
                here, there = (n, 0, row, column), (n, 0, row + down, column + right)
                if row % stride or column % stride or there[2] >= depth.shape[2] or there[3] >= depth.shape[3]:
                    continue
                if valid[here] and valid[there]:
                    ratios = [math.log(depth[at]) - math.log(target[at]) for at in (here, there)]
                    steps.append(abs(ratios[1] - ratios[0]))
            total += math.fsum(steps) / len(steps)
    return total


REFERENCES = {
    "l1": masked(lambda x, y: abs(x - y)),
    "l2": masked(lambda x, y: (x - y) ** 2),
    "smooth_l1": masked(lambda x, y: (x - y) ** 2 / 4 if abs(x - y) < 2 else abs(x - y) - 1),
    "log_l1": masked(lambda x, y: abs(math.log(x) - math.log(y))),
    "silog": silog,
    "gradient": gradient,
}


@pytest.fixture
def batch():
    """Output, aux and target (2, 1, 20, 24), and a mask with more holes in one image than in the other."""
    generator = torch.Generator().manual_seed(0)
    output, aux, target = (0.2 + 8 * torch.rand(2, 1, 20, 24, generator=generator) for _ in range(3))
    return (
        output,
        aux,
        target,
        torch.rand(2, 1, 20, 24, generator=generator) > torch.tensor([0.2, 0.5])[:, None, None, None],
    )


def test_there_is_a_reference_for_every_loss():
    assert set(REFERENCES) == set(LOSSES)


@pytest.mark.parametrize("name", REFERENCES)
def test_a_loss_is_its_reference(batch, name):
    output, _, target, valid = batch
    expected = REFERENCES[name](output.double().numpy(), target.double().numpy(), valid.numpy())
    assert LOSSES[name](output, target, valid).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", REFERENCES)
def test_a_criterion_is_its_references_summed_over_output_and_aux(batch, name):
    output, aux, target, valid = batch
    arrays = target.double().numpy(), valid.numpy()
    expected = 0.7 * sum(REFERENCES[name](depth.double().numpy(), *arrays) for depth in (output, aux))
    value = Criterion({name: 0.7})(DepthOutput(output, aux=(aux,)), target, valid)
    assert value.item() == pytest.approx(expected, rel=1e-6)
