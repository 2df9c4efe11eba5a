"""Depth errors from place to place: planted ones are found by a few points, and wrong points plant none."""

import numpy as np
import pytest
from box_room import CAMERA, points_of, see, walk

from depth_models.scale import shape
from depth_models.scale.anchors import point_errors
from depth_models.scale.consensus import Reading
from depth_models.scale.shape import reshaped, shape_errors
from depth_models.scale.steadying import SteadyScale

SIZE = (120, 160)
Y, X = np.mgrid[:120, :160]
PLANTED = 0.12 * np.sin(5 * (X + 0.5) / 160) * np.cos(4 * (Y + 0.5) / 120)  # log error, smooth


def told(rng, count, wrong=0.0, noise=0.02):
    """Places and log errors of points of a flat picture with the planted error, a share of them wrong."""
    x, y = rng.integers(0, 160, count), rng.integers(0, 120, count)
    errors = PLANTED[y, x] + rng.normal(0, noise, count)
    errors = np.where(rng.random(count) < wrong, errors + rng.uniform(-1, 1, count), errors)
    return np.stack([(x + 0.5) / 160, (y + 0.5) / 120], axis=1), errors


def left(nodes):
    """(H, W) log error of a flat depth with the planted error, after it was taken out."""
    return np.log(reshaped(np.exp(PLANTED).astype(np.float32), nodes))


@pytest.mark.parametrize(
    ("count", "wrong", "most"), [(60, 0.0, 0.25), (500, 0.0, 0.12), (60, 0.3, 0.5), (500, 0.5, 0.2)]
)
def test_a_smooth_error_is_found_by_points_of_which_many_are_wrong(count, wrong, most):
    nodes = shape_errors(*told(np.random.default_rng(0), count, wrong))
    assert np.abs(left(nodes)).mean() < most * np.abs(PLANTED).mean()


def test_the_field_is_the_gaussian_process_of_its_prior():
    """Against the textbook's formula, with the whole covariance of points and nodes, where points lie on nodes."""
    rng = np.random.default_rng(1)
    columns, rows = rng.integers(0, shape.COLUMNS, 40), rng.integers(0, shape.ROWS, 40)
    places = np.stack([columns / (shape.COLUMNS - 1), rows / (shape.ROWS - 1)], axis=1)
    errors = 0.1 * np.sin(4 * places[:, 0]) + 0.05 * places[:, 1]  # smooth: every point is trusted
    at = np.stack(np.meshgrid(np.linspace(0, 1, shape.COLUMNS), np.linspace(0, 1, shape.ROWS)), axis=-1).reshape(-1, 2)

    def covariance(a, b):
        square = ((a[:, None] - b[None]) ** 2).sum(axis=-1)
        return shape.FIELD_SIGMA**2 * np.exp(-square / (2 * shape.REACH**2))

    gram = covariance(places, places) + shape.POINT_SIGMA**2 * np.eye(40)
    expected = covariance(at, places) @ np.linalg.solve(gram, errors)
    np.testing.assert_allclose(shape_errors(places, errors).ravel(), expected, atol=0.01)


def test_points_that_agree_with_the_depth_or_with_nothing_leave_it():
    rng = np.random.default_rng(2)
    places, _ = told(rng, 60)
    assert shape_errors(places, rng.normal(0, 0.02, 60)) is None  # their own noise
    assert shape_errors(places, rng.uniform(-1, 1, 60)) is None
    assert shape_errors(places[:7], PLANTED.ravel()[:7]) is None  # too few
    assert shape_errors(np.empty((0, 2)), np.empty(0)) is None
    assert shape_errors(places, np.zeros(60)) is None  # nothing to mend


def test_what_is_far_from_all_points_stays_and_nan_stays_nan():
    rng = np.random.default_rng(3)
    places = rng.uniform(0, 0.3, (60, 2))  # the upper left corner alone
    metres = np.full(SIZE, 2.0, np.float32)
    metres[5, 7] = np.nan
    out = reshaped(metres, shape_errors(places, np.full(60, 0.1)))
    assert out.dtype == np.float32
    assert np.isnan(out[5, 7])
    assert out[10, 10] == pytest.approx(2 * np.exp(-0.1), rel=0.01)
    np.testing.assert_allclose(out[-30:, -40:], 2.0, rtol=1e-3)


def walked(reading_of, frames=25):
    """Mean absolute log error of each frame of a walk with depth that is 1.3 times too far and errs by the plant."""
    rng, steady, errors = np.random.default_rng(4), SteadyScale(), []
    for i, (stamp, where) in enumerate(zip(*walk(frames), strict=True)):
        rgb, depth = see(where)
        metres = (depth * 1.3 * np.exp(PLANTED)).astype(np.float32)
        out = steady(rgb, metres, CAMERA, stamp, [reading_of(i, metres, depth, rng)])
        errors.append(float(np.abs(np.log(out / depth)).mean()))
    return np.array(errors), steady.state


def cloud(i, metres, depth, rng, factor=1.0):
    points = factor * points_of(depth, rng.integers((0, 0), (160, 120), (60, 2))) * rng.normal(1, 0.02, (60, 1))
    errors, places = point_errors(metres, CAMERA, points)
    return Reading("points", errors, float(np.log(np.median(points[:, 2]))), places)


def test_points_correct_the_shape_of_depth_once_its_scale_rests_on_them():
    errors, state = walked(cloud)
    assert errors[:9].min() > 0.2  # ten readings are asked for
    assert errors[10:].max() < 0.4 * np.abs(PLANTED).mean()
    assert state.shaped_by == ("points",)


def test_a_cloud_that_is_not_like_its_others_does_not_bend_the_depth():
    def last_is_wrong(i, *rest):
        return cloud(i, *rest, factor=0.8 if i == 24 else 1.0)

    errors, _ = walked(last_is_wrong)
    assert errors[24] < 0.4 * np.abs(PLANTED).mean()  # by the clouds just before


def test_frames_between_clouds_are_corrected_too_and_for_a_moment_only():
    nothing = Reading("points", np.empty(0), None)

    def every_second(i, *rest):
        return cloud(i, *rest) if i % 2 == 0 else nothing

    def until_frame_30(i, *rest):
        return cloud(i, *rest) if i <= 30 else nothing

    errors, state = walked(every_second, 30)
    assert errors[-6:].max() < 0.5 * np.abs(PLANTED).mean()
    assert state.shaped_by == ("points",)
    errors, state = walked(until_frame_30, 40)
    assert errors[31] < 0.5 * np.abs(PLANTED).mean() < errors[33]
    assert (state.anchors, state.shaped_by) == (("points",), ())
