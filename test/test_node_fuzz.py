"""Thousands of broken messages: each is refused with its reason or answered, none fails; then a good one is answered.

In one process, with the worker and the pipeline of the node, and a network that costs nothing.
"""

import gc
import random
import threading
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from depth_estimation_ros.conversions import _LAYOUTS
from depth_estimation_ros.pipeline import Pipeline
from depth_estimation_ros.statistics import Statistics
from depth_estimation_ros.worker import Worker
from depth_models.types import Depth

MESSAGES = 2_500  # of each of four kinds
WARM_UP = 500  # until here caches may grow
PATIENCE_S = 60
GROWTH_BYTES = 16 << 20  # one message in ten that leaks would be twice that
WIDTH, HEIGHT = 160, 120
RGB = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
CODED = [cv2.imencode(kind, RGB)[1].tobytes() for kind in (".jpg", ".png")]
NUMBERS = (0.0, -1.0, 1e-300, 1e300, float("nan"), float("inf"), -float("inf"))
SIZES = (0, 1, 2, 3, 119, 121, 159, 161, 65_535, 2**31 - 1, 2**32 - 1)
ENCODINGS = (*_LAYOUTS, "", "rgb", "RGB8", "32FC1", "16UC1", "jpeg", "bayer_rggb16", "\0", "é" * 1000)
FORMATS = ("", ";", "jpeg", "png", "rgb8; jpeg compressed bgr8", "16UC1; compressedDepth png", "tiff", ";;;", "\0" * 99)


MODELS = ("plumb_bob", "rational_polynomial", "equidistant", "", "fisheye\0")


def stub(rgb, fx=None, fy=None):
    metres = rgb[..., 0].astype(np.float32) + 1
    return Depth(metres, np.ones(metres.shape, bool))


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
    """A JPEG or PNG that is cut off or has changed bytes, or a format of garbage. Its size is left alone."""
    data = bytearray(rng.choice(CODED))
    for _ in range(rng.choice((0, 1, 10))):
        data[rng.randrange(200, len(data))] = rng.randrange(256)  # behind the header, which has the size
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


def resident_bytes():
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


class Node:
    """Worker and pipeline, with the camera_info of the moment; it is its own output, and is told what went wrong."""

    def __init__(self, rectify):
        self.statistics, self.info, self.frame = Statistics(), None, None
        self.failures, self.warnings, self.handled = [], [], threading.Semaphore(0)
        pipeline = Pipeline(stub, "32FC1", 1000.0, self.warnings.append, 0.1, rectify)
        now_ns = 1_700_000_000_000_000_000
        self.worker = Worker(lambda image: pipeline(image, self.info), [self], self.statistics, self, lambda: now_ns)

    def is_wanted(self):
        return True

    def publish(self, frame):
        self.frame = frame
        self.handled.release()

    def refused(self, text):
        assert text
        self.handled.release()

    def failed(self, text):
        self.failures.append(text)
        self.handled.release()

    def take(self, message, info):
        """Have a message answered or refused."""
        self.info = info
        self.warnings.clear()
        self.worker.take(message)
        assert self.handled.acquire(timeout=PATIENCE_S)


@pytest.mark.filterwarnings("ignore:.*encountered in matmul")  # NaN and infinity in K
@pytest.mark.parametrize(
    ("broken", "rectify"), [(broken_raw, False), (broken_compressed, False), (good, False), (good, True)]
)
def test_broken_messages_are_refused_with_a_reason_and_the_next_good_one_is_answered(broken, rectify):
    rng, node, early = random.Random(0), Node(rectify), 0
    try:
        for number in range(MESSAGES):
            node.take(broken(rng), broken_info(rng))
            if number == WARM_UP:
                early = resident_bytes()
        grown = resident_bytes() - early
        node.take(message := good(), GOOD_INFO)
    finally:
        node.worker.stop()
    totals = node.statistics.snapshot().totals
    assert node.failures == []  # nothing but errors that say what to do
    assert grown < GROWTH_BYTES
    assert node.frame.image is message
    assert np.nanmax(node.frame.depth) == 256
    assert totals["received", ""] == MESSAGES + 1
    rejected = {reason: n for (event, reason), n in totals.items() if event == "rejected"}
    assert sum(rejected.values()) + totals["published", ""] == MESSAGES + 1
    print(f"{totals['published', '']} answered, rejected {rejected}, grown by {grown / 1e6:.1f} MB")
