"""Depth enlarged: interpolated on a surface, never across an edge."""

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from depth_models.enlarging import EDGE_RATIO, upsample_depth

SIZES = [(48, 64), (96, 128), (55, 71), (30, 100), (13, 17)]


def interpolation(size, target):
    """(target, size) float64: the weights of linear interpolation between pixel centres, borders held."""
    centres = np.clip((np.arange(target) + 0.5) * size / target - 0.5, 0, size - 1)
    return np.stack([np.interp(centres, np.arange(size), row) for row in np.eye(size)], axis=1)


@pytest.mark.parametrize("size", SIZES)
def test_a_surface_is_interpolated(size):
    depth = 5 + 0.03 * np.arange(24)[:, None] - 0.05 * np.arange(32)  # less than EDGE_RATIO between neighbours
    expected = interpolation(24, size[0]) @ depth @ interpolation(32, size[1]).T
    np.testing.assert_allclose(upsample_depth(depth.astype(np.float32), *size), expected, rtol=1e-5)


@pytest.mark.parametrize("size", SIZES)
def test_no_depth_is_invented_between_two_surfaces(size):
    """A slanted near surface with a ragged outline before a slanted far one."""
    rows, columns = np.mgrid[:24, :32]
    is_near = (rows - 12) ** 2 + (columns - 14) ** 2 < 60 + 20 * np.sin(rows)
    depth = np.where(is_near, 1 + 0.002 * rows, 3 + 0.02 * columns).astype(np.float32)

    def invented(result):
        on_near = (result >= 1 - 1e-6) & (result <= 1.046 + 1e-6)
        on_far = (result >= 3 - 1e-6) & (result <= 3.62 + 1e-6)
        return np.count_nonzero(~(on_near | on_far))

    assert invented(upsample_depth(depth, *size)) == 0
    assert invented(cv2.resize(depth, size[::-1])) > 10


@pytest.mark.parametrize("size", [(15, 21), (12, 18), (3, 5)])
def test_an_edge_stays_where_it_is(size):
    depth = np.ones((5, 7), np.float32)
    depth[2:4, 3:] = 5
    rows, columns = (np.floor((np.arange(t) + 0.5) * s / t).astype(int) for t, s in zip(size, (5, 7), strict=True))
    np.testing.assert_allclose(upsample_depth(depth, *size), depth[rows[:, None], columns], rtol=1e-6)


def test_only_a_step_beyond_the_ratio_is_an_edge():
    for step, blended in ((0.99 * (EDGE_RATIO - 1), True), (1.01 * (EDGE_RATIO - 1), False)):
        depth = np.ones((1, 4), np.float32)
        depth[:, 2:] += np.float32(step)
        assert (len(np.unique(upsample_depth(depth, 1, 8))) > 2) == blended


def test_a_missing_sample_spoils_its_surroundings_alone():
    depth = np.full((6, 8), 2.0, np.float32)
    depth[2, 3] = np.nan
    expected = np.full((12, 16), 2.0, np.float32)
    expected[3:7, 5:9] = np.nan  # its own four pixels and those that would be blended with it
    np.testing.assert_array_equal(upsample_depth(depth, 12, 16), expected)


def by_torch(depth, height, width):
    """The same in torch: both interpolations of the whole map, and pooling to find edges."""
    depth = torch.from_numpy(depth)[None, None]
    padded = F.pad(depth, (1, 1, 1, 1), mode="replicate")
    edge = (F.max_pool2d(padded, 2, stride=1) > -EDGE_RATIO * F.max_pool2d(-padded, 2, stride=1)).squeeze(1)
    rows, columns = (
        ((torch.arange(t) + 0.5) * (s / t) - 0.5).floor().long().add_(1).clamp_(0, s)
        for s, t in zip(depth.shape[2:], (height, width), strict=True)
    )
    smooth = F.interpolate(depth, (height, width), mode="bilinear", align_corners=False)
    nearest = F.interpolate(depth, (height, width), mode="nearest-exact")
    return torch.where(edge[:, rows][:, :, columns].unsqueeze(1), nearest, smooth)[0, 0].numpy()


@pytest.mark.parametrize("size", [(480, 640), (720, 1280), (241, 321), (100, 90), (18, 26), (240, 320), (1, 8)])
@pytest.mark.parametrize("source", [(240, 320), (37, 53), (1, 4), (5, 1)])
def test_torch_gives_the_same_but_for_rounding(source, size):
    rng = np.random.default_rng(0)
    ramp = 2 + 0.001 * np.arange(source[1])
    depth = np.where(rng.random(source) < 0.8, ramp, 0.5 + 3 * rng.random(source)).astype(np.float32)
    np.testing.assert_allclose(upsample_depth(depth, *size), by_torch(depth, *size), rtol=2e-6)
