"""Images from files and from memory: every kind that occurs, and the ones that cannot be used."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from depth_models import DepthModelsError
from depth_models.images import as_rgb, find_images, from_pil, read_image


def picture(height=6, width=9):
    """Every pixel another colour."""
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def save(path, array, **options):
    Image.fromarray(array).save(path, **options)
    return path


def refusal(image):
    with pytest.raises(DepthModelsError) as caught:
        as_rgb(image)
    return str(caught.value)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".ppm", ".PNG"])
def test_a_colour_image_is_read_as_it_is(suffix, tmp_path):
    rgb = read_image(save(tmp_path / f"image{suffix}", picture()))
    assert rgb.dtype == np.uint8
    np.testing.assert_array_equal(rgb, picture())


def test_a_jpeg_is_read_in_the_right_order_of_channels(tmp_path):
    array = np.zeros((16, 16, 3), np.uint8)
    array[..., 0] = 200
    rgb = read_image(save(tmp_path / "red.jpg", array, quality=95))
    np.testing.assert_allclose(rgb, array, atol=5)


def test_grey_becomes_three_equal_channels(tmp_path):
    grey = picture()[..., 0]
    rgb = read_image(save(tmp_path / "grey.png", grey))
    np.testing.assert_array_equal(rgb, np.stack([grey] * 3, axis=2))


def test_black_and_white_becomes_0_and_255(tmp_path):
    bits = picture()[..., 0] > 127
    Image.fromarray(bits).save(tmp_path / "bits.png")
    np.testing.assert_array_equal(read_image(tmp_path / "bits.png"), np.stack([255 * bits] * 3, axis=2))


def test_transparency_is_dropped(tmp_path):
    rgba = np.dstack([picture(), np.arange(54, dtype=np.uint8).reshape(6, 9)])
    np.testing.assert_array_equal(read_image(save(tmp_path / "rgba.png", rgba)), picture())
    grey_alpha = Image.fromarray(rgba[..., 0]).convert("LA")
    grey_alpha.save(tmp_path / "la.png")
    np.testing.assert_array_equal(read_image(tmp_path / "la.png"), np.stack([picture()[..., 0]] * 3, axis=2))


def test_a_palette_is_looked_up(tmp_path):
    Image.fromarray(picture() // 128 * 255).convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "p.png")
    np.testing.assert_array_equal(read_image(tmp_path / "p.png"), picture() // 128 * 255)


def test_16_bit_grey_is_scaled_by_its_types_range(tmp_path):
    grey = np.array([[0, 128, 257, 32768, 65278, 65535]], np.uint16)
    expected = np.rint(grey / 65535 * 255).astype(np.uint8)
    for suffix in ("png", "tif"):
        rgb = read_image(save(tmp_path / f"grey.{suffix}", grey))
        np.testing.assert_array_equal(rgb, np.stack([expected] * 3, axis=2))


# EXIF orientation n is undone by this turn of the stored array.
UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_orientation_is_undone(orientation, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "turned.png", picture(), exif=exif)
    expected = UPRIGHT[orientation](picture())
    np.testing.assert_array_equal(read_image(path), expected)
    with Image.open(path) as image:
        np.testing.assert_array_equal(as_rgb(image), expected)


def test_one_pixel_is_an_image(tmp_path):
    array = np.array([[[1, 2, 3]]], np.uint8)
    np.testing.assert_array_equal(read_image(save(tmp_path / "pixel.png", array)), array)


def test_48_megapixels_are_an_image(tmp_path):
    path = tmp_path / "large.png"
    Image.new("1", (8000, 6000)).save(path)  # one bit a pixel: small on the disk
    rgb = read_image(path)
    assert rgb.shape == (6000, 8000, 3)
    assert not rgb[::100, ::100].any()


def test_a_path_may_be_text_and_a_pillow_image_is_taken(tmp_path):
    path = save(tmp_path / "image.png", picture())
    np.testing.assert_array_equal(as_rgb(str(path)), picture())
    np.testing.assert_array_equal(from_pil(Image.fromarray(picture())), picture())
    array = picture()
    assert as_rgb(array) is array


def test_a_file_that_is_not_there_is_named(tmp_path):
    assert refusal(tmp_path / "none.png") == f"{tmp_path / 'none.png'}: no such image file"
    assert refusal(tmp_path).endswith("no such image file")


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "empty.png").touch()
    assert "empty.png: the file is empty; expected an image (.bmp, .jpeg" in refusal(tmp_path / "empty.png")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".bmp"])
def test_damaged_files_are_refused(suffix, tmp_path):
    whole = save(tmp_path / f"whole{suffix}", picture(64, 64)).read_bytes()
    path = tmp_path / f"damaged{suffix}"
    for content in (whole[: len(whole) // 2], whole[:10], b"\0" * 1000, b"not an image at all", b"\0"):
        path.write_bytes(content)
        message = refusal(path)
        assert message.startswith(f"{path}: cannot be read as an image (")
        assert message.endswith("is it damaged?")


def test_a_pillow_image_of_a_damaged_file_is_refused(tmp_path):
    path = save(tmp_path / "image.png", picture(64, 64))
    path.write_bytes(path.read_bytes()[:-1000])
    with Image.open(path) as image:  # Pillow has read no more than the size so far
        assert "the Pillow image cannot be read (" in refusal(image)


def test_a_flipped_byte_in_a_png_is_noticed(tmp_path):
    path = save(tmp_path / "image.png", picture(64, 64))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    assert "is it damaged?" in refusal(path)


@pytest.mark.parametrize(
    ("side", "reason"), [(100_000, "exceeds limit"), (8193, "it has 8193 x 8193 pixels, and 67108864 is the most")]
)
def test_a_decompression_bomb_is_refused(side, reason, tmp_path):
    """A PNG of a few bytes that says it has 10 gigapixels, and one of little more than is read."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    path = tmp_path / "bomb.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")))
    assert reason in refusal(path)


@pytest.mark.parametrize(
    ("array", "hint"),
    [
        (np.zeros((4, 5), np.uint8), "got shape (4, 5) of uint8"),
        (np.zeros((4, 5, 4), np.uint8), "got shape (4, 5, 4) of uint8"),
        (np.zeros((3, 4, 5), np.uint8), "got shape (3, 4, 5) of uint8"),
        (np.zeros((1, 4, 5, 3), np.uint8), "got shape (1, 4, 5, 3) of uint8"),
        (np.zeros((0, 5, 3), np.uint8), "got shape (0, 5, 3) of uint8"),
        (np.zeros((4, 5, 3), np.uint16), "got shape (4, 5, 3) of uint16"),
        (np.zeros((4, 5, 3), np.float32), "convert values in 0 to 1 with (image * 255).round().astype('uint8')"),
        (np.full((4, 5, 3), np.nan, np.float32), "(60 of its values are NaN or infinite)"),
        (np.full((4, 5, 3), np.inf), "(60 of its values are NaN or infinite)"),
    ],
)
def test_an_array_of_another_kind_says_what_it_should_be(array, hint):
    message = refusal(array)
    assert message.startswith("an image array must be (H, W, 3) uint8 RGB, got shape")
    assert hint in message


@pytest.mark.parametrize("thing", [None, 3, b"bytes", [[1]]])
def test_what_is_no_image_at_all_says_what_is(thing):
    assert refusal(thing) == (f"an image must be a uint8 array, a Pillow image or a path, got {type(thing).__name__}")


def test_a_folders_images_come_in_name_order(tmp_path):
    for name in ("b.png", "a.JPG", "c.jpeg", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in find_images(tmp_path)] == ["a.JPG", "b.png", "c.jpeg"]
    assert find_images(str(tmp_path / "b.png")) == [tmp_path / "b.png"]


def test_a_folder_without_an_image_says_what_is_expected(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DepthModelsError, match=r"no image in this folder; expected files ending in \.bmp, \.jpeg"):
        find_images(tmp_path)
