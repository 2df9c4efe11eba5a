"""Augmentation: image, depth, mask and camera stay together; the draws are the paper's; the seed decides."""

import cv2
import numpy as np
import pytest

from depth_models import DepthModelsError
from depth_models.data.transforms import Augmentation, mask_border
from depth_models.types import Camera, Sample

NOTHING = Augmentation(rotation_p=0.0, flip_p=0.0, grey_p=0.0)


@pytest.fixture
def sample():
    """A smooth, asymmetric picture whose red is the depth: a pixel that goes elsewhere is seen."""
    y, x = np.mgrid[:48, :64]
    red = 40 + 2 * x + y
    rgb = np.stack([red, 255 - red, 3 * y], axis=2).astype(np.uint8)
    valid = np.ones((48, 64), bool)
    valid[10:20, 30:50] = False
    return Sample(rgb, red.astype(np.float32), valid, Camera(60.0, 60.0, 25.5, 20.25, 64, 48))


def draw(augmentation, sample, seed=0):
    return augmentation(sample, np.random.default_rng(seed))


def test_flipping_mirrors_everything_and_the_principal_point(sample):
    out = draw(Augmentation(rotation_p=0, flip_p=1, grey_p=0), sample)
    np.testing.assert_array_equal(out.rgb, sample.rgb[:, ::-1])
    np.testing.assert_array_equal(out.depth, sample.depth[:, ::-1])
    np.testing.assert_array_equal(out.valid, sample.valid[:, ::-1])
    # A point right of the axis by 10 px is left of it by 10 px afterwards.
    assert out.camera == Camera(60.0, 60.0, 63 - 25.5, 20.25, 64, 48)


@pytest.mark.parametrize("seed", range(5))
def test_a_window_keeps_depth_metric_and_every_ray_in_its_place(sample, seed):
    out = draw(Augmentation(rotation_p=0, flip_p=0, grey_p=0, zoom=2.0), sample, seed)
    height, width = out.valid.shape
    assert 24 <= height <= 48
    assert (out.camera.width, out.camera.height) == (width, height)
    left, top = round(sample.camera.cx - out.camera.cx), round(sample.camera.cy - out.camera.cy)
    for mine, whole in ((out.rgb, sample.rgb), (out.depth, sample.depth), (out.valid, sample.valid)):
        np.testing.assert_array_equal(mine, whole[top : top + height, left : left + width])
    assert (out.camera.fx, out.camera.fy) == (60.0, 60.0)


@pytest.mark.parametrize("seed", range(5))
def test_a_rotation_keeps_image_depth_and_mask_aligned_to_the_pixel(sample, seed):
    out = draw(Augmentation(rotation_deg=5, rotation_p=1, flip_p=0, grey_p=0), sample, seed)
    assert (out.depth[out.valid] >= 40).all()  # only depths that were there
    assert set(np.unique(out.depth[out.valid])) <= set(np.unique(sample.depth))
    # Red is the depth to bilinear (image) against nearest (depth): half a pixel of the gradient (2, 1) and rounding.
    assert np.abs(out.rgb[..., 0].astype(int) - out.depth)[out.valid].max() <= 2.5
    assert out.camera == sample.camera


def test_a_rotation_turns_about_the_principal_point_and_what_comes_from_outside_is_invalid():
    y, x = np.mgrid[:48, :64]
    depth = (100 * y + x + 1).astype(np.float32)
    sample = Sample(np.zeros((48, 64, 3), np.uint8), depth, np.ones((48, 64), bool), Camera(60, 60, 20, 30, 64, 48))

    class Quarter:
        """A generator whose every draw turns by 90 degrees."""

        def random(self):
            return 0.0

        def uniform(self, low, high):
            return high

    out = Augmentation(rotation_deg=90, rotation_p=1, flip_p=0, grey_p=0)(sample, Quarter())
    assert out.depth[30, 20] == depth[30, 20]
    assert out.depth[30 - 5, 20] == depth[30, 20 + 5]  # counter-clockwise: what was right is above
    assert not out.valid[0, 63]
    assert out.valid[30, 20]


@pytest.mark.parametrize("seed", range(8))
def test_an_asymmetric_pattern_stays_aligned_through_all_of_them_together(seed):
    """Blocks of eight grey levels, each of its own depth: whatever is done, a pixel's level still tells its depth.

    Left out are pixels beside a block's edge, where the picture is blended and the depth is the nearest.
    """
    levels = np.array([[3, 0, 6, 1], [5, 7, 2, 4], [1, 4, 0, 6]]).repeat(40, 0).repeat(40, 1)
    rgb = np.repeat((levels * 30 + 20).astype(np.uint8)[..., None], 3, axis=2)
    camera = Camera(150.0, 150.0, 70.5, 66.25, 160, 120)
    sample = Sample(rgb, levels.astype(np.float32) + 1, np.ones(levels.shape, bool), camera)
    out = draw(Augmentation(rotation_deg=5, rotation_p=1, flip_p=0.5, grey_p=0.5, zoom=1.5), sample, seed)
    low, high = (morph(out.rgb[..., 0], np.ones((3, 3))) for morph in (cv2.erode, cv2.dilate))
    inside = (low == high) & out.valid
    assert inside.sum() > 0.6 * out.valid.sum() > 0.3 * levels.size * 0.4
    np.testing.assert_array_equal(out.rgb[..., 0][inside], (out.depth[inside] - 1) * 30 + 20)


def test_the_border_is_masked_and_nothing_else_changes(sample):
    out = mask_border(sample, (4, 40, 5, 60))
    expected = sample.valid.copy()
    expected[:4] = expected[40:] = False
    expected[:, :5] = expected[:, 60:] = False
    np.testing.assert_array_equal(out.valid, expected)
    assert out.rgb is sample.rgb
    assert out.depth is sample.depth
    assert sample.valid[0, 0]
    assert mask_border(sample, None) is sample


def test_grey_is_three_equal_channels_and_depth_is_untouched(sample):
    out = draw(Augmentation(rotation_p=0, flip_p=0, grey_p=1), sample)
    assert (out.rgb == out.rgb[..., :1]).all()
    weights = np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(out.rgb[..., 0], sample.rgb @ weights, atol=0.51)
    np.testing.assert_array_equal(out.depth, sample.depth)


def test_colour_changes_touch_only_the_picture(sample):
    strong = Augmentation(0, 0, 0, 0, brightness=0.3, contrast=0.3, saturation=0.3, tint=0.1, blur_px=2, noise=0.1)
    out = draw(strong, sample)
    assert np.abs(out.rgb.astype(int) - sample.rgb).mean() > 5
    np.testing.assert_array_equal(out.depth, sample.depth)
    np.testing.assert_array_equal(out.valid, sample.valid)
    for name, value in (("brightness", 0.5), ("tint", 0.5), ("saturation", 0.5), ("contrast", 0.5)):
        changed = draw(Augmentation(0, 0, 0, 0, **{name: value}), sample).rgb
        assert (changed != sample.rgb).any(), name


def test_ten_thousand_draws_have_the_papers_probabilities(sample):
    augmentation, rng = Augmentation(), np.random.default_rng(0)
    small = Sample(sample.rgb[:8, :8], sample.depth[:8, :8], np.ones((8, 8), bool), Camera(9, 9, 1.0, 3.5, 8, 8))
    flipped = grey = 0
    for _ in range(10_000):
        out = augmentation(small, rng)
        flipped += out.camera.cx == 6.0
        grey += bool((out.rgb == out.rgb[..., :1]).all())
    assert flipped / 1e4 == pytest.approx(0.6, abs=0.02)  # four standard deviations
    assert grey / 1e4 == pytest.approx(0.2, abs=0.02)


def test_the_rotations_are_uniform_in_the_papers_range(sample, monkeypatch):
    angles = []
    monkeypatch.setattr("depth_models.data.transforms._rotate", lambda s, angle_deg: angles.append(angle_deg) or s)
    augmentation, rng = Augmentation(flip_p=0, grey_p=0), np.random.default_rng(0)
    for _ in range(10_000):
        augmentation(sample, rng)
    assert len(angles) / 1e4 == pytest.approx(0.5, abs=0.02)
    assert -5 <= min(angles) < -4.9
    assert 4.9 < max(angles) <= 5
    assert np.std(angles) == pytest.approx(10 / np.sqrt(12), rel=0.03)


def test_the_same_seed_gives_the_same_bytes_and_nothing_drawn_changes_nothing(sample):
    augmentation = Augmentation(zoom=1.5, brightness=0.2, noise=0.05)
    a, b = draw(augmentation, sample, 7), draw(augmentation, sample, 7)
    for name in ("rgb", "depth", "valid"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        np.testing.assert_array_equal(getattr(draw(NOTHING, sample), name), getattr(sample, name))


@pytest.mark.parametrize("values", [{"flip_p": 1.5}, {"zoom": 0.5}, {"noise": -1.0}])
def test_impossible_settings_are_refused(values):
    with pytest.raises(DepthModelsError, match="probabilities"):
        Augmentation(**values)
