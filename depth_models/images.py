"""Reading images from files and checking images from memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from depth_models.errors import DepthModelsError

MOST_PIXELS = 1 << 26  # 200 MB as RGB; a header that says more is forged or broken, and decoding it fills the memory
SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm"}


def read_image(path: str | Path) -> np.ndarray:
    """Read an image file as (H, W, 3) uint8 RGB, turned upright by its EXIF orientation.

    Grey becomes three equal channels, transparency is dropped, 16-bit grey is scaled by its type's range.

    Raises:
        DepthModelsError: the file is absent, empty, of more than `MOST_PIXELS`, or not an image that can be read whole.
    """
    from PIL import Image

    path = Path(path)
    if not path.is_file():
        raise DepthModelsError(f"{path}: no such image file")
    if path.stat().st_size == 0:
        raise DepthModelsError(f"{path}: the file is empty; expected an image ({', '.join(sorted(SUFFIXES))})")
    try:
        with Image.open(path) as image:
            return from_pil(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        # Pillow raises these for what is no image, a truncated one, and one of absurd size.
        raise DepthModelsError(f"{path}: cannot be read as an image ({error}); is it damaged?") from error


def from_pil(image: Any) -> np.ndarray:
    """A Pillow image as (H, W, 3) uint8 RGB, upright.

    Raises:
        ValueError: more than `MOST_PIXELS`, found before they are decoded; or floating-point pixels.
    """
    from PIL import ImageOps

    width, height = image.size
    if width * height > MOST_PIXELS:
        raise ValueError(f"it has {width} x {height} pixels, and {MOST_PIXELS} is the most that is read; shrink it")
    image = ImageOps.exif_transpose(image)
    if image.mode == "F":  # Pillow would clip it to 0..255, and most such files hold 0..1
        raise ValueError("it holds floating-point numbers, whose range nobody knows; save it with 8 or 16 bits")
    if image.mode.startswith("I"):  # 16-bit grey; Pillow's own conversion would clip it to white
        grey = np.clip(np.asarray(image, np.float64) / 257, 0, 255).round().astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    return np.array(image.convert("RGB"))


def as_rgb(image: Any) -> np.ndarray:
    """What `DepthPredictor` accepts, as (H, W, 3) uint8 RGB: such an array, a Pillow image, or a path.

    Raises:
        DepthModelsError: another type, dtype or shape, or no pixel.
    """
    if isinstance(image, (str, Path)):
        return read_image(image)
    if hasattr(image, "getexif") and hasattr(image, "convert"):
        try:
            return from_pil(image)
        except (OSError, SyntaxError, ValueError) as error:  # Pillow reads its file as late as here
            raise DepthModelsError(f"the Pillow image cannot be read ({error}); is its file damaged?") from error
    if not isinstance(image, np.ndarray):
        raise DepthModelsError(f"an image must be a uint8 array, a Pillow image or a path, got {type(image).__name__}")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        hint = ""
        if np.issubdtype(image.dtype, np.floating):
            bad = int(np.count_nonzero(~np.isfinite(image)))
            hint = f" ({bad} of its values are NaN or infinite)" if bad else ""
            hint += "; convert values in 0 to 1 with (image * 255).round().astype('uint8')"
        raise DepthModelsError(
            f"an image array must be (H, W, 3) uint8 RGB, got shape {image.shape} of {image.dtype}{hint}"
        )
    return image


def find_images(path: str | Path) -> list[Path]:
    """The image itself, or the images of a folder in name order.

    Raises:
        DepthModelsError: nothing there, or a folder without images.
    """
    path = Path(path)
    if not path.is_dir():
        return [path]
    images = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES)
    if not images:
        raise DepthModelsError(
            f"{path}: no image in this folder; expected files ending in {', '.join(sorted(SUFFIXES))}"
        )
    return images
