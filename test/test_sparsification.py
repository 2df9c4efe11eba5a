"""Coverage and sparsification error against their definitions, with plain sorting as the reference."""

import numpy as np
import pytest

from depth_models.comparison import Comparison
from depth_models.evaluation import FlipAveraged
from depth_models.protocols import find_protocol
from depth_models.sparsification import confidence_averages, confidence_figures, confidence_sums
from depth_models.types import Camera, Depth, Sample

SHAPE = (60, 80)
SEEN = np.ones(SHAPE, bool)


def image(seed=0, shape=SHAPE):
    """Depth whose relative error is drawn with a known standard deviation per pixel: metres, sigma, truth."""
    rng = np.random.default_rng(seed)
    metres = rng.uniform(1, 5, shape)
    sigma = metres * rng.uniform(0.01, 0.15, shape)
    return metres, sigma, np.maximum(metres + sigma * rng.standard_normal(shape), 0.2)


def mean_of_kept(score, error):
    """The definition: mean error of the k surest pixels, for k = 5, 10, ... 100 %."""
    ranked = error[np.argsort(score, kind="stable")]
    return np.array([ranked[: round(len(ranked) * k / 20)].mean() for k in range(1, 21)])


def test_the_right_deviation_covers_what_a_normal_distribution_says():
    metres, sigma, truth = image(shape=(300, 400))
    seen = np.ones(metres.shape, bool)
    figures = confidence_figures(confidence_sums(metres, sigma, truth, seen))
    assert figures["coverage_68"] == pytest.approx(0.68, abs=0.005)
    assert figures["coverage_95"] == pytest.approx(0.95, abs=0.003)
    half = confidence_figures(confidence_sums(metres, sigma / 2, truth, seen))
    assert half["coverage_68"] == pytest.approx(0.381, abs=0.005)  # of a normal distribution, within half a sigma


def test_ause_is_the_area_between_the_curves_of_sigma_and_of_the_error_itself():
    metres, sigma, truth = image()
    error = (np.abs(metres - truth) / truth).ravel()
    figures = confidence_figures(confidence_sums(metres, sigma, truth, SEEN))
    oracle = mean_of_kept(error, error)
    expected = (mean_of_kept((sigma / metres).ravel(), error) - oracle).mean()
    assert figures["ause"] == pytest.approx(expected, rel=0.03)
    gradient = np.hypot(*np.gradient(np.log(metres))).ravel()
    expected = (mean_of_kept(gradient, error) - oracle).mean()
    assert figures["ause_gradient"] == pytest.approx(expected, rel=0.03)
    assert figures["ause"] < 0.8 * figures["ause_gradient"]


def test_sigma_that_is_the_error_has_no_sparsification_error_and_one_that_is_reversed_has_the_most():
    metres, sigma, truth = image()
    error = np.abs(metres - truth) / truth
    best = confidence_figures(confidence_sums(metres, error * metres, truth, SEEN))["ause"]
    honest = confidence_figures(confidence_sums(metres, sigma, truth, SEEN))["ause"]
    worst = confidence_figures(confidence_sums(metres, metres / (1 + error), truth, SEEN))["ause"]
    assert best == pytest.approx(0, abs=1e-9)
    assert best < honest < worst


def test_only_pixels_with_truth_count():
    metres, sigma, truth = image()
    seen = np.arange(80)[None] < np.full((60, 1), 40)
    broken = np.where(seen, truth, np.nan)
    whole = confidence_figures(confidence_sums(metres, sigma, broken, seen))
    half = confidence_figures(confidence_sums(metres[:, :40], sigma[:, :40], truth[:, :40], SEEN[:, :40]))
    assert whole["coverage_68"] == half["coverage_68"]
    assert whole["ause"] == pytest.approx(half["ause"])


def test_images_count_alike_per_image_and_by_their_pixels_pooled():
    small, large = confidence_sums(*image(0, (10, 10)), np.ones((10, 10), bool)), confidence_sums(*image(1), SEEN)
    averages = confidence_averages([small, large, np.zeros_like(small)])
    each = [confidence_figures(one)["coverage_95"] for one in (small, large)]
    assert averages["coverage_95"]["per_image"] == pytest.approx(np.mean(each))
    assert averages["coverage_95"]["pooled"] == pytest.approx(np.average(each, weights=(100, 4800)))
    assert confidence_averages([np.zeros_like(small)]) == {}


def compared(depth, truth):
    camera = Camera.from_fov(80, 60, 60.0)
    comparison = Comparison(find_protocol("whole"))
    comparison.add(0, Sample(np.zeros((60, 80, 3), np.uint8), truth.astype(np.float32), SEEN, camera), depth)
    return comparison.report()


def test_a_report_has_confidence_only_where_the_predictor_tells_it():
    metres, sigma, truth = (values.astype(np.float32) for values in image())
    report = compared(Depth(metres, SEEN, sigma), truth)
    expected = confidence_figures(confidence_sums(metres, sigma, truth, SEEN))
    assert {name: value["pooled"] for name, value in report.confidence.items()} == pytest.approx(expected)
    assert compared(Depth(metres, SEEN), truth).confidence == {}


def test_sigma_of_another_size_than_the_truth_is_resized_with_the_depth():
    truth = np.full(SHAPE, 2.0)
    small = Depth(np.full((30, 40), 2.1, np.float32), np.ones((30, 40), bool), np.full((30, 40), 0.08, np.float32))
    assert compared(small, truth).confidence["coverage_95"]["pooled"] == 1
    assert compared(small, truth).confidence["coverage_68"]["pooled"] == 0


def test_the_mirrored_image_takes_its_part_in_the_deviation():
    sigma = np.tile(np.arange(1, 81, dtype=np.float32), (60, 1))
    flipped = FlipAveraged(lambda rgb, fx, fy: Depth(np.full(SHAPE, 2, np.float32), SEEN, sigma))
    depth = flipped(np.zeros((60, 80, 3), np.uint8))
    np.testing.assert_allclose(depth.sigma_metres, 40.5)
