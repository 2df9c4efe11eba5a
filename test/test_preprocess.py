"""From uint8 RGB to the network's canvas, and the depth back: geometry, values, focal length."""

import json
import math

import numpy as np
import pytest
import torch

from depth_models import DepthModelsError, Preprocess

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)
PRE = Preprocess(240, 320, MEAN, STD)


def rng():
    return np.random.default_rng(0)


def interpolation(size, target):
    """(target, size) float64: the weights of linear interpolation between pixel centres, borders held."""
    centres = np.clip((np.arange(target) + 0.5) * size / target - 0.5, 0, size - 1)
    return np.stack([np.interp(centres, np.arange(size), row) for row in np.eye(size)], axis=1)


def averaging(size, target):
    """(target, size) float64: how much of each source pixel lies under each target pixel; rows sum to 1."""
    low, step = np.arange(target)[:, None] * size / target, size / target
    pixels = np.arange(size)
    return np.clip(np.minimum(low + step, pixels + 1) - np.maximum(low, pixels), 0, None) / step


def resized(image, rows, columns):
    return np.einsum("jk,ik...->ij...", columns, np.einsum("ij,jk...->ik...", rows, image))


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((480, 640), (240, 320, 0, 0)),
        ((240, 320), (240, 320, 0, 0)),
        ((120, 160), (240, 320, 0, 0)),
        ((6000, 8000), (240, 320, 0, 0)),
        ((8000, 6000), (240, 180, 0, 70)),
        ((640, 480), (240, 180, 0, 70)),
        ((1080, 1920), (180, 320, 30, 0)),
        ((1, 1), (240, 240, 0, 40)),
        ((3, 100_000), (1, 320, 119, 0)),
        ((100_000, 3), (240, 1, 0, 159)),
        ((241, 321), (240, 320, 0, 0)),
    ],
)
def test_the_image_fits_the_canvas_with_its_aspect_kept(size, expected):
    box = PRE.letterbox(*size)
    assert (box.height, box.width, box.top, box.left) == expected
    assert box.scale_y == expected[0] / size[0]
    assert box.scale_x == expected[1] / size[1]


def test_any_letterbox_lies_on_the_canvas_centred_and_as_large_as_it_can_be():
    for height, width in rng().integers(1, 3000, (500, 2)):
        box = PRE.letterbox(int(height), int(width))
        spare_y, spare_x = PRE.height - box.height, PRE.width - box.width
        assert min(spare_y, spare_x) == 0
        assert 0 <= spare_y - 2 * box.top <= 1
        assert 0 <= spare_x - 2 * box.left <= 1
        scale = min(PRE.height / height, PRE.width / width)
        assert abs(box.height - height * scale) <= 0.5 or box.height == 1
        assert abs(box.width - width * scale) <= 0.5 or box.width == 1


@pytest.mark.parametrize("size", [(480, 640), (720, 960), (300, 400), (601, 801)])
def test_shrinking_is_the_mean_of_the_pixels_under_each(size):
    rgb = rng().integers(0, 256, (*size, 3), dtype=np.uint8)
    expected = resized(rgb.astype(np.float64), averaging(size[0], 240), averaging(size[1], 320))
    np.testing.assert_allclose(PRE.canvas(rgb), expected, atol=0.51)  # rounded to whole numbers


def test_enlarging_is_bilinear():
    rgb = rng().integers(0, 256, (60, 80, 3), dtype=np.uint8)
    expected = resized(rgb.astype(np.float64), interpolation(60, 240), interpolation(80, 320))
    np.testing.assert_allclose(PRE.canvas(rgb), expected, atol=1.01)  # OpenCV's fixed point


def test_the_padding_is_the_mean_colour():
    canvas = PRE.canvas(np.full((640, 480, 3), 7, np.uint8))
    assert canvas.shape == (240, 320, 3)
    assert canvas.flags.c_contiguous
    np.testing.assert_array_equal(canvas[:, 70:250], 7)
    np.testing.assert_array_equal(np.unique(canvas[:, :70].reshape(-1, 3), axis=0), [[128, 102, 76]])
    np.testing.assert_array_equal(canvas[:, 250:], canvas[:, :70])


def test_normalising_subtracts_the_mean_and_divides_by_the_deviation():
    canvas = rng().integers(0, 256, (2, 5, 7, 3), dtype=np.uint8)
    images = PRE.normalise(torch.from_numpy(canvas))
    assert images.dtype == torch.float32
    assert images.is_contiguous(memory_format=torch.channels_last)
    expected = (canvas / 255.0 - np.array(MEAN)) / np.array(STD)
    np.testing.assert_allclose(images.numpy(), expected.transpose(0, 3, 1, 2), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (3, 7), (37, 53), (480, 640), (641, 239), (720, 1280), (5, 2000)])
def test_depth_has_the_sources_size(size):
    depth = PRE.restore(np.full((1, 240, 320), 2.5, np.float32), *size)
    assert depth.metres.shape == depth.valid.shape == size
    assert depth.metres.dtype == np.float32
    assert depth.valid.dtype == bool
    np.testing.assert_allclose(depth.metres, 2.5, rtol=1e-6)
    assert depth.valid.all()


@pytest.mark.parametrize("size", [(100, 50), (50, 100), (481, 641), (97, 33)])
def test_every_source_pixel_gets_its_own_depth(size):
    """A depth that the source's own columns and rows name: through the canvas and back it stays in place."""
    height, width = size
    box = PRE.letterbox(height, width)
    row = (np.arange(240)[:, None] - box.top + 0.5) / box.height * height  # the source's coordinates of canvas pixels
    column = (np.arange(320) - box.left + 0.5) / box.width * width
    canvas = (1000 + row + 0.5 * column).astype(np.float32)
    metres = PRE.restore(canvas[None], *size).metres
    expected = 1000 + (np.arange(height)[:, None] + 0.5) + 0.5 * (np.arange(width) + 0.5)
    inner = np.s_[2:-2, 2:-2]  # where the canvas has samples on both sides
    np.testing.assert_allclose(metres[inner], expected[inner], atol=2e-3)


def test_the_paddings_depth_is_thrown_away():
    canvas = np.full((1, 240, 320), 99.0, np.float32)
    canvas[:, :, 70:250] = 2.0
    np.testing.assert_array_equal(PRE.restore(canvas, 640, 480).metres, 2.0)


def test_depth_that_is_none_is_invalid():
    canvas = np.full((1, 240, 320), 2.0, np.float32)
    for column, value in enumerate((np.nan, np.inf, -np.inf, 0.0, -1.0)):
        canvas[0, 100, 10 * column] = value
    depth = PRE.restore(canvas, 240, 320)
    bad = np.zeros((240, 320), bool)
    bad[100, 0:50:10] = True
    np.testing.assert_array_equal(depth.valid, ~bad)
    np.testing.assert_array_equal(np.isnan(depth.metres), bad)


def scene(x, y):
    """Z in metres of the surface in direction (x, y, 1): a box before two walls; powers of two, so exact."""
    return np.where((abs(x - 0.05) < 0.05) & (abs(y) < 0.06), 1.0, np.where(x < 0, 2.0, 4.0))


def seen(size, f, x, y):
    """Indices of the pixels that look in the directions (x, y, 1)."""
    return (np.floor(y * f + size[0] / 2).astype(int), np.floor(x * f + size[1] / 2).astype(int))


class Oracle:
    """A perfect network for one canonical focal length: it sees sizes in pixels, so it knows Z only up to f_c / f."""

    def __init__(self, preprocess, size, f):
        self.preprocess, self.size, self.f = preprocess, size, f

    def __call__(self):
        pre, (height, width) = self.preprocess, self.size
        f = self.f * min(pre.height / height, pre.width / width)
        y = (np.arange(pre.height)[:, None] + 0.5 - pre.height / 2) / f
        x = (np.arange(pre.width) + 0.5 - pre.width / 2) / f
        return (scene(x, y) * pre.focal_px / f).astype(np.float32)[None]


CAMERAS = {"wide": ((480, 640), 256.0), "narrow": ((960, 1280), 1024.0), "wide screen": ((720, 1280), 2048.0)}
CANONICAL = Preprocess(240, 320, MEAN, STD, focal_px=256.0)


def test_one_scene_gives_the_same_metres_whatever_the_field_of_view():
    x, y = np.meshgrid(np.linspace(-0.145, 0.145, 30), np.linspace(-0.115, 0.115, 24))  # all three see these
    truth = scene(x, y)
    assert set(np.unique(truth)) == {1.0, 2.0, 4.0}
    clear = np.all([scene(x + dx, y + dy) == truth for dx in (-0.02, 0.02) for dy in (-0.02, 0.02)], axis=0)
    for name, (size, f) in CAMERAS.items():
        depth = CANONICAL.restore(Oracle(CANONICAL, size, f)(), *size, fx=f, fy=f)
        np.testing.assert_array_equal(depth.metres[seen(size, f, x, y)][clear], truth[clear], err_msg=name)


def test_without_the_focal_length_the_metres_are_off_by_the_ratio_of_focal_lengths():
    for name, (size, f) in CAMERAS.items():
        depth = CANONICAL.restore(Oracle(CANONICAL, size, f)(), *size)
        on_canvas = f * min(240 / size[0], 320 / size[1])
        at = seen(size, f, np.array(-0.1), np.array(0.0))
        assert depth.metres[at] == 2.0 * 256.0 / on_canvas, name
    assert len({f * min(240 / size[0], 320 / size[1]) for size, f in CAMERAS.values()}) == 3


def test_the_focal_length_scales_metres_in_canvas_pixels():
    box = CANONICAL.letterbox(480, 640)
    assert CANONICAL.metres_per_output(box, 512.0, 512.0) == 1.0
    assert CANONICAL.metres_per_output(box, 1024.0, 1024.0) == 2.0
    assert CANONICAL.metres_per_output(box, None, None) == 1.0
    # Pixels that are not square: the mean of the two in the sense of areas.
    assert CANONICAL.metres_per_output(box, 500.0, 720.0) == pytest.approx(600.0 / 512.0)
    assert PRE.metres_per_output(box, 1024.0, 1024.0) == 1.0, "trained without a canonical focal length"


@pytest.mark.parametrize(
    ("fx", "fy"), [(500.0, None), (None, 500.0), (0.0, 0.0), (-500.0, 500.0), (500.0, math.nan), (math.inf, 500.0)]
)
def test_a_bad_focal_length_is_refused(fx, fy):
    for pre in (PRE, CANONICAL):
        with pytest.raises(
            DepthModelsError, match=f"must both be positive pixels, or both be left out; got {fx} and {fy}"
        ):
            pre.restore(np.ones((1, 240, 320), np.float32), 480, 640, fx, fy)


@pytest.mark.parametrize("pre", [PRE, CANONICAL])
def test_it_survives_json(pre):
    assert Preprocess.from_dict(json.loads(json.dumps(pre.to_dict()))) == pre


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"height": None}, "has the keys"),
        ({"gamma": 2.2}, "has the keys"),
        ({"mean": [0.5, 0.5]}, "three finite values"),
        ({"mean": [0.5, 0.5, math.nan]}, "three finite values"),
        ({"std": [0.2, 0.2, 0.2, 0.2]}, "three finite values"),
        ({"std": [0.2, 0.0, 0.2]}, "positive, finite std"),
        ({"std": [0.2, math.inf, 0.2]}, "positive, finite std"),
        ({"std": 0.2}, "malformed"),
        ({"mean": ["a", "b", "c"]}, "malformed"),
        ({"focal_px": 0.0}, "positive, finite std and focal length"),
        ({"focal_px": math.nan}, "positive, finite std and focal length"),
        ({"focal_px": "256"}, "malformed"),
        ({"height": 0}, "1 to 4096 whole pixels"),
        ({"height": 240.5}, "1 to 4096 whole pixels"),
        ({"width": 4097}, "1 to 4096 whole pixels"),
    ],
)
def test_values_that_make_no_sense_are_refused(change, complaint):
    values = {k: v for k, v in {**CANONICAL.to_dict(), **change}.items() if v is not None}
    with pytest.raises(DepthModelsError, match=complaint):
        Preprocess.from_dict(values)
