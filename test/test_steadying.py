"""Steady scale: jitter goes, real changes of distance stay, and what is lost begins anew."""

import numpy as np
import pytest
from box_room import CAMERA, pose, see, walk

from depth_models import DepthModelsError
from depth_models.scale.change import Reference
from depth_models.scale.steadying import SteadyScale
from depth_models.scale.views import View
from depth_models.types import Camera


def steadied(poses, logs, rate_hz=10.0):
    """Log scale of each frame's depth after steadying, from planted ones; and the object."""
    steady, out = SteadyScale(), []
    for i, (where, log) in enumerate(zip(poses, logs, strict=True)):
        rgb, true = see(where)
        metres = steady(rgb, (true * np.exp(log)).astype(np.float32), CAMERA, i / rate_hz)
        out.append(np.median(np.log(metres / true)))
    return np.array(out), steady


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pose(), pose()),
        (pose(), pose(yaw=0.08, pitch=0.04)),
        (pose(), pose(z=0.3)),
        (pose(), pose(x=0.2, z=-0.1, yaw=0.05)),
    ],
)
def test_a_change_of_scale_is_told_from_any_motion(first, second):
    (rgb, true), (later_rgb, later_true) = see(first), see(second)
    reference = Reference(View.of(rgb, true, CAMERA))
    later = View.of(later_rgb, later_true * np.float32(1.07), CAMERA)
    change, motion = reference.change(later), reference.motion_to(later)
    assert change.log == pytest.approx(np.log(1.07), abs=0.002)
    expected = np.linalg.inv(second) @ first
    np.testing.assert_allclose(motion.rotation, expected[:3, :3], atol=0.005)
    np.testing.assert_allclose(motion.translation, expected[:3, 3], atol=0.015)


def test_jitter_falls_to_less_than_a_third_and_the_mean_scale_stays():
    logs = 0.1 + np.random.default_rng(0).normal(0, 0.05, 40)
    out, steady = steadied(walk(40)[1], logs)
    assert np.diff(out).std() < np.diff(logs).std() / 3
    assert abs(out[10:].mean() - 0.1) < 0.03
    assert (steady.state.resets, steady.state.since_reset) == (0, 40)


def test_walking_towards_a_wall_is_followed_at_once():
    z = np.linspace(-1.5, 1.5, 31)  # from 4.5 m to 1.5 m before it, at 1 m/s
    out, steady = steadied([pose(z=one) for one in z], np.random.default_rng(1).normal(0, 0.03, 31))
    assert steady.state.resets == 0
    assert np.abs(out - out[0]).max() < 0.04
    assert np.abs(np.diff(out)).max() < 0.015


def test_a_scale_that_changes_for_good_is_taken_over_in_seconds():
    out, _ = steadied([pose(yaw=0.1 * np.sin(i / 5)) for i in range(60)], np.where(np.arange(60) < 10, 0.0, 0.2))
    assert out[11] < 0.05  # not at once
    assert out[-1] == pytest.approx(0.2, abs=0.03)


def test_a_cut_and_a_covered_lens_begin_anew():
    poses = [pose(x=0.01 * i) for i in range(5)] + [pose(yaw=np.pi, x=0.01 * i) for i in range(5)]
    logs = np.array([0.0] * 5 + [0.3] * 5)
    out, steady = steadied(poses, logs)
    np.testing.assert_allclose(out[5:], 0.3, atol=0.01)  # nothing of the old scene is left in it
    assert steady.state.resets == 1
    assert "too little" in steady.state.reason
    rgb, true = see(poses[-1])
    dark = steady(np.zeros_like(rgb), true, CAMERA, 1.0)
    np.testing.assert_array_equal(dark, true)
    assert steady.state.resets == 2


def test_a_gap_in_time_counts_as_one_second_where_the_scene_is_still_seen():
    outs = []
    for gap_s in (1.0, 3600.0):
        rgb, true = see(pose())
        steady = SteadyScale()
        for i in range(5):
            steady(rgb, true, CAMERA, i / 10)
        outs.append(np.median(steady(rgb, true * np.float32(1.1), CAMERA, 0.4 + gap_s) / true))
        assert steady.state.resets == 0
    assert outs[0] == outs[1]
    assert 1 < outs[0] < 1.1


def test_depth_without_a_valid_pixel_passes_and_the_next_frame_goes_on():
    rgb, true = see(pose())
    steady, nothing = SteadyScale(), np.full_like(true, np.nan)
    assert np.isnan(steady(rgb, nothing, CAMERA, 0.0)).all()
    np.testing.assert_array_equal(steady(rgb, true, CAMERA, 0.1), true)
    holes = np.where(np.arange(true.shape[1]) % 3 == 0, np.float32(np.nan), true)
    assert np.isnan(steady(rgb, holes, CAMERA, 0.2)).mean() == pytest.approx(1 / 3, abs=0.01)


def test_other_cameras_times_that_go_back_and_a_call_reset_it():
    rgb, true = see(pose())
    steady = SteadyScale()
    steady(rgb, true, CAMERA, 5.0)
    steady(rgb, true, Camera(100.0, 100.0, 79.5, 59.5, 160, 120), 5.1)
    assert (steady.state.resets, steady.state.reason) == (1, "another camera")
    steady(rgb, true, Camera(100.0, 100.0, 79.5, 59.5, 160, 120), 4.0)
    assert (steady.state.resets, steady.state.reason) == (2, "time went back")
    steady(rgb, true, Camera(100.0, 100.0, 79.5, 59.5, 160, 120), 4.0)  # a stamp twice is none
    steady.reset("asked for")
    assert (steady.state.resets, steady.state.reason, steady.state.since_reset) == (3, "asked for", 0)
    with pytest.raises(DepthModelsError, match="a camera of"):
        steady(rgb, true[1:], CAMERA, 6.0)
