"""Evaluation with oracles, and the best constant against a search."""

import numpy as np
import pytest

from depth_models.evaluation import BestConstant, evaluate
from depth_models.types import Camera, Depth, Sample

CAMERA = Camera(50.0, 51.0, 3.5, 2.5, 8, 6)


def sample(seed):
    rng = np.random.default_rng(seed)
    depth = rng.uniform(0.5, 9, (6, 8)).astype(np.float32)
    rgb = np.zeros((6, 8, 3), np.uint8)
    rgb[..., 0] = np.rint(depth * 20)
    return Sample(rgb, depth, rng.random((6, 8)) > 0.2, CAMERA)


class Oracle:
    """Depth is red / 20, times a factor; remembers the focal length."""

    def __init__(self, factor=1.0):
        self.factor = factor

    def __call__(self, rgb, fx, fy):
        self.focal = fx, fy
        metres = rgb[..., 0].astype(np.float32) / 20 * self.factor
        return Depth(metres, metres > 0)


def exact(seed):
    s = sample(seed)
    return Sample(s.rgb, s.rgb[..., 0].astype(np.float32) / 20, s.valid, s.camera)


def test_an_oracle_is_perfect_and_is_given_the_focal_length():
    oracle = Oracle()
    report = evaluate(oracle, [exact(0), exact(1)])
    assert oracle.focal == (50.0, 51.0)
    assert (report.frames, report.pixels) == (2, int(exact(0).valid.sum() + exact(1).valid.sum()))
    assert (report.per_image["abs_rel"], report.pooled["delta1"], report.clamped, report.missing) == (0, 1, 0, 0)


def test_only_valid_truth_strictly_within_the_range_counts():
    one = exact(0)
    depth = one.depth.copy()
    depth[0, :4] = [0.0, 10.0, 0.001, 12.0]
    valid = np.ones_like(one.valid)
    report = evaluate(Oracle(), [Sample(one.rgb, depth, valid, CAMERA)])
    assert report.pixels == 48 - 4
    assert report.pooled["abs_rel"] == 0


def test_predictions_beyond_the_range_are_clamped_and_counted_and_missing_ones_too():
    one = exact(0)
    valid = np.ones_like(one.valid)
    rgb = one.rgb.copy()
    rgb[0, 0, 0] = 0
    report = evaluate(Oracle(3.0), [Sample(rgb, one.depth, valid, CAMERA)])
    x, y = np.float64(rgb[..., 0]) / 20 * 3, one.depth.astype(np.float64)
    there = x > 0
    assert report.missing == pytest.approx(1 / 48)
    assert report.clamped == pytest.approx((x[there] > 10).sum() / 48)
    expected = np.mean(np.abs(np.minimum(x[there], 10) - y[there]) / y[there])
    assert report.pooled["abs_rel"] == pytest.approx(expected, rel=1e-6)


def test_the_best_constant_is_what_a_search_finds():
    truth = np.random.default_rng(0).gamma(4.0, 0.6, 1000).clip(0.01, 9.9).round(3)
    best = BestConstant()
    best.add(truth[:300])
    best.add(truth[300:])
    grid = np.arange(1, 10_000) / 1000
    errors = np.array([np.mean(np.abs(c - truth) / truth) for c in grid])
    result = best.result()
    assert result["abs_rel"] == pytest.approx(errors.min(), rel=1e-9)
    assert result["metres"] == pytest.approx(grid[errors.argmin()], abs=0.0011)
    ratio = np.maximum(result["metres"] / truth, truth / result["metres"])
    assert result["delta1"] == pytest.approx(np.mean(ratio < 1.25))


def test_nothing_to_measure_is_nan_and_not_an_error():
    report = evaluate(Oracle(), [])
    assert report.frames == 0
    assert np.isnan(report.pooled["abs_rel"])
    assert np.isnan(report.constant["metres"])
