"""Rectification against OpenCV, against projection in float64, and of planted images whose pixels are known."""

import copy
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from depth_estimation_ros.conversions import MessageError
from depth_estimation_ros.rectification import Rectifier

WIDTH, HEIGHT = 96, 64
K = np.array([[80.0, 0, 47.0], [0, 82.0, 31.0], [0, 0, 1]])
P = np.array([[70.0, 0, 48.0], [0, 71.0, 32.0], [0, 0, 1]])
TURN = cv2.Rodrigues(np.array([0.02, -0.03, 0.01]))[0]
MODELS = {
    "plumb_bob": [-0.2, 0.05, 0.002, -0.001, 0.01],
    "rational_polynomial": [0.4, -0.1, 0.001, 0.002, 0.02, 0.6, -0.05, 0.01],
    "equidistant": [0.05, -0.02, 0.01, -0.003],
}


def camera_info(model, d, k=K, r=TURN, p=P, baseline=-7.0):
    p = np.column_stack([p, [baseline, 0, 0]])
    return SimpleNamespace(
        width=WIDTH, height=HEIGHT, distortion_model=model, d=list(d), k=list(np.ravel(k)), r=list(np.ravel(r)),
        p=list(p.ravel()),
    )  # fmt: skip


def camera_pixels(model, d, r=TURN):
    """(H, W) x and y in the camera's image of every rectified pixel, by the models' formulas in float64."""
    v, u = np.mgrid[:HEIGHT, :WIDTH].astype(np.float64)
    rays = np.stack([(u - P[0, 2]) / P[0, 0], (v - P[1, 2]) / P[1, 1], np.ones_like(u)], axis=-1) @ np.array(r)
    x, y = rays[..., 0] / rays[..., 2], rays[..., 1] / rays[..., 2]
    r2 = x * x + y * y
    if model == "equidistant":
        radius = np.sqrt(r2)
        theta = np.arctan(radius)
        powers = sum(c * theta ** (2 * i + 2) for i, c in enumerate(d))
        scale = np.where(radius > 0, theta * (1 + powers) / np.maximum(radius, 1e-12), 1.0)
        x, y = x * scale, y * scale
    else:
        k1, k2, p1, p2, k3, k4, k5, k6 = (*d, 0.0, 0.0, 0.0)[:8]
        radial = (1 + k1 * r2 + k2 * r2**2 + k3 * r2**3) / (1 + k4 * r2 + k5 * r2**2 + k6 * r2**3)
        x, y = (
            x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
            y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
        )
    return K[0, 0] * x + K[0, 2], K[1, 1] * y + K[1, 2]


@pytest.mark.parametrize("model", MODELS)
def test_every_pixel_comes_from_where_the_lens_model_puts_it(model):
    # The red channel is the camera's column and the green one its row, so the picture says where each pixel came from.
    rgb = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    rgb[..., 0], rgb[..., 1] = 2 * np.arange(WIDTH), 3 * np.arange(HEIGHT)[:, None]
    out = Rectifier()(rgb, camera_info(model, MODELS[model]))
    x, y = camera_pixels(model, MODELS[model])
    inside = (x >= 0) & (x <= WIDTH - 1) & (y >= 0) & (y <= HEIGHT - 1)
    assert inside.mean() > 0.5
    assert np.abs(out.rgb[..., 0] / 2 - x)[inside].max() < 0.3  # the picture is rounded to half a column
    assert np.abs(out.rgb[..., 1] / 3 - y)[inside].max() < 0.25
    assert out.seen[inside].all()
    outside = (x < -0.51) | (x > WIDTH - 0.49) | (y < -0.51) | (y > HEIGHT - 0.49)
    assert not out.seen[outside].any()
    assert not out.rgb[outside].any()


def test_the_picture_is_opencvs():
    rgb = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    d = np.array(MODELS["plumb_bob"])
    out = Rectifier()(rgb, camera_info("plumb_bob", d, r=np.eye(3)))
    expected = cv2.undistort(rgb, K, d, None, P)
    x, y = camera_pixels("plumb_bob", d, r=np.eye(3))
    inside = (x >= 0) & (x <= WIDTH - 1) & (y >= 0) & (y <= HEIGHT - 1)  # at the border OpenCV fades into black
    difference = np.abs(out.rgb.astype(int) - expected)[inside]
    assert difference.max() <= 255 / 16  # of noise, at the 32nd of a pixel to which maps are rounded
    assert difference.mean() < 0.1


def test_a_principal_point_moved_by_whole_pixels_moves_every_pixel_exactly():
    rgb = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    moved = K.copy()
    moved[0, 2], moved[1, 2] = K[0, 2] + 5, K[1, 2] - 3
    out = Rectifier()(rgb, camera_info("plumb_bob", np.zeros(5), r=np.eye(3), p=moved))
    np.testing.assert_array_equal(out.rgb[:-3, 5:], rgb[3:, :-5])
    assert not out.rgb[-3:].any()
    assert not out.rgb[:, :5].any()
    assert out.seen[:-3, 5:].all()
    assert out.seen.sum() == (HEIGHT - 3) * (WIDTH - 5)


def test_the_camera_info_that_goes_out_is_a_pinholes():
    info = camera_info("equidistant", MODELS["equidistant"])
    before = copy.deepcopy(info)
    out = Rectifier()(np.zeros((HEIGHT, WIDTH, 3), np.uint8), info).info
    assert info == before
    assert (out.distortion_model, list(out.d)) == ("plumb_bob", [0.0] * 5)
    np.testing.assert_array_equal(np.reshape(out.k, (3, 3)), P)
    np.testing.assert_array_equal(np.reshape(out.r, (3, 3)), np.eye(3))
    np.testing.assert_array_equal(out.p, info.p)
    assert (out.width, out.height) == (WIDTH, HEIGHT)


@pytest.mark.parametrize("r", [np.eye(3), np.zeros((3, 3))])
def test_a_pinholes_image_stays_as_it_is(r):
    rgb = np.random.default_rng(2).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    out = Rectifier()(rgb, camera_info("plumb_bob", [], r=r, p=K))
    assert out.rgb is rgb
    assert out.seen.all()


def test_maps_are_made_once_and_anew_when_the_calibration_changes(monkeypatch):
    made, make = [], cv2.initUndistortRectifyMap
    monkeypatch.setattr(cv2, "initUndistortRectifyMap", lambda *arguments: made.append(1) or make(*arguments))
    rectifier, rgb = Rectifier(), np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for d, count in ((0.1, 1), (0.1, 1), (0.2, 2)):
        rectifier(rgb, camera_info("plumb_bob", [d, 0.0, 0.0, 0.0, 0.0]))
        assert len(made) == count


@pytest.mark.parametrize(
    ("info", "reason"),
    [
        (camera_info("plumb_bob", MODELS["plumb_bob"], k=np.zeros((3, 3))), "zero K or P"),
        (camera_info("plumb_bob", MODELS["plumb_bob"], p=np.zeros((3, 3))), "zero K or P"),
        (camera_info("plumb_bob", [0.1, 0.2]), r"'plumb_bob' with 2 coefficients; known are plumb_bob \(4 or 5\)"),
        (camera_info("kannala", [0.1] * 4), "'kannala' with 4"),
    ],
)
def test_a_camera_that_cannot_be_rectified_is_refused(info, reason):
    rectifier = Rectifier()
    for _ in range(2):  # the second time too
        with pytest.raises(MessageError, match=reason):
            rectifier(np.zeros((HEIGHT, WIDTH, 3), np.uint8), info)
