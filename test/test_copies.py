"""How often an image is copied on its way through the node, counted by memory and not by time."""

import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest

from depth_estimation_ros.conversions import fill_image
from depth_estimation_ros.pipeline import Pipeline
from depth_models import Preprocess
from depth_models.types import Depth

HEIGHT, WIDTH = 480, 640
PIXELS = HEIGHT * WIDTH
FLOATS = 4 * PIXELS  # bytes of a depth image
SMALL = PIXELS // 2  # what else is allocated


def peak_bytes(work):
    """The most that it had allocated at a time, of what NumPy, OpenCV and Python's own arrays hold."""
    work()  # what is made once
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.fixture
def message():
    rgb = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    return SimpleNamespace(
        encoding="rgb8", height=HEIGHT, width=WIDTH, step=3 * WIDTH, is_bigendian=0, data=bytearray(rgb.tobytes())
    )


@pytest.fixture
def pipeline():
    depth = Depth(np.full((HEIGHT, WIDTH), 2, np.float32), np.ones((HEIGHT, WIDTH), bool))
    return Pipeline(lambda rgb, fx, fy: depth, "32FC1", 100.0, lambda reason: None)


def test_the_network_sees_an_rgb_image_in_the_messages_own_memory(pipeline, message):
    frame = pipeline(message, None)
    assert np.shares_memory(frame.rgb, np.frombuffer(message.data, np.uint8))


def test_depth_is_copied_once_from_the_network_to_the_frame(pipeline, message):
    masks = 2 * PIXELS
    assert FLOATS <= peak_bytes(lambda: pipeline(message, None)) < FLOATS + masks + SMALL


def test_depth_is_copied_once_from_the_frame_to_the_message(pipeline, message):
    image = pytest.importorskip("sensor_msgs.msg").Image
    depth = pipeline(message, None).depth
    assert FLOATS <= peak_bytes(lambda: fill_image(image(), depth, "32FC1")) < FLOATS + SMALL


def test_bringing_depth_to_the_images_size_takes_two_images_of_memory_besides_its_own():
    preprocess = Preprocess(240, 320, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    depth = np.full((1, 240, 320), 2, np.float32)
    depth[..., 160:] = 4  # an edge
    assert peak_bytes(lambda: preprocess.restore(depth, HEIGHT, WIDTH)) < 3 * FLOATS + depth.nbytes
