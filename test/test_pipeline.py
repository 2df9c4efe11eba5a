"""Pipeline, mailbox and statistics, without ROS."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest

from depth_estimation_ros.conversions import MessageError
from depth_estimation_ros.pipeline import Mailbox, Pipeline, Statistics
from depth_models.types import Depth


class Oracle:
    """Depth is the red channel in metres; remembers how it was called."""

    def __call__(self, rgb, fx=None, fy=None):
        self.focal = (fx, fy)
        metres = rgb[..., 0].astype(np.float32)
        return Depth(metres, metres > 0)


def image(red, encoding="rgb8"):
    rgb = np.zeros((*np.shape(red), 3), np.uint8)
    rgb[..., 0] = red
    height, width = np.shape(red)
    return SimpleNamespace(
        encoding=encoding, height=height, width=width, step=3 * width, is_bigendian=0, data=rgb.tobytes()
    )


def camera_info(width, height, f):
    roi = SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0, do_rectify=False)
    k = [f, 0.0, 1.0, 0.0, f, 1.0, 0.0, 0.0, 1.0]
    p = [f, 0.0, 1.0, 0.0, 0.0, f, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    return SimpleNamespace(width=width, height=height, k=k, p=p, roi=roi, binning_x=0, binning_y=0)


@pytest.fixture
def warnings():
    return []


@pytest.fixture
def pipeline(warnings):
    return Pipeline(Oracle(), "32FC1", 10.0, warnings.append)


def test_depth_is_the_predictors_within_max_depth(pipeline):
    frame = pipeline(image([[0, 3], [10, 11]]), None)
    np.testing.assert_array_equal(frame.depth, np.float32([[np.nan, 3], [10, np.nan]]))
    assert (frame.encoding, frame.camera_info) == ("32FC1", None)
    pipeline.max_depth = 5.0
    np.testing.assert_array_equal(pipeline(frame.image, None).depth, np.float32([[np.nan, 3], [np.nan, np.nan]]))


def test_the_focal_length_is_that_of_the_image_not_of_the_sensor(pipeline, warnings):
    oracle = pipeline._predictor
    pipeline(image([[1, 1], [1, 1]]), None)
    assert oracle.focal == (None, None)
    pipeline(image([[1, 1], [1, 1]]), camera_info(2, 2, 50.0))
    assert oracle.focal == (50.0, 50.0)
    frame = pipeline(image([[1, 1], [1, 1]]), camera_info(4, 4, 50.0))
    assert oracle.focal == (25.0, 25.0)
    assert (frame.camera_info.width, frame.camera_info.k[0]) == (2, 25.0)
    assert warnings == []


def test_an_uncalibrated_camera_is_warned_about_and_passed_on(pipeline, warnings):
    frame = pipeline(image([[1, 1], [1, 1]]), camera_info(2, 2, 0.0))
    assert pipeline._predictor.focal == (None, None)
    assert frame.camera_info.k[0] == 0.0
    assert "zero K" in warnings[0]


def test_another_cameras_info_is_warned_about_and_ignored(pipeline, warnings):
    frame = pipeline(image(np.ones((100, 100))), camera_info(200, 100, 50.0))
    assert pipeline._predictor.focal == (None, None)
    assert frame.camera_info is None
    assert "another aspect ratio" in warnings[0]


def test_a_bad_image_is_refused(pipeline):
    with pytest.raises(MessageError):
        pipeline(image([[1]], encoding="nonsense"), None)


def test_the_mailbox_keeps_only_the_newest():
    mailbox = Mailbox()
    assert mailbox.put(1) is False
    assert mailbox.put(2) is True
    assert mailbox.get() == 2
    assert mailbox.put(3) is False


def test_closing_the_mailbox_wakes_the_one_who_waits():
    mailbox, got = Mailbox(), []
    thread = threading.Thread(target=lambda: got.append(mailbox.get()))
    thread.start()
    mailbox.close()
    thread.join(timeout=10)
    assert got == [None]
    mailbox.put(1)
    assert mailbox.get() is None


def test_statistics_report_once_what_happened():
    statistics = Statistics()
    assert statistics.take_line() == ""
    for latency_ms in range(1, 101):
        statistics.count("received")
        statistics.published(latency_ms)
    statistics.count("rejected")
    assert statistics.take_line() == (
        "frames: 100 received, 100 published, 0 dropped, 1 rejected; latency p50 50 ms, p95 95 ms"
    )
    assert statistics.take_line() == ""
