"""Consistency of a sequence: what is planted is found."""

import numpy as np
import pytest
from box_room import CAMERA, pose, see, walk

from depth_models import DepthModelsError
from depth_models.consistency.measure import Consistency, Frame
from depth_models.consistency.scale_series import summarise

JITTER, DRIFT_PER_S, SCALE = 0.03, 0.02, 1.3
FRAMES = 30


@pytest.fixture(scope="module")
def sequence():
    """Stamps, poses, pictures and true depth."""
    stamps, poses = walk(FRAMES)
    return [(stamp, where, *see(where)) for stamp, where in zip(stamps, poses, strict=True)]


@pytest.fixture(scope="module")
def planted():
    """Log scale of each frame: jitter, a drift and a factor."""
    noise = np.random.default_rng(1).normal(0, JITTER, FRAMES)
    return np.log(SCALE) + noise + DRIFT_PER_S * np.arange(FRAMES) / 10


def measured(sequence, logs, truth=False, poses=False, damage=lambda metres: metres):
    consistency = Consistency(CAMERA)
    for (stamp, where, rgb, true), log in zip(sequence, logs, strict=True):
        metres = damage((true * np.exp(log)).astype(np.float32))
        consistency.add(Frame(stamp, rgb, metres, true if truth else None, where if poses else None))
    return consistency.report()


def test_planted_scale_is_found_exactly_with_truth(sequence, planted):
    report = measured(sequence, planted, truth=True, poses=True)
    assert (report.scale_from, report.lost, report.frames) == ("truth", 0, FRAMES)
    np.testing.assert_allclose(report.log_scale, planted, atol=1e-5)
    assert report.scale.median == pytest.approx(np.exp(np.median(planted)), rel=1e-5)
    assert report.scale.jitter == pytest.approx(np.diff(planted).std(), rel=1e-3)
    assert report.scale.spread == pytest.approx(planted.std(), rel=1e-3)
    assert report.scale.drift_per_s == pytest.approx(np.polyfit(np.arange(FRAMES) / 10, planted, 1)[0], abs=0.005)
    assert report.abs_rel == pytest.approx(np.abs(np.exp(planted) - 1).mean(), rel=1e-3)
    assert report.abs_rel_scaled == pytest.approx(np.abs(np.exp(planted - np.median(planted)) - 1).mean(), rel=1e-3)


def test_planted_scale_is_found_with_poses_alone(sequence, planted):
    report = measured(sequence, planted, poses=True)
    known = np.array([log is not None for log in report.log_scale])
    assert report.scale_from == "poses"
    assert known.sum() > FRAMES / 3
    error = np.array(report.log_scale)[known].astype(float) - planted[known]
    assert np.abs(np.median(error)) < 0.01
    assert report.scale.jitter == pytest.approx(np.diff(planted).std(), rel=0.03)


def test_planted_jitter_is_found_in_the_pictures_alone(sequence, planted):
    report = measured(sequence, planted)
    assert (report.scale_from, report.scale.median, report.reprojection) == ("correspondences", None, None)
    assert report.scale.jitter == pytest.approx(np.diff(planted).std(), rel=0.03)
    assert report.lost == 0
    np.testing.assert_allclose(np.array(report.log_scale) - (planted - planted[0]), 0, atol=0.03)


def test_true_depth_is_consistent_and_coming_nearer_is_no_jitter(sequence):
    report = measured(sequence, np.zeros(FRAMES), poses=True)
    assert report.scale.jitter < 0.001
    assert report.reprojection.abs_rel < 0.002
    assert report.reprojection.inliers > 0.995
    assert report.flicker_surfaces < 0.002


def test_reprojection_shows_a_planted_difference_between_frames_half_a_second_apart(sequence):
    logs = np.where(np.arange(FRAMES) // 5 % 2, 0.08, 0.0)  # of 5 frames each, which are half a second
    report = measured(sequence, logs, truth=True, poses=True)
    assert report.reprojection.gap_s == pytest.approx(0.5)
    assert report.reprojection.pairs == FRAMES - 5
    assert report.reprojection.abs_rel == pytest.approx(0.08, abs=0.01)
    assert report.reprojection.inliers < 0.1


def test_flicker_is_of_the_surfaces_or_of_the_edges_where_it_was_planted(sequence):
    rng = np.random.default_rng(2)
    few, true = sequence[:8], np.zeros(8)
    surfaces = measured(few, true, True, True, lambda m: m * np.exp(rng.normal(0, 0.02, m.shape)))
    # The mean of |a - b| of two normal values of standard deviation s is 2 s / sqrt(pi).
    assert surfaces.flicker_surfaces == pytest.approx(2 * 0.02 / np.sqrt(np.pi), rel=0.1)

    def with_jumping_box(metres):
        left = rng.integers(30, 60)
        metres[40:80, left : left + 60] *= 0.7
        return metres

    edges = measured(few, true, True, True, with_jumping_box)
    still = measured(few, true, True, True)
    assert edges.flicker_edges > 0.05
    assert still.flicker_edges is None  # a box of a room has no depth edge


def test_planes_are_flat_until_noise_is_planted(sequence):
    rng = np.random.default_rng(3)
    flat = measured(sequence[:5], np.zeros(5), True)
    rough = measured(sequence[:5], np.zeros(5), True, damage=lambda m: m + rng.normal(0, 0.05, m.shape))
    assert flat.plane_rms_m < 0.002  # corners of the box that pass for planes
    assert 0.02 < rough.plane_rms_m < 0.05  # along the plane's normal, and less than along the ray


def test_a_gap_in_time_is_no_jitter():
    stamps = np.array([0.0, 0.1, 0.2, 5.0, 5.1, 5.2])
    logs = np.array([0.0, 0.01, 0.0, 0.5, 0.51, 0.5])
    summary = summarise(stamps, logs, np.diff(logs, prepend=np.nan), is_metric=True)
    assert summary.jitter == pytest.approx(0.01)
    assert summary.spread > 0.2


def test_pictures_of_another_place_are_lost_and_not_compared(sequence):
    rng = np.random.default_rng(4)
    consistency = Consistency(CAMERA)
    for i, (stamp, _, rgb, true) in enumerate(sequence[:6]):
        picture = rng.integers(0, 256, rgb.shape, dtype=np.uint8) if i == 3 else rgb
        consistency.add(Frame(stamp, picture, true))
    assert consistency.report().lost == 2


def test_no_motion_and_pure_rotation_are_measured():
    for poses in ([pose()] * 5, [pose(yaw=0.02 * i, pitch=0.01 * i) for i in range(5)]):
        consistency = Consistency(CAMERA)
        for i, where in enumerate(poses):
            rgb, true = see(where)
            consistency.add(Frame(i / 10, rgb, true * np.float32(1 + 0.1 * (i % 2)), pose=where))
        report = consistency.report()
        assert report.scale_from == "correspondences"  # nothing can be triangulated
        assert report.scale.jitter == pytest.approx(np.log(1.1), rel=0.03)


def test_a_frame_without_any_depth_is_lost_and_the_others_are_measured(sequence, planted):
    consistency = Consistency(CAMERA)
    for i, (stamp, where, rgb, true) in enumerate(sequence[:10]):
        metres = np.full_like(true, np.nan) if i == 4 else true * np.float32(np.exp(planted[i]))
        consistency.add(Frame(stamp, rgb, metres, true, where))
    report = consistency.report()
    assert report.log_scale[4] is None
    assert report.lost == 2
    assert report.scale.median == pytest.approx(np.exp(np.median(np.delete(planted[:10], 4))), rel=1e-5)


def test_what_is_no_sequence_is_refused(sequence):
    (stamp, _, rgb, true), consistency = sequence[0], Consistency(CAMERA)
    consistency.add(Frame(stamp, rgb, true))
    with pytest.raises(DepthModelsError, match="two frames or more, got 1"):
        consistency.report()
    with pytest.raises(DepthModelsError, match=r"0\.000000 s comes after"):
        consistency.add(Frame(stamp, rgb, true))
    with pytest.raises(DepthModelsError, match="a camera of"):
        consistency.add(Frame(stamp + 1, rgb[:-1], true))
