"""Message decoding against OpenCV, formulas in float64 and hand-made mosaics."""

import array
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from depth_estimation_ros.conversions import (
    MessageError,
    depth_to_image,
    fill_image,
    image_to_depth,
    image_to_rgb,
)

RGB = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)


def message(encoding, samples, padding=0, bigendian=False, **changes):
    """An image message whose rows are those of `samples`, each followed by `padding` bytes of rubbish."""
    rows = np.ascontiguousarray(samples).view(np.uint8).reshape(samples.shape[0], -1)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=0xAB)
    fields = {
        "encoding": encoding, "height": samples.shape[0], "width": samples.shape[1], "step": rows.shape[1],
        "is_bigendian": bigendian, "data": array.array("B", rows.tobytes()),
    }  # fmt: skip
    return SimpleNamespace(**(fields | changes))


def bt601(y, u, v):
    """BT.601, limited range, in float64."""
    y, u, v = (np.asarray(x, np.float64) for x in (y, u, v))
    y, u, v = (y - 16) * 255 / 219, (u - 128) * 255 / 224, (v - 128) * 255 / 224
    rgb = np.stack([y + 1.402 * v, y - 0.344136 * u - 0.714136 * v, y + 1.772 * u], axis=-1)
    return np.clip(rgb, 0, 255)


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize(
    ("encoding", "samples"),
    [
        ("rgb8", RGB),
        ("bgr8", cv2.cvtColor(RGB, cv2.COLOR_RGB2BGR)),
        ("8UC3", cv2.cvtColor(RGB, cv2.COLOR_RGB2BGR)),
        ("rgba8", cv2.cvtColor(RGB, cv2.COLOR_RGB2RGBA)),
        ("bgra8", cv2.cvtColor(RGB, cv2.COLOR_RGB2BGRA)),
    ],
)
def test_colour_encodings_give_the_rgb_that_went_in(encoding, samples, padding):
    out = image_to_rgb(message(encoding, samples, padding))
    assert out.flags.c_contiguous
    assert out.dtype == np.uint8
    np.testing.assert_array_equal(out, RGB)


@pytest.mark.parametrize("encoding", ["mono8", "8UC1"])
def test_grey_becomes_three_equal_channels(encoding):
    out = image_to_rgb(message(encoding, RGB[..., 0], padding=3))
    np.testing.assert_array_equal(out, np.repeat(RGB[..., :1], 3, axis=2))


@pytest.mark.parametrize("order", ["<", ">"])
def test_mono16_is_scaled_by_its_range_and_honours_the_byte_order(order):
    grey = np.random.default_rng(1).integers(0, 65536, (6, 8)).astype(order + "u2")
    grey[0, :3] = 0, 65535, 257
    out = image_to_rgb(message("mono16", grey, padding=2, bigendian=order == ">"))
    expected = np.rint(grey.astype(np.float64) / 65535 * 255)
    np.testing.assert_array_equal(out, np.repeat(expected[..., None], 3, axis=2))


@pytest.mark.parametrize(("encoding", "luma_first"), [("yuv422", 0), ("uyvy", 0), ("yuv422_yuy2", 1), ("yuyv", 1)])
def test_yuv422_matches_bt601(encoding, luma_first):
    rng = np.random.default_rng(2)
    y = rng.integers(16, 236, (6, 8))
    u, v = rng.integers(16, 241, (2, 6, 4))
    packed = np.empty((6, 8, 2), np.uint8)
    luma, chroma = (0, 1) if luma_first else (1, 0)
    packed[..., luma], packed[:, 0::2, chroma], packed[:, 1::2, chroma] = y, u, v
    out = image_to_rgb(message(encoding, packed, padding=6))
    expected = bt601(y, u.repeat(2, axis=1), v.repeat(2, axis=1))
    assert np.abs(out - expected).max() <= 2  # OpenCV rounds its coefficients to integers


@pytest.mark.parametrize("encoding", ["nv12", "nv21"])
def test_nv12_and_nv21_match_bt601(encoding):
    rng = np.random.default_rng(3)
    y = rng.integers(16, 236, (6, 8))
    u, v = rng.integers(16, 241, (2, 3, 4))
    planes = np.empty((9, 8), np.uint8)
    planes[:6] = y
    first, second = (u, v) if encoding == "nv12" else (v, u)
    planes[6:, 0::2], planes[6:, 1::2] = first, second
    out = image_to_rgb(message(encoding, planes, padding=4, height=6))
    expected = bt601(y, *(np.kron(plane, np.ones((2, 2))) for plane in (u, v)))
    assert np.abs(out - expected).max() <= 2


@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_bayer_names_its_pattern_from_the_first_pixel(pattern):
    colour = {"r": 200, "g": 120, "b": 30}
    tile = np.array([colour[c] for c in pattern], np.uint8).reshape(2, 2)
    out = image_to_rgb(message(f"bayer_{pattern}8", np.tile(tile, (4, 5)), padding=1))
    np.testing.assert_array_equal(out, np.broadcast_to(np.uint8([200, 120, 30]), (8, 10, 3)))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (message("32SC4", RGB), r"'32SC4'.*not one of rgb8"),
        (message("", RGB), r"encoding ''"),
        (message("rgb8", RGB, height=0), "no pixel"),
        (message("rgb8", RGB, width=0), "no pixel"),
        (message("rgb8", RGB, step=23), "step is 23 bytes, a row has 24"),
        (message("rgb8", RGB, data=array.array("B", bytes(10))), "data has 10 bytes, expected 6 x 24 = 144"),
        (message("rgb8", RGB, data=array.array("B", bytes(145))), "data has 145 bytes"),
        (message("rgb8", RGB, data=array.array("B")), "data has 0 bytes"),
        (message("mono16", RGB[..., 0]), "step is 8 bytes, a row has 16"),
        (message("yuyv", RGB[:, :7, :2]), "multiples of 1 and 2"),
        (message("nv12", RGB[:5, :, 0]), "multiples of 2 and 2"),
        (message("bayer_rggb8", RGB[:, :7, 0]), "multiples of 2 and 2"),
    ],
)
def test_bad_messages_are_refused_with_the_reason(bad, reason):
    with pytest.raises(MessageError, match=reason):
        image_to_rgb(bad)


def test_a_stub_of_cv_bridge_outside_ament_is_never_used(monkeypatch, tmp_path):
    (tmp_path / "cv_bridge.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    with pytest.raises(MessageError, match="install ROS 2's cv_bridge"):
        image_to_rgb(message("rgb16", RGB))


METRES = np.array([[0.0, -1.0, np.nan, np.inf], [0.0004, 1.2344, 9.5, 70.0]], np.float32)


def test_metres_have_nan_where_invalid_and_neither_zero_nor_infinity():
    out = depth_to_image(METRES, "32FC1", max_depth=9.5)
    nan = np.nan
    np.testing.assert_array_equal(out, np.float32([[nan, nan, nan, nan], [0.0004, 1.2344, 9.5, nan]]))
    assert out.dtype == np.dtype("<f4")
    assert out.flags.c_contiguous


def test_millimetres_have_zero_where_invalid_or_too_far_for_16_bits():
    out = depth_to_image(METRES, "16UC1", max_depth=1000.0)
    np.testing.assert_array_equal(out, [[0, 0, 0, 0], [0, 1234, 9500, 0]])
    assert out.dtype == np.dtype("<u2")
    edge = np.array([[65.535, 65.536]], np.float32)
    np.testing.assert_array_equal(depth_to_image(edge, "16UC1", 1000.0), [[65535, 0]])


@pytest.mark.parametrize("order", ["<", ">"])
def test_depth_comes_back_in_metres_with_nan_where_invalid(order):
    millimetres = np.array([[0, 1, 65535], [1234, 2000, 0]], order + "u2")
    metres = image_to_depth(message("16UC1", millimetres, padding=3, bigendian=order == ">"))
    assert metres.dtype == np.float32
    np.testing.assert_allclose(metres, [[np.nan, 0.001, 65.535], [1.234, 2.0, np.nan]], rtol=1e-6)
    depth = np.array([[0.5, np.nan, np.inf], [0.0, -1.0, 7.25]], order + "f4")
    metres = image_to_depth(message("32FC1", depth, padding=4, bigendian=order == ">"))
    np.testing.assert_array_equal(metres, [[0.5, np.nan, np.nan], [np.nan, np.nan, 7.25]])


def test_only_depth_is_taken_for_depth():
    with pytest.raises(MessageError, match="'rgb8': depth is one of 32FC1, 16UC1"):
        image_to_depth(message("rgb8", RGB))


@pytest.mark.parametrize(
    ("pixels", "encoding", "step"),
    [(RGB, "rgb8", 24), (RGB[:, ::2], "rgb8", 12), (RGB[..., 0], "mono8", 8), (np.ones((2, 5), "<f4"), "32FC1", 20)],
)
def test_filling_a_message_and_reading_it_gives_the_pixels_back(pixels, encoding, step):
    filled = SimpleNamespace(is_bigendian=0, data=array.array("B"))
    fill_image(filled, pixels, encoding)
    assert (filled.height, filled.width, filled.step) == (*pixels.shape[:2], step)
    assert filled.data.tobytes() == pixels.tobytes()
    if encoding == "rgb8":
        np.testing.assert_array_equal(image_to_rgb(filled), pixels)
