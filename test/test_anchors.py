"""Anchors of the scale: what each tells of a depth, what they agree on, and that wrong ones do no harm."""

import numpy as np
import pytest
from box_room import CAMERA, HALF_M, points_of, pose, see, walk

from depth_models.scale.anchors import Beam, height_error, point_errors, range_error
from depth_models.scale.consensus import Consensus, Reading
from depth_models.scale.steadying import SteadyScale

AHEAD = (0.0, 0.0, 1.0)
FRAMES = 30


@pytest.mark.parametrize("factor", [0.6, 1.0, 1.4])
def test_a_range_tells_the_scale_from_where_the_sensor_is(factor):
    _, depth = see(pose())
    # The sensor is 0.5 m before the camera and looks at the wall, which is 3 m from the camera.
    beam = Beam((0.1, 0.05, 0.5), AHEAD, 0.1, is_nearest=False)
    (log,) = range_error(depth * np.float32(factor), CAMERA, HALF_M[2] - 0.5, beam)
    assert log == pytest.approx(np.log(factor), abs=0.005)


def test_an_ultrasonic_sensor_tells_the_nearest_surface_of_its_cone():
    _, depth = see(pose())
    depth[50:70, 70:90] = 1.0  # before the wall, in the middle
    near = Beam((0.0, 0.0, 0.0), AHEAD, 0.6, is_nearest=True)
    typical = Beam((0.0, 0.0, 0.0), AHEAD, 0.6, is_nearest=False)
    assert range_error(depth, CAMERA, 1.0, near)[0] == pytest.approx(0, abs=0.01)
    assert range_error(depth, CAMERA, 3.1, typical)[0] == pytest.approx(0, abs=0.03)
    behind = Beam((0.0, 0.0, 0.0), (0.0, 0.0, -1.0), 0.1, is_nearest=False)
    assert range_error(depth, CAMERA, 1.0, behind).size == 0
    assert range_error(np.full_like(depth, np.nan), CAMERA, 1.0, near).size == 0


def test_points_tell_the_scale_where_the_picture_sees_them():
    _, depth = see(pose())
    points = points_of(depth, np.array([[10, 10], [80, 60], [150, 100]]))
    unseen = np.array([[0.0, 0.0, -1.0], [50.0, 0.0, 1.0], [np.nan, 0.0, 1.0]])
    logs, places = point_errors(depth * np.float32(1.2), CAMERA, np.concatenate([points, unseen]))
    np.testing.assert_allclose(logs, np.log(1.2), atol=1e-6)
    np.testing.assert_allclose(places, [[10.5 / 160, 10.5 / 120], [80.5 / 160, 60.5 / 120], [150.5 / 160, 100.5 / 120]])


@pytest.mark.parametrize("pitch", [0.25, 0.4])
def test_the_floor_is_found_and_a_table_is_none(pitch):
    where = pose(pitch=-pitch)
    _, depth = see(where)
    up = tuple(where[:3, :3].T @ [0, -1, 0])
    assert up == pytest.approx((0, -np.cos(pitch), -np.sin(pitch)))
    (log,) = height_error(depth * np.float32(0.7), CAMERA, HALF_M[1], up)
    assert log == pytest.approx(np.log(0.7), abs=0.01)
    rows, columns = np.mgrid[:120, :160]
    drop = depth * ((rows - CAMERA.cy) / CAMERA.fy * np.cos(pitch) + np.sin(pitch))
    on_table = (columns > 80) & (drop > 0.7)
    depth[on_table] *= 0.7 / drop[on_table]  # a table of 0.7 m below the camera hides much of the floor
    assert height_error(depth, CAMERA, HALF_M[1], up)[0] == pytest.approx(0, abs=0.02)
    assert height_error(depth, CAMERA, HALF_M[1], (0.0, 1.0, 0.0)).size == 0  # no floor that way


def told(log, told=None, name="range"):
    return Reading(name, np.array([log]), told)


def test_most_readings_count_and_half_of_them_may_be_wrong():
    rng, consensus = np.random.default_rng(0), Consensus()
    for i in range(40):
        log = 0.3 + rng.normal(0, 0.03) if i % 2 else rng.uniform(-1, 1)
        consensus.add(told(log, rng.normal()), i / 10, 0.0)
    agreed = consensus.agreement(4.0)
    assert agreed.log == pytest.approx(0.3, abs=0.03)
    assert 0.01 < agreed.sigma < 0.05
    assert agreed.names == ("range",)
    assert consensus.agreement(30.0) is None  # by then they are old


def test_readings_follow_the_reference_and_are_forgotten():
    consensus = Consensus()
    for i in range(10):
        consensus.add(told(0.5, i), i / 10, 0.2)  # ten; the frame's scale is larger than the reference's by 0.2
    assert consensus.agreement(0.9).log == pytest.approx(0.3)
    consensus.shift(0.1)
    assert consensus.agreement(0.9).log == pytest.approx(0.4)
    consensus.clear()
    assert consensus.agreement(0.9) is None


def test_nothing_is_agreed_on_by_few_by_noise_or_by_what_is_stuck():
    rng = np.random.default_rng(1)
    few, noise, stuck, nearly = (Consensus() for _ in range(4))
    for i in range(40):
        if i < 9:
            few.add(told(0.1, i), i / 10, 0.0)
        noise.add(told(rng.uniform(-1, 1), i), i / 10, 0.0)
        stuck.add(told(0.1, 2.0), i / 10, 0.0)
        nearly.add(told(0.01 * i, 2.0 + 0.001 * rng.random()), i / 10, 0.0)  # and what is seen goes away
    assert [c.agreement(4.0) for c in (few, noise, stuck, nearly)] == [None] * 4


def test_a_sensor_that_sticks_is_believed_for_as_long_as_its_live_readings_count():
    consensus = Consensus()
    for i in range(120):
        live = i < 20
        consensus.add(told(0.1 if live else 0.1 + 0.01 * i, float(min(i, 20))), i / 10, 0.0)
        if i == 60:
            assert consensus.agreement(6.0).log == pytest.approx(0.1, abs=0.01)  # those of 1 s to 2 s
    assert consensus.agreement(12.0) is None


def kept(factor, reading_of, frames=FRAMES):
    """Scale of each frame of a walk after steadying, and the object; depth is wrong by a factor and jitters."""
    rng, steady, scales = np.random.default_rng(2), SteadyScale(), []
    for i, (stamp, where) in enumerate(zip(*walk(frames), strict=True)):
        rgb, depth = see(where)
        metres = depth * np.float32(factor * np.exp(rng.normal(0, 0.02)))
        reading = reading_of(i, metres, depth, rng)
        out = steady(rgb, metres, CAMERA, stamp, [] if reading is None else [reading])
        scales.append(float(np.median(out / depth)))
    return np.array(scales), steady


def points_reading(i, metres, depth, rng):
    points = points_of(depth, rng.integers((0, 0), (160, 120), (30, 2))) * rng.normal(1, 0.02, (30, 1))
    errors, places = point_errors(metres, CAMERA, points)
    return Reading("points", errors, float(np.log(np.median(points[:, 2]))), places)


@pytest.mark.parametrize("factor", [0.6, 1.4])
def test_an_anchor_makes_metres_true_within_a_second_and_they_stay_so(factor):
    def until_frame_20(i, *rest):
        return points_reading(i, *rest) if i < 20 else None

    scales, steady = kept(factor, until_frame_20)
    assert abs(scales[:9] - factor).max() < 0.1
    assert np.abs(scales[10:] - 1).max() < 0.03
    assert np.diff(np.log(scales[10:])).std() < 0.01
    assert steady.state.anchors == ("points",)  # of the last 5 s
    assert steady.state.learned_from == ("points",)
    assert steady.state.sigma < 0.05
    rgb, depth = see(pose(yaw=np.pi))  # a cut: what the anchors taught stays
    out = steady(rgb, depth * np.float32(factor), CAMERA, 60.0)
    assert np.median(out / depth) == pytest.approx(1, abs=0.05)
    assert (steady.state.anchors, steady.state.resets) == ((), 1)
    steady.reset("asked for")
    assert np.median(steady(rgb, depth * np.float32(factor), CAMERA, 61.0) / depth) == pytest.approx(factor, rel=1e-3)


def test_what_was_learned_in_one_place_gives_way_to_what_anchors_say_in_another():
    rng, steady = np.random.default_rng(3), SteadyScale()
    for i in range(30):
        where, factor = (pose(x=0.01 * i), 1.4) if i < 15 else (pose(yaw=np.pi, x=0.01 * i), 0.8)
        rgb, depth = see(where)
        metres = depth * np.float32(factor)
        out = steady(rgb, metres, CAMERA, i / 10, [points_reading(i, metres, depth, rng)])
    assert steady.state.resets == 1
    assert np.median(out / depth) == pytest.approx(1, abs=0.02)


def outliers(i, metres, depth, rng):
    right = points_reading(i, metres, depth, rng)
    return right if rng.random() < 0.5 else Reading("points", rng.uniform(-1, 1, 1), rng.normal())


def stuck(i, metres, depth, rng):
    return Reading("range", range_error(metres, CAMERA, 1.5, Beam((0, 0, 0), AHEAD, 0.1, False)), float(np.log(1.5)))


def noise(i, metres, depth, rng):
    return Reading("range", rng.uniform(-1, 1, 1), rng.normal())


@pytest.fixture(scope="module")
def error_without_anchors():
    return np.abs(kept(1.03, lambda *_: None)[0] - 1).mean()


@pytest.mark.parametrize("reading_of", [outliers, stuck, noise])
def test_wrong_anchors_never_make_it_worse_than_none(reading_of, error_without_anchors):
    scales, _ = kept(1.03, reading_of)
    assert np.abs(scales - 1).mean() < 1.1 * error_without_anchors


def test_half_of_the_readings_wrong_still_makes_metres_true():
    scales, steady = kept(1.4, outliers, 45)
    assert steady.state.anchors == ("points",)
    assert np.abs(scales[30:] - 1).max() < 0.03
