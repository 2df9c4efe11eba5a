"""Image messages and camera_info with garbage in places, for the tests that break the node: plain objects."""

from types import SimpleNamespace

import cv2
import numpy as np

from depth_estimation_ros.conversions import _LAYOUTS

WIDTH, HEIGHT = 160, 120
RGB = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
CODED = [cv2.imencode(kind, RGB)[1].tobytes() for kind in (".jpg", ".png")]
NUMBERS = (0.0, -1.0, 1e-300, 1e300, float("nan"), float("inf"), -float("inf"))
SIZES = (0, 1, 2, 3, 119, 121, 159, 161, 65_535, 2**31 - 1, 2**32 - 1)
ENCODINGS = (*_LAYOUTS, "", "rgb", "RGB8", "32FC1", "16UC1", "jpeg", "bayer_rggb16", "\0", "é" * 1000)
FORMATS = ("", ";", "jpeg", "png", "rgb8; jpeg compressed bgr8", "16UC1; compressedDepth png", "tiff", ";;;", "\0" * 99)
MODELS = ("plumb_bob", "rational_polynomial", "equidistant", "", "fisheye\0")


def header(rng):
    sec, nanosec = rng.choice((0, -1, 2**31 - 1, -(2**31))), rng.choice((0, 999_999_999, 2**32 - 1))
    return SimpleNamespace(stamp=SimpleNamespace(sec=sec, nanosec=nanosec), frame_id=rng.choice(("", "camera", "\0é")))


def good(rng=None):
    stamp = SimpleNamespace(sec=1, nanosec=0)
    return SimpleNamespace(
        header=SimpleNamespace(stamp=stamp, frame_id="camera"), encoding="rgb8", height=HEIGHT, width=WIDTH,
        step=3 * WIDTH, is_bigendian=0, data=RGB.tobytes(),
    )  # fmt: skip


def broken_raw(rng):
    """A good image with one to three fields of garbage; some of these are still good."""
    message = good()
    message.header = header(rng)
    for fault in rng.sample(("encoding", "height", "width", "step", "is_bigendian", "data"), rng.randint(1, 3)):
        value = {
            "encoding": lambda: rng.choice(ENCODINGS),
            "is_bigendian": lambda: rng.choice((0, 1, 255)),
            "data": lambda: (
                RGB.tobytes()[: rng.choice((0, 1, 480, RGB.nbytes - 1))] + b"x" * rng.choice((0, 0, 1, 481))
            ),
        }.get(fault, lambda: rng.choice(SIZES))()
        setattr(message, fault, value)
    return message


def broken_compressed(rng):
    """A JPEG or PNG that is cut off or has changed bytes, now and then in its header, or a format of garbage."""
    data = bytearray(rng.choice(CODED))
    begin, end = rng.choice(((2, 200), *[(200, len(data))] * 3))
    for _ in range(rng.choice((0, 1, 10))):
        data[rng.randrange(begin, end)] = rng.randrange(256)
    data = data[: rng.choice((0, 2, 9, rng.randrange(len(data)), len(data)))] + b"\0" * rng.choice((0, 0, 7))
    return SimpleNamespace(header=header(rng), format=rng.choice(FORMATS), data=bytes(data))


def broken_info(rng):
    """A camera_info with garbage in places, or none."""

    def some(*values):
        return [rng.choice(NUMBERS) if rng.random() < 0.05 else value for value in values]

    number, model = rng.choice((0, 0, 1, 2**32 - 1)), rng.choice(MODELS)
    width, height = rng.choice(((WIDTH, HEIGHT), (WIDTH, HEIGHT), (320, 240), (rng.choice(SIZES), rng.choice(SIZES))))
    roi = SimpleNamespace(x_offset=number, y_offset=0, width=rng.choice(SIZES), height=number, do_rectify=True)
    info = SimpleNamespace(
        width=width, height=height, distortion_model=model, d=some(*[0.1] * rng.choice((0, 1, 4, 5, 8, 99))),
        k=some(*GOOD_INFO.k), r=some(*rng.choice((GOOD_INFO.r, [0.0] * 9))), p=some(*GOOD_INFO.p), roi=roi,
        binning_x=number, binning_y=rng.choice((0, 1, 7)),
    )  # fmt: skip
    return None if rng.random() < 0.05 else info


GOOD_INFO = SimpleNamespace(
    width=WIDTH, height=HEIGHT, distortion_model="plumb_bob", d=[0.1, 0.0, 0, 0, 0],
    k=[100.0, 0, 80, 0, 100, 60, 0, 0, 1], r=[1.0, 0, 0, 0, 1, 0, 0, 0, 1],
    p=[100.0, 0, 80, 0, 0, 100, 60, 0, 0, 0, 1, 0], roi=None, binning_x=0, binning_y=0,
)  # fmt: skip
