"""Edges and planes: what a pencil gives, and references that loop over pixels and fit by another way."""

import math

import numpy as np
import pytest

from depth_models.structure_metrics import EDGE_RATIOS, boundary_f1, edge_counts, plane_rms, plane_sums
from depth_models.types import Camera

CAMERA = Camera(130.0, 128.0, 70.0, 45.0, 160, 96)
EVERYWHERE = np.ones((96, 160), bool)


def step(column, near=1.0, far=2.0, shape=(12, 20)):
    """Near on the left, far from a column on."""
    depth = np.full(shape, near, np.float32)
    depth[:, column:] = far
    return depth


def f1(prediction, truth, valid=None):
    return boundary_f1(edge_counts(prediction, truth, np.ones(truth.shape, bool) if valid is None else valid))


def test_an_edge_in_its_place_is_1_and_beside_its_place_0():
    truth = step(8)
    assert f1(truth, truth) == 1
    assert f1(7 * truth, truth) == pytest.approx(1)  # whatever the scale
    assert f1(step(9), truth) == 0
    assert f1(np.ones_like(truth), truth) == 0
    assert f1(step(8, near=2.0, far=1.0), truth) == 0  # the wrong side is nearer


def test_of_an_edge_found_in_half_of_its_rows_precision_is_1_and_recall_a_half():
    truth = step(8)
    half = truth.copy()
    half[6:] = 1.0
    counts = edge_counts(half, truth, np.ones(truth.shape, bool))
    # The half step has an edge of its own below, of 12 columns, which the truth has not.
    assert counts.tolist() == [[6, 6 + 12, 12]] * 10
    assert boundary_f1(counts) == pytest.approx(2 * 6 / (18 + 12))


def test_a_faint_edge_counts_for_the_ratios_that_it_exceeds_and_these_weigh_by_themselves():
    truth, prediction = step(8, far=1.3), step(8, far=1.1)  # 1.05, 1.0722, 1.0944 are below 1.1
    counts = edge_counts(prediction, truth, np.ones(truth.shape, bool))
    assert counts.tolist() == [[12, 12, 12]] * 3 + [[0, 0, 12]] * 7
    assert boundary_f1(counts) == pytest.approx(EDGE_RATIOS[:3].sum() / EDGE_RATIOS.sum())


def test_edges_that_neither_has_do_not_count_and_without_any_there_is_no_value():
    faint = step(8, far=1.06)  # one ratio alone is exceeded
    assert f1(faint, faint) == 1
    flat = np.ones((12, 20), np.float32)
    assert math.isnan(f1(flat, flat))
    assert f1(step(8), flat) == 0


def test_what_is_not_valid_has_no_edges():
    truth = step(8)
    valid = np.ones(truth.shape, bool)
    valid[:, 8] = False
    assert not edge_counts(truth, truth, valid).any()
    spoilt = np.where(valid, truth, np.nan)
    assert not edge_counts(spoilt, np.where(valid, truth, 0), valid).any()


def test_edges_agree_with_a_loop_over_all_pairs_of_pixels():
    rng = np.random.default_rng(0)
    truth = rng.uniform(1, 1.4, (9, 11)).astype(np.float32)
    prediction = (truth * rng.uniform(0.9, 1.1, truth.shape)).astype(np.float32)
    valid = rng.random(truth.shape) > 0.2
    x, y = prediction.astype(np.float64), truth.astype(np.float64)
    expected = np.zeros((10, 3), int)
    for row, column in np.ndindex(truth.shape):
        for other in ((row, column + 1), (row + 1, column), (row, column - 1), (row - 1, column)):
            if 0 <= other[0] < 9 and 0 <= other[1] < 11 and valid[row, column] and valid[other]:
                for i, ratio in enumerate(np.linspace(1.05, 1.25, 10)):
                    edge_x, edge_y = x[other] / x[row, column] > ratio, y[other] / y[row, column] > ratio
                    expected[i] += [edge_x and edge_y, edge_x, edge_y]
    np.testing.assert_array_equal(edge_counts(prediction, truth, valid), expected)
    assert expected[:, 0].min() > 0


def slanted(a, b, c):
    """Exact depth of the plane Z = a X + b Y + c, float64."""
    rays = CAMERA.rays(CAMERA.pixels(), np.eye(4)).reshape(96, 160, 3)
    return c / (1 - a * rays[..., 0] - b * rays[..., 1])


def test_planes_are_flat_whatever_their_scale_and_slant():
    truth = slanted(0.3, -0.2, 2.5)
    for prediction in (truth, 1.7 * truth, slanted(-0.4, 0.3, 3.0)):
        sums = plane_sums(prediction, truth, EVERYWHERE, CAMERA)
        assert sums[1] == 8 * 13 * 12 * 12  # tiles of 96 / 8 pixels; four columns are left over
        assert plane_rms(sums) == pytest.approx(0, abs=1e-7)


def test_the_planted_noise_of_a_plane_is_measured():
    truth = np.full((96, 160), 2.0)
    noise = np.random.default_rng(0).normal(0, 0.003, truth.shape)
    # The plane faces the camera, so depth is the distance to it; its fit to 144 points takes three degrees of freedom.
    value = plane_rms(plane_sums(truth + noise, truth, EVERYWHERE, CAMERA))
    assert value == pytest.approx(0.003 * math.sqrt(1 - 3 / 144), rel=0.01)


def test_a_slanted_planes_residual_is_that_of_a_singular_value_decomposition_tile_by_tile():
    truth = slanted(0.5, 0.1, 2.0)
    prediction = 1.3 * truth + np.random.default_rng(1).normal(0, 0.02, truth.shape)
    rays = CAMERA.rays(CAMERA.pixels(), np.eye(4)).reshape(96, 160, 3)
    squares = points = 0
    for top in range(0, 96, 12):
        for left in range(0, 156, 12):
            tile = np.s_[top : top + 12, left : left + 12]
            scaled = prediction[tile] * np.median(truth[tile]) / np.median(prediction[tile])
            cloud = (rays[tile] * scaled[..., None]).reshape(-1, 3)
            squares += np.linalg.svd(cloud - cloud.mean(axis=0), compute_uv=False)[2] ** 2
            points += len(cloud)
    np.testing.assert_allclose(plane_sums(prediction, truth, EVERYWHERE, CAMERA), [squares, points], rtol=1e-6)


def test_tiles_with_a_hole_or_a_truth_that_is_not_planar_do_not_count():
    truth = np.full((96, 160), 2.0)
    truth[:12, :12] += 0.05 * (np.indices((12, 12)).sum(axis=0) % 2)  # 1.25 % of its depth
    valid = EVERYWHERE.copy()
    valid[20, 20] = False
    prediction = truth + np.random.default_rng(0).normal(0, 0.03, truth.shape)
    sums = plane_sums(prediction, truth, valid, CAMERA)
    assert sums[1] == (8 * 13 - 2) * 144
    np.testing.assert_allclose(sums, plane_sums(prediction, np.where(valid, truth, np.nan), valid, CAMERA), rtol=1e-12)


def test_without_a_planar_tile_there_is_no_value():
    truth = np.random.default_rng(0).uniform(1, 5, (96, 160))
    assert plane_sums(truth, truth, EVERYWHERE, CAMERA).tolist() == [0, 0]
    assert math.isnan(plane_rms(np.zeros(2)))
    assert plane_sums(truth, truth, ~EVERYWHERE, CAMERA).tolist() == [0, 0]
