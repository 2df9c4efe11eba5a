"""Messages to frames, without ROS."""

from types import SimpleNamespace

import numpy as np
import pytest

from depth_estimation_ros.conversions import MessageError
from depth_estimation_ros.pipeline import Pipeline
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


def camera_info(width, height, f, d=()):
    roi = SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0, do_rectify=False)
    k = [f, 0.0, 1.0, 0.0, f, 1.0, 0.0, 0.0, 1.0]
    p = [f, 0.0, 1.0, 0.0, 0.0, f, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    return SimpleNamespace(
        width=width, height=height, distortion_model="plumb_bob", d=list(d), k=k, r=np.eye(3).ravel(), p=p, roi=roi,
        binning_x=0, binning_y=0,
    )  # fmt: skip


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


def test_depth_beyond_16_bits_is_clipped_and_counted(warnings):
    pipeline = Pipeline(Oracle(), "16UC1", 80.0, warnings.append)
    frame = pipeline(image([[0, 3, 65], [66, 80, 81]]), None)
    np.testing.assert_array_equal(frame.depth, [[0, 3000, 65000], [0, 0, 0]])
    assert frame.clipped_pixels == 2  # 81 m is beyond max_depth
    np.testing.assert_array_equal(frame.metres, np.float32([[np.nan, 3, 65], [np.nan, np.nan, np.nan]]))
    pipeline.encoding = "32FC1"
    frame = pipeline(frame.image, None)
    assert (frame.encoding, frame.clipped_pixels) == ("32FC1", 0)
    np.testing.assert_array_equal(frame.metres, np.float32([[np.nan, 3, 65], [66, 80, np.nan]]))


def test_distortion_is_warned_about_unless_the_image_is_rectified(warnings):
    info = camera_info(2, 2, 50.0, d=[0.1, 0, 0, 0, 0])
    Pipeline(Oracle(), "32FC1", 10.0, warnings.append)(image([[1, 1], [1, 1]]), info)
    assert "lens distortion (plumb_bob)" in warnings[0]
    warnings.clear()
    Pipeline(Oracle(), "32FC1", 10.0, warnings.append, rectify=True)(image([[1, 1], [1, 1]]), info)
    assert warnings == []


def test_with_rectify_the_network_sees_the_rectified_image_and_depth_is_invalid_where_the_camera_saw_nothing(warnings):
    red = np.arange(1, 31).reshape(5, 6)
    info = camera_info(6, 5, 50.0)
    info.p = [60.0, 0, 3.0, -7.0, 0, 60.0, 1.0, 0, 0, 0, 1, 0]  # the principal point two columns further
    info.k[0] = info.k[4] = 60.0
    pipeline = Pipeline(Oracle(), "32FC1", 100.0, warnings.append, rectify=True)
    frame = pipeline(image(red), info)
    nan = np.full((5, 2), np.nan, np.float32)
    np.testing.assert_array_equal(frame.depth, np.hstack([nan, red[:, :4].astype(np.float32)]))
    np.testing.assert_array_equal(frame.rgb[:, 2:, 0], red[:, :4])
    assert pipeline._predictor.focal == (60.0, 60.0)
    np.testing.assert_array_equal(frame.camera_info.k, [60, 0, 3, 0, 60, 1, 0, 0, 1])


def test_with_rectify_an_image_without_calibration_is_refused(warnings):
    pipeline = Pipeline(Oracle(), "32FC1", 10.0, warnings.append, rectify=True)
    for info in (None, camera_info(6, 2, 50.0), camera_info(2, 2, 0.0)):
        with pytest.raises(MessageError) as caught:
            pipeline(image([[1, 1], [1, 1]]), info)
        assert caught.value.reason == "camera_info"


def test_the_edge_filter_takes_flying_pixels_out(pipeline):
    wall = np.full((60, 60), 2)
    wall[:, 30:] = 8
    wall[:, 30] = 4
    pipeline.edge_filter = 0.1
    frame = pipeline(image(wall), None)
    assert np.isnan(frame.depth[10:-10, 30]).all()
    assert np.isfinite(np.delete(frame.depth, 30, axis=1)).all()
    pipeline.edge_filter = 0.0
    assert np.isfinite(pipeline(image(wall), None).depth).all()


class Unsure(Oracle):
    """Its standard deviation is a tenth of the green channel, as a part of the depth."""

    def __call__(self, rgb, fx=None, fy=None):
        depth = super().__call__(rgb)
        metres = np.where(depth.valid, depth.metres, np.float32(np.nan))
        return Depth(metres, depth.valid, (rgb[..., 1] / np.float32(10)) * metres)


def unsure_image():
    message = image([[2, 4], [0, 11]])
    rgb = np.frombuffer(message.data, np.uint8).reshape(2, 2, 3).copy()
    rgb[..., 1] = [[1, 4], [2, 2]]
    message.data = rgb.tobytes()
    return message


@pytest.mark.parametrize("encoding", ["32FC1", "16UC1"])
def test_sigma_is_in_metres_and_invalid_where_the_depth_is(warnings, encoding):
    frame = Pipeline(Unsure(), encoding, 10.0, warnings.append)(unsure_image(), None)
    np.testing.assert_allclose(frame.sigma, [[0.2, 1.6], [np.nan, np.nan]], rtol=1e-6)


def test_doubtful_depths_become_invalid_and_others_stay(warnings):
    pipeline = Pipeline(Unsure(), "32FC1", 10.0, warnings.append, max_relative_sigma=0.3)
    frame = pipeline(unsure_image(), None)
    np.testing.assert_array_equal(frame.depth, np.float32([[2, np.nan], [np.nan, np.nan]]))
    np.testing.assert_allclose(frame.sigma, [[0.2, np.nan], [np.nan, np.nan]], rtol=1e-6)
    pipeline.max_relative_sigma = 0.0
    np.testing.assert_array_equal(pipeline(unsure_image(), None).depth, np.float32([[2, 4], [np.nan, np.nan]]))


def test_without_a_standard_deviation_no_depth_is_doubted(pipeline):
    pipeline.max_relative_sigma = 0.1
    frame = pipeline(image([[1, 2], [3, 4]]), None)
    assert frame.sigma is None
    assert np.isfinite(frame.depth).all()
