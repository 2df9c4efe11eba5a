"""Compressed image messages: JPEG and PNG, cut off, broken and forged."""

import array
import io
import struct
import zlib
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image

from depth_estimation_ros.conversions import MessageError, image_to_rgb

RGB = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)


def compressed(data, form="bgr8; jpeg compressed bgr8"):
    return SimpleNamespace(format=form, data=array.array("B", data))


def encoded(extension, pixels=RGB[..., ::-1]):
    done, data = cv2.imencode(extension, pixels)
    assert done
    return data.tobytes()


def forged(extension, width, height):
    """A picture whose header says another size."""
    data = bytearray(encoded(extension))
    if extension == ".png":
        data[16:24] = struct.pack(">II", width, height)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    else:
        start = data.index(b"\xff\xc0") + 5
        data[start : start + 4] = struct.pack(">HH", height, width)
    return bytes(data)


@pytest.mark.parametrize(
    ("extension", "width", "height", "reason"),
    [
        (".jpg", 65_500, 65_500, "forged or broken"),
        (".jpg", 16_000, 16_000, "forged or broken"),
        (".jpg", 8192, 8193, "say that they are 8192 x 8193 pixels, more than 67108864"),
        (".png", 2**31 - 1, 2**31 - 1, "forged or broken"),
        (".png", 1_000_000, 100, "say that they are 1000000 x 100 pixels, more than 67108864"),
    ],
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_forged_size_is_refused_before_anything_is_decoded(extension, width, height, reason, monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("OpenCV was asked to decode it"))
    with pytest.raises(MessageError, match=reason) as caught:
        image_to_rgb(compressed(forged(extension, width, height)))
    assert caught.value.reason == "size"


@pytest.mark.parametrize("form", ["png", "rgb8; png compressed bgr8", "mono8; png compressed ", ""])
def test_a_png_gives_the_rgb_that_went_in(form):
    out = image_to_rgb(compressed(encoded(".png"), form))
    np.testing.assert_array_equal(out, RGB)
    assert out.flags.c_contiguous


@pytest.mark.parametrize("form", ["jpeg", "rgb8; jpeg compressed bgr8", "bayer_rggb8; jpeg compressed bgr8"])
def test_a_jpeg_gives_the_colours_that_went_in(form):
    colours = np.zeros((32, 48, 3), np.uint8)
    colours[:, :16], colours[:, 16:32], colours[:, 32:] = (200, 30, 40), (20, 180, 60), (30, 50, 220)
    out = image_to_rgb(compressed(encoded(".jpg", colours[..., ::-1]), form))
    for left in (0, 16, 32):
        inner = np.s_[4:-4, left + 6 : left + 10]
        assert np.abs(out[inner].astype(int) - colours[inner]).max() <= 12
    padded = image_to_rgb(compressed(encoded(".jpg", colours[..., ::-1]) + bytes(100), form))
    np.testing.assert_array_equal(padded, out)


def test_an_exif_tag_does_not_turn_the_pixels():
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    file = io.BytesIO()
    Image.fromarray(np.zeros((16, 48, 3), np.uint8)).save(file, "jpeg", exif=exif)
    assert image_to_rgb(compressed(file.getvalue())).shape == (16, 48, 3)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (compressed(b""), "its 0 bytes are neither JPEG nor PNG"),
        (compressed(b"GIF89a" + bytes(50)), "neither JPEG nor PNG"),
        (compressed(encoded(".jpg")[:-20]), "cut off"),
        (compressed(encoded(".png")[:-20]), "cut off"),
        (compressed(encoded(".jpg")[:20] + encoded(".jpg")[-2:]), "broken"),
        (compressed(encoded(".png"), "16UC1; compressedDepth png"), "it holds '16UC1'"),
        (compressed(encoded(".png"), "16UC1; png compressed "), "it holds '16UC1'"),
        (compressed(encoded(".jpg"), "bayer_rggb8; jpeg compressed "), "it holds 'bayer_rggb8'"),
    ],
)
def test_bad_compressed_messages_are_refused_with_the_reason(bad, reason):
    with pytest.raises(MessageError, match=reason):
        image_to_rgb(bad)
