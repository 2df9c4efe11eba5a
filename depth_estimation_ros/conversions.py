"""sensor_msgs/Image and CompressedImage to arrays and back. Pure: any object with the messages' attributes will do."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from depth_models.images import MOST_PIXELS


class MessageError(ValueError):
    """A message that cannot be used; the text says what was got, what was expected and how to fix it.

    Attributes:
        reason: the kind of fault in a word, for counting.
    """

    def __init__(self, text: str, reason: str = "content") -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True)
class _Layout:
    """How an encoding stores its pixels.

    Attributes:
        channels: samples per pixel in a row.
        to_rgb: OpenCV's conversion code; None where the samples are R, G, B already.
        dtype: of a sample.
        rows: rows stored for two image rows (3 where a plane of half-resolution colour follows the grey one).
        even: (height, width) must be multiples of this.
    """

    channels: int
    to_rgb: int | None = None
    dtype: type = np.uint8
    rows: int = 2
    even: tuple[int, int] = (1, 1)


_UYVY = _Layout(2, cv2.COLOR_YUV2RGB_UYVY, even=(1, 2))
_YUYV = _Layout(2, cv2.COLOR_YUV2RGB_YUYV, even=(1, 2))
# OpenCV names a Bayer pattern twice: BayerRGGB2RGB is named from the first pixel, as ROS does, while the older
# BayerBG2RGB (the same code) is named from the pixel at (1, 1).
_LAYOUTS = {
    "rgb8": _Layout(3),
    "bgr8": _Layout(3, cv2.COLOR_BGR2RGB),
    "8UC3": _Layout(3, cv2.COLOR_BGR2RGB),  # no colour order in the name; what OpenCV programs publish is BGR
    "rgba8": _Layout(4, cv2.COLOR_RGBA2RGB),
    "bgra8": _Layout(4, cv2.COLOR_BGRA2RGB),
    "mono8": _Layout(1, cv2.COLOR_GRAY2RGB),
    "8UC1": _Layout(1, cv2.COLOR_GRAY2RGB),
    "mono16": _Layout(1, cv2.COLOR_GRAY2RGB, np.uint16),
    "yuv422": _UYVY,
    "uyvy": _UYVY,
    "yuv422_yuy2": _YUYV,
    "yuyv": _YUYV,
    "nv12": _Layout(1, cv2.COLOR_YUV2RGB_NV12, rows=3, even=(2, 2)),
    "nv21": _Layout(1, cv2.COLOR_YUV2RGB_NV21, rows=3, even=(2, 2)),
    "bayer_rggb8": _Layout(1, cv2.COLOR_BayerRGGB2RGB, even=(2, 2)),
    "bayer_bggr8": _Layout(1, cv2.COLOR_BayerBGGR2RGB, even=(2, 2)),
    "bayer_gbrg8": _Layout(1, cv2.COLOR_BayerGBRG2RGB, even=(2, 2)),
    "bayer_grbg8": _Layout(1, cv2.COLOR_BayerGRBG2RGB, even=(2, 2)),
}

# First and last bytes of what may be in a compressed image. The last tell a whole image from one that was cut off,
# which OpenCV would fill up with grey. Padding with zeros may follow them.
_JPEG, _PNG = (b"\xff\xd8\xff", b"\xff\xd9"), (b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82")
_COMPRESSED = ("", "jpeg", "jpg", "png", "rgb8", "bgr8", "rgba8", "bgra8", "8UC3", "mono8", "8UC1", "mono16")

_DEPTHS = {"32FC1": (_Layout(1, dtype=np.float32), 1.0), "16UC1": (_Layout(1, dtype=np.uint16), 1000.0)}  # per metre


def image_to_rgb(message: Any) -> np.ndarray:
    """Decode an image message to (H, W, 3) uint8 RGB, contiguous; it may share the message's memory.

    YUV is BT.601 with limited range; mono16 is scaled by its type's range. Encodings not listed here are served by
    cv_bridge where a ROS installation has one.

    Args:
        message: sensor_msgs/Image, or anything with its attributes encoding, width, height, step, is_bigendian, data;
            or sensor_msgs/CompressedImage (JPEG or PNG), or anything with its attributes format, data and no encoding.

    Raises:
        MessageError: unknown encoding; no pixel; an odd size where the encoding forbids it; step or data too short;
            compressed data that are broken, cut off or of more than `MOST_PIXELS`.
    """
    if not hasattr(message, "encoding"):
        return _decompressed(message)
    layout = _LAYOUTS.get(message.encoding)
    if layout is None:
        return _with_cv_bridge(message)
    samples = _samples(message, layout)
    if layout.dtype is np.uint16:
        samples = ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)  # 65535 = 255 * 257
    if layout.to_rgb is None:
        return np.ascontiguousarray(samples)
    return cv2.cvtColor(np.ascontiguousarray(samples), layout.to_rgb)


def _decompressed(message: Any) -> np.ndarray:
    # image_transport writes "rgb8; jpeg compressed bgr8": the source's encoding, the codec, and what was compressed
    # where that differs. Others write the codec alone.
    source, _, codec = message.format.partition(";")
    stored = codec.split()[2] if len(codec.split()) == 3 else source.strip()
    what = f"compressed image of format {message.format!r}"
    if stored not in _COMPRESSED:
        raise MessageError(f"{what}: it holds {stored!r}; expected a colour or grey image as JPEG or PNG", "encoding")
    data = bytes(memoryview(message.data).cast("B"))
    ends = [last for first, last in (_JPEG, _PNG) if data.startswith(first)]
    if not ends:
        raise MessageError(f"{what}: its {len(data)} bytes are neither JPEG nor PNG; publish one of these", "encoding")
    if not data.rstrip(b"\0").endswith(ends[0]):
        raise MessageError(
            f"{what}: its {len(data)} bytes are cut off; is the network or the camera's buffer full?", "data"
        )
    _check_size(data, what)
    try:
        # A camera_info is of the pixels as they are stored, whatever an EXIF tag says of up and down.
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:  # sizes that OpenCV refuses
        raise MessageError(f"{what}: it cannot be decoded: {error}", "data") from error
    if bgr is None:
        raise MessageError(f"{what}: its {len(data)} bytes are broken; does the publisher send whole images?", "data")
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def _check_size(data: bytes, what: str) -> None:
    """Refuse a size before OpenCV takes memory for it: some hundred bytes may say that they are a gigapixel."""
    from PIL import Image  # reads the header only

    try:
        width, height = Image.open(io.BytesIO(data)).size
    except Image.DecompressionBombError as error:
        raise MessageError(f"{what}: its {len(data)} bytes are forged or broken: {error}", "size") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise MessageError(f"{what}: its {len(data)} bytes are broken: {error}", "data") from error
    if width * height > MOST_PIXELS:
        raise MessageError(
            f"{what}: its {len(data)} bytes say that they are {width} x {height} pixels, more than {MOST_PIXELS}, the "
            "most that is decoded; they are forged or broken, or the camera must send smaller images",
            "size",
        )


def _samples(message: Any, layout: _Layout) -> np.ndarray:
    """(rows, W) or (rows, W, channels) view of the message's memory, its row padding cut off."""
    height, width, step = message.height, message.width, message.step
    what = f"image of encoding {message.encoding!r}, {width} x {height} pixels"
    if height <= 0 or width <= 0:
        raise MessageError(f"{what}: it has no pixel; does the camera driver run?", "size")
    if height % layout.even[0] or width % layout.even[1]:
        raise MessageError(
            f"{what}: height and width must be multiples of {layout.even[0]} and {layout.even[1]} for this encoding; "
            "crop the image or publish rgb8",
            "size",
        )
    dtype = np.dtype(layout.dtype).newbyteorder(">" if message.is_bigendian else "<")
    row_bytes = width * layout.channels * dtype.itemsize
    if step < row_bytes:
        raise MessageError(f"{what}: step is {step} bytes, a row has {row_bytes}; the publisher must set step", "step")
    rows = height * layout.rows // 2
    data = memoryview(message.data).cast("B")
    if len(data) != rows * step:
        raise MessageError(
            f"{what}, step {step}: data has {len(data)} bytes, expected {rows} x {step} = {rows * step}; "
            "the publisher's encoding, size and data must agree",
            "data",
        )
    shape: tuple[int, ...] = (rows, width) if layout.channels == 1 else (rows, width, layout.channels)
    strides: tuple[int, ...] = (step, dtype.itemsize * layout.channels, dtype.itemsize)[: len(shape)]
    return np.ndarray(shape, dtype, buffer=data, strides=strides)


def _with_cv_bridge(message: Any) -> np.ndarray:
    """Decode by the real cv_bridge. PyPI's package of that name is a stub that decodes wrongly: only ament's counts."""
    marker = "share/ament_index/resource_index/packages/cv_bridge"
    prefixes = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    if not any(prefix and (Path(prefix) / marker).is_file() for prefix in prefixes):
        raise MessageError(
            f"image of encoding {message.encoding!r}: not one of {', '.join(_LAYOUTS)}; "
            "publish one of these, or install ROS 2's cv_bridge (ros-$ROS_DISTRO-cv-bridge), which knows more",
            "encoding",
        )
    try:
        from cv_bridge import CvBridge

        return np.ascontiguousarray(CvBridge().imgmsg_to_cv2(message, "rgb8"))
    except Exception as error:  # cv_bridge's own errors, and those of a build for another numpy
        text = f"image of encoding {message.encoding!r}: cv_bridge cannot decode it: {error}"
        raise MessageError(text, "encoding") from error


def depth_to_image(metres: np.ndarray, encoding: str, max_depth: float) -> np.ndarray:
    """Depth as REP 118 wants it in an image message.

    Args:
        metres: (H, W) float32; not positive, not finite or beyond `max_depth` is invalid.
        encoding: '32FC1' or '16UC1'.
        max_depth: metres.

    Returns:
        (H, W) contiguous little-endian: float32 metres with NaN for invalid (never 0.0, which depth_image_proc takes as
        a point, nor Inf), or uint16 millimetres with 0 for invalid and for what does not fit 65.535 m.
    """
    valid = (metres > 0) & (metres <= max_depth)
    if encoding == "32FC1":
        depth = metres.astype("<f4")
        depth[~valid] = np.nan
        return depth
    millimetres = np.rint(np.where(valid, metres, 0.0) * 1000.0)
    return np.where(millimetres <= 65535, millimetres, 0).astype("<u2")


def image_to_depth(message: Any) -> np.ndarray:
    """Decode a depth image message to (H, W) float32 metres, NaN where invalid (REP 118).

    Args:
        message: sensor_msgs/Image of encoding 32FC1 (metres) or 16UC1 (millimetres), or anything with its attributes.

    Raises:
        MessageError: another encoding; no pixel; step or data too short.
    """
    if message.encoding not in _DEPTHS:
        raise MessageError(f"image of encoding {message.encoding!r}: depth is one of {', '.join(_DEPTHS)}", "encoding")
    layout, metre = _DEPTHS[message.encoding]
    metres = _samples(message, layout).astype(np.float32) / np.float32(metre)
    metres[~(np.isfinite(metres) & (metres > 0))] = np.nan
    return metres


def fill_image(message: Any, pixels: np.ndarray, encoding: str) -> None:
    """Put pixels into an image message, in place of none; its header stays.

    Args:
        message: a new sensor_msgs/Image.
        pixels: (H, W) or (H, W, channels), little-endian, of the encoding's type.
        encoding: such as 'rgb8' or '32FC1'.
    """
    message.height, message.width = pixels.shape[:2]
    message.encoding = encoding
    message.step = pixels.nbytes // len(pixels)
    # Filling the array in place is 1000 times faster than assigning one, whose values rclpy checks one by one.
    message.data.frombytes(np.ascontiguousarray(pixels).data.cast("B"))
