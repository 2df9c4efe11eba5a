"""Metrics: what a pencil gives, an independent float64 reference, and the two averages."""

import math

import numpy as np
import pytest

from depth_models.metrics import Metrics


def measured(*images):
    metrics = Metrics()
    for image in images:
        metrics.add(*image)
    return metrics


def reference(x, y):
    """Straight from the definitions, over 1-D float64 arrays."""
    g = np.log(x) - np.log(y)
    ratio = np.maximum(x / y, y / x)
    d = np.abs(x - y)
    scaled = x * np.median(y) / np.median(x)
    return {
        "abs_rel": np.mean(d / y),
        "abs_rel_scaled": np.mean(np.abs(scaled - y) / y),
        "sq_rel": np.mean(d**2 / y),
        "rmse": np.sqrt(np.mean(d**2)),
        "rmse_log": np.sqrt(np.mean(g**2)),
        "log10": np.mean(np.abs(np.log10(x) - np.log10(y))),
        "silog": 100 * np.sqrt(np.var(g)),
        **{f"delta{i}": np.mean(ratio < 1.25**i) for i in (1, 2, 3)},
        "mae": np.mean(d),
        "mse": np.mean(d**2),
        "smooth_l1": np.mean(np.where(d < 2, d**2 / 4, d - 1)),
    }


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    out = []
    for shape in ((6, 8), (3, 5)):
        truth = rng.uniform(0.5, 9, shape).astype(np.float32)
        out.append(((truth * rng.uniform(0.5, 2.2, shape)).astype(np.float32), truth, rng.random(shape) > 0.3))
    return out


def test_a_perfect_prediction_gives_zeros_and_ones_exactly():
    truth = np.random.default_rng(0).uniform(0.1, 10, (5, 7)).astype(np.float32)
    for values in (measured((truth, truth, truth > 0)).per_image(), measured((truth, truth, truth > 0)).pooled()):
        assert values == {name: float(name.startswith("delta")) for name in values}


def test_a_scaled_prediction_gives_what_a_pencil_gives():
    truth = np.array([[1.0, 2.0], [4.0, 8.0]])
    values = measured((1.5 * truth, truth, np.ones((2, 2), bool))).pooled()
    expected = {
        "abs_rel": 0.5, "abs_rel_scaled": 0.0, "sq_rel": 0.25 * 3.75, "rmse": math.sqrt(0.25 * 85 / 4),
        "rmse_log": math.log(1.5), "log10": math.log10(1.5), "silog": 0.0, "delta1": 0.0, "delta2": 1.0, "delta3": 1.0,
        "mae": 0.5 * 3.75, "mse": 0.25 * 85 / 4, "smooth_l1": (0.25 / 4 + 1 / 4 + 1 + 3) / 4,
    }  # fmt: skip
    assert values == pytest.approx(expected, abs=1e-6)


def test_one_image_agrees_with_the_definitions_in_both_averages(images):
    prediction, truth, valid = images[0]
    expected = reference(prediction[valid].astype(np.float64), truth[valid].astype(np.float64))
    assert measured(images[0]).pooled() == pytest.approx(expected, rel=1e-9)
    assert measured(images[0]).per_image() == pytest.approx(expected, rel=1e-9)


def test_per_image_is_the_mean_of_the_images_values_and_pooled_is_of_all_pixels(images):
    flat = [tuple(a[valid].astype(np.float64) for a in (x, y)) for x, y, valid in images]
    each = [reference(x, y) for x, y in flat]
    metrics = measured(*images)
    assert len(metrics) == 2
    assert metrics.per_image() == pytest.approx({k: (each[0][k] + each[1][k]) / 2 for k in each[0]}, rel=1e-9)
    together = reference(*(np.concatenate(arrays) for arrays in zip(*flat, strict=True)))
    sizes = [x.size for x, _ in flat]
    together["abs_rel_scaled"] = np.average([e["abs_rel_scaled"] for e in each], weights=sizes)  # scaled image by image
    assert metrics.pooled() == pytest.approx(together, rel=1e-9)


def test_shards_that_are_merged_are_the_whole(images):
    first, second = measured(images[0]), measured(images[1])
    first.merge(second)
    whole = measured(*images)
    assert (len(first), first.pixels) == (2, whole.pixels)
    assert whole.pixels == sum(valid.sum() for *_, valid in images)
    assert first.pooled() == whole.pooled()
    assert first.per_image() == whole.per_image()


def test_a_constant_and_a_shifted_prediction_give_what_a_pencil_gives():
    truth, everywhere = np.array([[1.0, 2.0], [4.0, 5.0]]), np.ones((2, 2), bool)
    ln2, ln5 = math.log(2), math.log(5)
    logs = {"rmse_log": math.sqrt((3 * ln2**2 - 2 * ln2 * ln5 + ln5**2) / 4)}  # of 2, 1, 1/2 and 2/5
    mean = (ln2 - ln2 + ln2 - ln5) / 4
    expected = {
        "abs_rel": (1 + 0 + 0.5 + 0.6) / 4, "abs_rel_scaled": (2 + 0.5 + 0.25 + 0.4) / 4,  # scaled to 3
        "sq_rel": (1 + 0 + 1 + 1.8) / 4, "rmse": math.sqrt(14 / 4), **logs,
        "log10": (ln2 + 0 + ln2 + ln5 - ln2) / 4 / math.log(10),
        "silog": 100 * math.sqrt(logs["rmse_log"] ** 2 - mean**2), "delta1": 0.25, "delta2": 0.25, "delta3": 0.25,
        "mae": 6 / 4, "mse": 14 / 4, "smooth_l1": (1 / 4 + 0 + 1 + 2) / 4,
    }  # fmt: skip
    assert measured((np.full((2, 2), 2.0), truth, everywhere)).pooled() == pytest.approx(expected)
    shifted = measured((truth + 1, truth, everywhere)).pooled()
    expected = {
        "abs_rel": (1 + 0.5 + 0.25 + 0.2) / 4, "abs_rel_scaled": (0.5 + 0.125 + 0.0625 + 0.1) / 4,  # 3 / 4 of it
        "sq_rel": (1 + 0.5 + 0.25 + 0.2) / 4, "rmse": 1.0, "delta1": 0.25, "delta2": 0.75, "delta3": 0.75,
        "mae": 1.0, "mse": 1.0, "smooth_l1": 0.25, "log10": math.log10(2 * 1.5 * 1.25 * 1.2) / 4,
    }  # fmt: skip
    assert {name: shifted[name] for name in expected} == pytest.approx(expected)


def test_what_is_not_valid_does_not_count(images):
    prediction, truth, valid = images[0]
    spoilt = np.where(valid, prediction, np.nan), np.where(valid, truth, 0.0), valid
    assert measured(spoilt).pooled() == pytest.approx(measured(images[0]).pooled())


def test_an_image_without_a_valid_pixel_does_not_count_and_nothing_at_all_is_nan(images):
    empty = (*images[0][:2], np.zeros_like(images[0][2]))
    assert measured(images[0], empty).per_image() == measured(images[0]).per_image()
    assert len(measured(empty)) == 0
    assert all(math.isnan(v) for v in measured(empty).pooled().values())
    assert all(math.isnan(v) for v in measured(empty).per_image().values())
