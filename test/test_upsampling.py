"""Depth enlarged: interpolated on a surface, never across an edge."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from depth_models.preprocess import EDGE_RATIO, upsample_depth

SIZES = [(48, 64), (96, 128), (55, 71), (30, 100), (13, 17)]


def interpolation(size, target):
    """(target, size) float64: the weights of linear interpolation between pixel centres, borders held."""
    centres = np.clip((np.arange(target) + 0.5) * size / target - 0.5, 0, size - 1)
    return np.stack([np.interp(centres, np.arange(size), row) for row in np.eye(size)], axis=1)


@pytest.mark.parametrize("size", SIZES)
def test_a_surface_is_interpolated(size):
    depth = 5 + 0.03 * np.arange(24)[:, None] - 0.05 * np.arange(32)  # less than EDGE_RATIO between neighbours
    expected = interpolation(24, size[0]) @ depth @ interpolation(32, size[1]).T
    result = upsample_depth(torch.from_numpy(depth).float()[None, None], *size)
    np.testing.assert_allclose(result[0, 0].numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("size", SIZES)
def test_no_depth_is_invented_between_two_surfaces(size):
    """A slanted near surface with a ragged outline before a slanted far one."""
    rows, columns = np.mgrid[:24, :32]
    is_near = (rows - 12) ** 2 + (columns - 14) ** 2 < 60 + 20 * np.sin(rows)
    depth = np.where(is_near, 1 + 0.002 * rows, 3 + 0.02 * columns).astype(np.float32)
    tensor = torch.from_numpy(depth)[None, None]

    def invented(result):
        result = result.numpy()
        on_near = (result >= 1 - 1e-6) & (result <= 1.046 + 1e-6)
        on_far = (result >= 3 - 1e-6) & (result <= 3.62 + 1e-6)
        return np.count_nonzero(~(on_near | on_far))

    assert invented(upsample_depth(tensor, *size)) == 0
    assert invented(F.interpolate(tensor, size, mode="bilinear")) > 10


@pytest.mark.parametrize("size", [(15, 21), (12, 18), (3, 5)])
def test_an_edge_stays_where_it_is(size):
    depth = np.ones((5, 7), np.float32)
    depth[2:4, 3:] = 5
    rows, columns = (np.floor((np.arange(t) + 0.5) * s / t).astype(int) for t, s in zip(size, (5, 7), strict=True))
    result = upsample_depth(torch.from_numpy(depth)[None, None], *size)
    np.testing.assert_allclose(result[0, 0].numpy(), depth[rows[:, None], columns], rtol=1e-6)


def test_only_a_step_beyond_the_ratio_is_an_edge():
    for step, blended in ((0.99 * (EDGE_RATIO - 1), True), (1.01 * (EDGE_RATIO - 1), False)):
        depth = torch.ones(1, 1, 1, 4)
        depth[..., 2:] += step
        values = set(upsample_depth(depth, 1, 8)[0, 0, 0].tolist())
        assert (len(values) > 2) == blended


def test_depth_maps_of_a_batch_do_not_mix():
    depth = torch.rand(3, 1, 10, 12, generator=torch.Generator().manual_seed(0)) + 0.5
    together = upsample_depth(depth, 25, 31)
    assert together.shape == (3, 1, 25, 31)
    for one, result in zip(depth, together, strict=True):
        assert torch.equal(upsample_depth(one[None], 25, 31)[0], result)


def test_a_missing_sample_spoils_its_surroundings_alone():
    depth = torch.full((1, 1, 6, 8), 2.0)
    depth[0, 0, 2, 3] = torch.nan
    result = upsample_depth(depth, 12, 16)[0, 0].numpy()
    expected = np.full((12, 16), 2.0, np.float32)
    expected[3:7, 5:9] = np.nan  # its own four pixels and those that would be blended with it
    np.testing.assert_array_equal(result, expected)
