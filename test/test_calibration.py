"""camera_info against the projection of points."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest

from depth_estimation_ros.calibration import camera_info_for, focal_length, is_distorted
from depth_estimation_ros.conversions import MessageError


def camera_info(width=640, height=480, roi=(0, 0, 0, 0), binning=0):
    x, y, w, h = roi
    return SimpleNamespace(
        width=width, height=height, distortion_model="plumb_bob", d=[0.1, -0.2, 0.0, 0.0, 0.0],
        k=[500.0, 0.0, 319.5, 0.0, 510.0, 239.5, 0.0, 0.0, 1.0], r=[1.0, 0, 0, 0, 1, 0, 0, 0, 1],
        p=[480.0, 0.0, 310.0, -48.0, 0.0, 490.0, 230.0, 0.0, 0.0, 0.0, 1.0, 0.0],
        binning_x=binning, binning_y=binning,
        roi=SimpleNamespace(x_offset=x, y_offset=y, width=w, height=h, do_rectify=bool(w)),
    )  # fmt: skip


@pytest.mark.parametrize("info", [camera_info(), camera_info(roi=(0, 0, 600, 100))])
def test_a_fitting_camera_info_is_copied_unchanged(info):
    out = camera_info_for(info, 640, 480)
    assert out == info
    assert out is not info


@pytest.mark.parametrize(
    ("info", "size", "to_image"),
    [
        (camera_info(), (320, 240), lambda u, v: ((u + 0.5) / 2 - 0.5, (v + 0.5) / 2 - 0.5)),
        (camera_info(), (1280, 960), lambda u, v: ((u + 0.5) * 2 - 0.5, (v + 0.5) * 2 - 0.5)),
        (camera_info(binning=2), (320, 240), lambda u, v: ((u + 0.5) / 2 - 0.5, (v + 0.5) / 2 - 0.5)),
        (camera_info(roi=(100, 60, 320, 240)), (320, 240), lambda u, v: (u - 100, v - 60)),
        (
            camera_info(roi=(100, 60, 320, 240), binning=2),
            (160, 120),
            lambda u, v: ((u - 100 + 0.5) / 2 - 0.5, (v - 60 + 0.5) / 2 - 0.5),
        ),
    ],
)
def test_a_point_projects_to_the_pixel_that_the_resize_takes_it_to(info, size, to_image):
    before = copy.deepcopy(info)
    out = camera_info_for(info, *size)
    assert info == before
    assert (out.width, out.height) == size
    assert (out.binning_x, out.roi.x_offset, out.roi.width, out.roi.do_rectify) == (0, 0, 0, False)
    assert (out.d, out.r) == (info.d, info.r)
    point = np.array([0.3, -0.2, 2.0, 1.0])
    for name, shape in (("k", (3, 3)), ("p", (3, 4))):
        u, v, w = np.reshape(getattr(info, name), shape) @ point[: shape[1]]
        x, y, z = np.reshape(getattr(out, name), shape) @ point[: shape[1]]
        np.testing.assert_allclose((x / z, y / z), to_image(u / w, v / w), atol=1e-9)


@pytest.mark.parametrize(
    ("info", "reason"), [(camera_info(640, 360), "another aspect ratio"), (camera_info(0, 0), "must set its size")]
)
def test_the_info_of_another_camera_is_refused(info, reason):
    with pytest.raises(MessageError, match=reason):
        camera_info_for(info, 640, 480)


def test_binning_in_one_direction_halves_only_that_direction():
    info = camera_info(roi=(100, 60, 320, 240))
    info.binning_x, info.binning_y = 2, 1
    out = camera_info_for(info, 160, 240)
    # cx: 319.5 - 100 = 219.5, and (219.5 + 0.5) / 2 - 0.5 = 109.5; cy: 239.5 - 60
    np.testing.assert_allclose(out.k, [250, 0, 109.5, 0, 510, 179.5, 0, 0, 1])
    # cx: (310 - 100 + 0.5) / 2 - 0.5 = 104.75; cy: 230 - 60; the baseline's term halves with fx
    np.testing.assert_allclose(out.p, [240, 0, 104.75, -24, 0, 490, 170, 0, 0, 0, 1, 0])
    assert (out.width, out.height, out.binning_x, out.binning_y) == (160, 240, 0, 0)
    np.testing.assert_allclose(camera_info_for(info, 320, 480).k, [500, 0, 219.5, 0, 1020, 359.5, 0, 0, 1])
    np.testing.assert_allclose(camera_info_for(info, 160, 120).k, [250, 0, 109.5, 0, 255, 89.5, 0, 0, 1])
    with pytest.raises(MessageError, match="another aspect ratio"):
        camera_info_for(info, 320, 120)  # as if binned the other way


def test_focal_length_is_none_for_a_zero_k():
    info = camera_info()
    assert focal_length(info) == (500.0, 510.0)
    info.k = [0.0] * 9
    assert focal_length(info) is None


def test_only_a_lens_that_bends_straight_lines_is_distorted():
    info = camera_info()
    assert is_distorted(info)
    info.d = [0.0] * 5
    assert not is_distorted(info)
    info.d, info.distortion_model = [], ""
    assert not is_distorted(info)
    info.distortion_model = "equidistant"
    assert is_distorted(info)
