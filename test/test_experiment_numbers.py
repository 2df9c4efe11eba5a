"""The numbers that decide the paper's claims, each against a planted value."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

from depth_models.experiments import findings, looks, table1
from depth_models.experiments.curves import Curves, Overfitting, overfitting, read_curves, scatter, spikes
from depth_models.experiments.numbers import constant_mae
from depth_models.experiments.plan import Run
from depth_models.types import Camera, Depth, Sample

CAMERA = Camera(100.0, 100.0, 79.5, 59.5, 160, 120)


def test_scatter_is_the_noises_share_whatever_the_trend():
    epochs, rng = np.arange(4000), np.random.default_rng(0)
    trend = 1 + np.exp(-epochs / 800)
    assert scatter(trend) < 1e-4
    noisy = trend + rng.normal(0, 0.05, len(epochs))
    assert scatter(noisy) == pytest.approx(0.05 / trend.mean(), rel=0.05)
    assert scatter(10 * noisy) == pytest.approx(scatter(noisy), rel=1e-9)
    assert scatter([5.0, 4.0, 3.0, 2.0, 1.0]) == pytest.approx(0, abs=1e-12)
    assert scatter([1.0, 2.0, 1.0, 2.0, 1.0]) == pytest.approx(math.sqrt(4 / 6) / 1.4)
    assert math.isnan(scatter([1.0, 2.0, 1.0, 2.0]))


def test_spikes_are_counted_where_the_norm_is_five_times_its_running_median():
    norms = np.ones(108)
    norms[[20, 60, 107]] = 5.0
    norms[80] = 4.9
    norms[3] = 50.0  # too early to have a median
    assert spikes(norms) == pytest.approx(3 / 100)
    falling = np.geomspace(1000, 1, 200)  # high at first, but never above what was before
    assert spikes(falling) == 0
    assert math.isnan(spikes(norms[:8]))


def test_curves_are_read_from_a_log(tmp_path):
    events = [{"step": i + 1, "loss": float(i), "grad_norm": 10.0 + i} for i in range(4)]
    events[1] |= {"val_loss": 0.5, "val": {"mae": 1.0}}
    events[3] |= {"val_loss": 0.4, "val": {"mae": 0.9}}
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events))
    assert read_curves(tmp_path / "log.jsonl") == Curves(
        [0.5, 2.5], [0.5, 0.4], [{"mae": 1.0}, {"mae": 0.9}], [10.0, 11.0, 12.0, 13.0]
    )


def test_overfitting_is_the_rise_after_the_lowest_epoch():
    curves = Curves([4.0, 2.0, 1.0], [2.0, 1.0, 1.5], [], [])
    assert overfitting(curves) == Overfitting(epochs=3, best_epoch=2, rise=0.5, train_fall=0.5)


def scene(seed):
    """A sample with relief, whose picture's brightness is its depth."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:1:120j, 0:1:160j]
    depth = 2 + rng.uniform(0.5, 1) * x + rng.uniform(-1, 1) * y + np.where(x > rng.uniform(0.2, 0.8), 0.7, 0.0)
    rgb = np.repeat(np.rint(depth * 50).astype(np.uint8)[..., None], 3, axis=2)
    return Sample(rgb, depth.astype(np.float32), np.ones(depth.shape, bool), CAMERA)


SCENES = [scene(seed) for seed in range(4)]
PRIOR = looks.mean_depth(SCENES)


def given(metres):
    return Depth(metres.astype(np.float32), np.ones(metres.shape, bool))


def follows(rgb, fx, fy):
    return given(rgb[..., 0] / 50.0)


def ignores(rgb, fx, fy):
    return given(np.kron(PRIOR, np.ones((2, 2))))


def halfway(rgb, fx, fy):
    return given((follows(rgb, fx, fy).metres + ignores(rgb, fx, fy).metres) / 2)


def test_the_position_prior_is_1_for_a_predictor_that_ignores_the_image_and_0_for_one_that_follows_it():
    assert looks.mirror_prior(ignores, SCENES) == pytest.approx(1, abs=1e-6)
    assert looks.mirror_prior(follows, SCENES) == pytest.approx(0, abs=1e-6)
    assert 0.2 < looks.mirror_prior(halfway, SCENES) < 0.8
    empty = looks.blank(SCENES[0], (0.5, 0.4, 0.3))
    assert (empty.shape, empty[0, 0].tolist(), np.ptp(empty, axis=(0, 1)).max()) == ((120, 160, 3), [128, 102, 76], 0)
    assert looks.correlation(looks.predict(ignores, SCENES[0], empty), PRIOR) == pytest.approx(1, abs=1e-6)
    assert looks.correlation(looks.predict(follows, SCENES[0], empty), PRIOR) == 0


def test_a_symmetric_prediction_has_no_mirror_number():
    assert math.isnan(looks.mirror_prior(lambda rgb, fx, fy: given(np.full((120, 160), 2.0)), SCENES))


def test_detail_is_the_share_of_the_truths_relief():
    assert looks.detail(follows, SCENES) == pytest.approx(1, abs=0.02)  # brightness has steps of 2 cm
    assert looks.detail(lambda rgb, fx, fy: given(np.sqrt(rgb[..., 0] / 50.0)), SCENES) == pytest.approx(0.5, abs=0.01)
    assert looks.detail(lambda rgb, fx, fy: given(np.full((120, 160), 2.0)), SCENES) == 0
    noise = np.random.default_rng(1).uniform(1, 3, (120, 160))
    assert abs(looks.detail(lambda rgb, fx, fy: given(noise), SCENES)) < 0.1


def test_spread_is_relative_to_the_truths():
    assert looks.spread(follows, SCENES) == pytest.approx(1, abs=0.01)
    assert looks.spread(lambda rgb, fx, fy: given(1 + rgb[..., 0] / 200.0), SCENES) == pytest.approx(0.25, abs=0.01)
    assert looks.spread(lambda rgb, fx, fy: given(np.full((120, 160), 2.0)), SCENES) == pytest.approx(0, abs=1e-6)


def test_maps_are_compared_by_cell_means_over_valid_pixels():
    metres = np.full((120, 160), 3.0)
    metres[:60] = 1.0
    valid = np.ones(metres.shape, bool)
    valid[:, :80] = False
    metres[:, :80] = 99.0
    grid = looks.on_grid(metres, valid)
    assert np.isnan(grid[:, :40]).all()
    np.testing.assert_allclose(grid[:30, 40:], 1.0)
    np.testing.assert_allclose(grid[30:, 40:], 3.0)


def test_the_corrected_reading_is_the_papers_page():
    corrected = {name: table1.corrected(row) for name, row in table1.PUBLISHED.items()}
    rounded = {name: tuple(round(v, 3) for v in (r.l1, r.l2, r.smooth_l1)) for name, r in corrected.items()}
    assert rounded["baseline"] == (0.941, 1.604, 0.373)
    assert rounded["multiscale"] == (0.984, 1.843, 0.403)
    assert rounded["unet"] == (0.765, 1.022, 0.256)
    assert rounded["fpn"] == (0.793, 1.069, 0.267)
    assert {name for name, row in corrected.items() if row.at_most} == {"unet", "fpn"}
    for row in corrected.values():  # what no set of errors can violate
        assert row.l2 >= row.l1**2
        assert row.smooth_l1 <= row.l2 / 4
    assert table1.corrected(table1.Row(1.0, 1.2, 0.3)) == table1.Row(1.0, 1.2, 0.3)


class Bordered(list):
    """Ten scenes of a frame each, of which 2 m and 4 m deep halves count, and a border of 50 m does not."""

    scenes, content = [f"room_{number:04d}" for number in range(10)], (1, 5, 1, 7)

    def __init__(self):
        depth = np.full((6, 8), 50, np.float32)
        depth[1:5, 1:4], depth[1:5, 4:7] = 2, 4
        super().__init__([Sample(np.zeros((6, 8, 3), np.uint8), depth, depth > 0, CAMERA)] * 10)


@pytest.mark.parametrize(("border", "error"), [(False, 1.0), (True, 23.5)])
def test_the_constants_error_is_of_the_pixels_that_a_run_validates_on(border, error):
    planned = SimpleNamespace(config=SimpleNamespace(split="scene", border=border))
    work = SimpleNamespace(source=Bordered(), planned=lambda run: planned, number=lambda name, compute: compute())
    assert constant_mae(work, Run("unet")) == pytest.approx(error, rel=0.05)


def test_the_best_constant_depths_error_is_the_smallest_that_a_search_finds():
    depths = np.linspace(1, 5, 2001)
    maps = [looks.on_grid(sample.depth, sample.valid) for sample in SCENES]
    errors = np.mean([[np.mean(np.abs(depth - m)) for depth in depths] for m in maps], axis=0)
    assert looks.constant_error(SCENES) == pytest.approx(errors.min(), rel=1e-4)
    half = SCENES[0].valid.copy()
    half[:, 1:] = False  # an image counts once, however few of its pixels are valid
    few = Sample(SCENES[0].rgb, np.full_like(SCENES[0].depth, 1.0), half, CAMERA)
    far = Sample(SCENES[0].rgb, np.full_like(SCENES[0].depth, 3.0), np.ones_like(half), CAMERA)
    assert looks.constant_error([few, far]) == pytest.approx(1.0)


def by_network(**rows):
    return {network: dict(zip(("l1", "l2", "smooth_l1"), row, strict=True)) for network, row in rows.items()}


GOOD = findings.Footing(24, 0.9)


def test_a_verdict_takes_enough_frames_and_a_network_that_has_learnt():
    said = findings.Finding("A claim.", findings.CONFIRMED, "A number.")
    assert findings.founded(said, {"a": GOOD, "b": GOOD}) == said
    few = findings.founded(said, {"a": GOOD, "b": findings.Footing(23, 0.1)})
    assert (few.claim, few.verdict) == (said.claim, findings.OPEN)
    assert few.because == "b has only 23 frames to validate or to test on, and a verdict takes 24. A number."
    for error in (0.91, math.nan):
        unlearnt = findings.founded(said, {"a": findings.Footing(24, error)})
        assert unlearnt.verdict == findings.OPEN
        assert unlearnt.because.startswith(f"a has not learnt enough: its validation MAE is {error:.2f} times")


def test_a_network_with_a_run_that_has_not_learnt_does_not_count_among_the_losses():
    values = by_network(a=(2, 3, 1), b=(2, 3, 1), c=(2, 3, 1))
    footing = {n: {loss: GOOD for loss in row} for n, row in values.items()}
    assert findings.comparable(values, footing) == values
    assert findings.uncounted(footing) == ""
    footing["b"]["l2"] = findings.Footing(40, 0.97)
    footing["c"]["l1"] = findings.Footing(40, 0.98)
    left = findings.comparable(values, footing)
    assert left["a"] == values["a"]
    assert all(math.isnan(value) for name in "bc" for value in left[name].values())
    assert findings.steadiness(values)[0].verdict == findings.CONFIRMED
    assert findings.steadiness(left)[0].verdict == findings.OPEN
    assert findings.uncounted(footing).startswith(
        "Not counted: b with l2 has not learnt enough: its validation MAE is 0.97"
    )
    assert "Not counted: c with l1 " in findings.uncounted(footing)


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        (by_network(a=(2, 3, 1), b=(2, 3, 1), c=(2, 3, 1.9)), findings.CONFIRMED),
        (by_network(a=(2, 3, 1), b=(2, 3, 1), c=(1, 3, 2)), findings.OPEN),
        (by_network(a=(1, 3, 2), b=(1, 3, 2), c=(2, 3, 1)), findings.REFUTED),
        (by_network(a=(1.1, 1, 1), b=(1.1, 1, 1), c=(1.1, 1, 1)), findings.OPEN),
        (by_network(a=(2, math.nan, 1), b=(2, math.nan, 1), c=(2, math.nan, 1)), findings.OPEN),
    ],
)
def test_steadiness_is_decided_by_most_networks_and_a_margin(values, verdict):
    assert findings.steadiness(values)[0].verdict == verdict


def test_the_other_claims_follow_their_numbers():
    assert findings.steadiness(by_network(a=(1, 2, 1), b=(1, 2, 1)))[1].verdict == findings.CONFIRMED
    assert findings.loses_detail(by_network(a=(0.2, 0.5, 0.5), b=(0.3, 0.5, 0.6))).verdict == findings.CONFIRMED
    assert findings.loses_detail(by_network(a=(0.02, 0.05, 0.05), b=(0.03, 0.05, 0.06))).verdict == findings.OPEN
    assert findings.loses_detail(by_network(a=(0.6, 0.5, 0.4), b=(0.7, 0.5, 0.4))).verdict == findings.REFUTED
    pure, none = {"blank": 0.9, "mirror": 0.8}, {"blank": 0.1, "mirror": 0.2}
    assert findings.position_prior(pure, none).verdict == findings.CONFIRMED
    assert findings.position_prior(none, none).verdict == findings.REFUTED
    assert findings.position_prior(pure | {"mirror": 0.2}, none).verdict == findings.OPEN
    assert findings.position_prior(pure | {"mirror": math.nan}, none).verdict == findings.OPEN
    assert findings.needs_coarse(0.1, 0.9).verdict == findings.CONFIRMED
    assert findings.needs_coarse(0.1, 0.11).verdict == findings.OPEN
    assert findings.needs_coarse(0.8, 0.9).verdict == findings.REFUTED
    assert findings.overfits(Overfitting(20, 8, 0.2, 0.5)).verdict == findings.CONFIRMED
    assert findings.overfits(Overfitting(20, 8, 0.01, 0.5)).verdict == findings.OPEN
    assert findings.overfits(Overfitting(20, 19, 0.0, 0.5)).verdict == findings.REFUTED
    assert findings.overfits(Overfitting(8, 8, 0.0, 0.5)).verdict == findings.OPEN
