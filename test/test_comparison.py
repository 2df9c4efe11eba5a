"""Predictions against truth: what counts, what is clamped, groups that add up, and shares that merge."""

import numpy as np
import pytest

from depth_models import DepthModelsError
from depth_models.comparison import BestConstant, Comparison, comparable
from depth_models.enlarging import upsample_depth
from depth_models.metrics import Metrics
from depth_models.protocols import PROTOCOLS
from depth_models.structure_metrics import boundary_f1, edge_counts, plane_rms, plane_sums
from depth_models.types import Camera, Depth, Sample

SHAPE = (48, 64)
CAMERA = Camera(50.0, 51.0, 31.5, 23.5, 64, 48)
WHOLE = PROTOCOLS["whole"]


def frame(seed, shape=SHAPE):
    """A sample with holes and depth beyond the range, and a prediction with holes and values beyond the range."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0.3, 10.5, shape).astype(np.float32)
    truth[: shape[0] // 2] = 2.0
    metres = (truth * rng.uniform(0.5, 1.6, shape)).astype(np.float32)
    metres[rng.random(shape) < 0.1] = np.nan
    camera = Camera(50.0, 51.0, (shape[1] - 1) / 2, (shape[0] - 1) / 2, shape[1], shape[0])
    sample = Sample(np.zeros((*shape, 3), np.uint8), truth, rng.random(shape) > 0.05, camera)
    return sample, Depth(metres, np.isfinite(metres))


def compared(*frames, protocol=WHOLE, types=("kitchen", "office", "kitchen")):
    comparison = Comparison(protocol)
    for number, (one, scene_type) in enumerate(zip(frames, types, strict=False)):
        comparison.add(number, *one, scene_type)
    return comparison


def whole_metrics(sample, depth, inside=np.s_[:, :]):
    """The expected arguments of `Metrics.add`."""
    valid = np.zeros_like(sample.valid)
    valid[inside] = (sample.valid & (sample.depth > 0.001) & (sample.depth < 10))[inside]
    return depth.metres.clip(0.001, 10), sample.depth, valid & depth.valid


def test_only_valid_truth_strictly_within_the_range_counts():
    truth = np.full(SHAPE, 3.0, np.float32)
    truth[0, :6] = [0.0, 10.0, 0.001, 12.0, np.nan, 0.0011]
    valid = np.ones(SHAPE, bool)
    valid[1, :7] = False
    sample = Sample(np.zeros((*SHAPE, 3), np.uint8), truth, valid, CAMERA)
    report = compared((sample, Depth(truth, truth > 0))).report()
    assert report.pixels == 48 * 64 - 5 - 7
    assert (report.pooled["abs_rel"], report.pooled["delta1"], report.per_image["rmse"]) == (0, 1, 0)


def test_predictions_beyond_the_range_are_clamped_and_counted_and_missing_ones_too():
    sample, depth = frame(0)
    report = compared((sample, depth)).report()
    valid = sample.valid & (sample.depth > 0.001) & (sample.depth < 10)
    x, y = depth.metres[valid].astype(np.float64), sample.depth[valid].astype(np.float64)
    there = np.isfinite(x)
    assert report.pixels == valid.sum()
    assert report.missing == pytest.approx((~there).sum() / valid.sum())
    assert report.clamped == pytest.approx((x[there] > 10).sum() / valid.sum())
    assert report.clamped > 0.02
    expected = np.mean(np.abs(np.minimum(x[there], 10) - y[there]) / y[there])
    assert report.pooled["abs_rel"] == pytest.approx(expected, rel=1e-6)
    near = Depth(np.full(SHAPE, 0.0001, np.float32), np.ones(SHAPE, bool))
    report = compared((sample, near)).report()
    assert report.clamped == 1
    assert report.pooled["mae"] == pytest.approx(np.mean(y - 0.001), rel=1e-6)


@pytest.mark.parametrize(
    ("name", "inside"),
    [("eigen", np.s_[45:471, 41:601]), ("toolbox", np.s_[44:471, 40:601]), ("eigen-output", np.s_[20:459, 24:615])],
)
def test_a_protocol_compares_its_crop_alone(name, inside):
    sample, depth = frame(0, (480, 640))
    report = compared((sample, depth), protocol=PROTOCOLS[name]).report()
    expected = Metrics()
    expected.add(*whole_metrics(sample, depth, inside))
    assert report.protocol == name
    assert report.pixels == np.sum((sample.valid & (sample.depth < 10))[inside])
    assert report.pooled == pytest.approx(expected.pooled(), rel=1e-9)
    with pytest.raises(DepthModelsError, match="480x640"):
        compared(frame(0), protocol=PROTOCOLS[name])


def test_a_prediction_of_another_size_is_resized_to_the_truths():
    sample, _ = frame(0)
    small = np.random.default_rng(0).uniform(1, 1.04, (24, 32)).astype(np.float32)
    metres, valid, both = comparable(sample, Depth(small, np.ones((24, 32), bool)), WHOLE)
    expected = upsample_depth(small, 48, 64)
    np.testing.assert_array_equal(metres, expected)
    assert metres[1, 1] == pytest.approx(np.average(small[:2, :2], weights=[[9, 3], [3, 1]]), rel=1e-6)
    np.testing.assert_array_equal(valid, both)


def test_all_metrics_of_both_averages_are_those_of_the_frames():
    frames = [frame(seed) for seed in range(3)]
    report, expected = compared(*frames).report(), Metrics()
    for one in frames:
        expected.add(*whole_metrics(*one))
    assert report.frames == 3
    assert report.per_image == pytest.approx(expected.per_image(), rel=1e-9)
    assert report.pooled == pytest.approx(expected.pooled(), rel=1e-9)
    each = [Metrics(), Metrics(), Metrics()]
    for metrics, one in zip(each, frames, strict=True):
        metrics.add(*whole_metrics(*one))
    assert report.abs_rel_of_frame == pytest.approx({i: each[i].pooled()["abs_rel"] for i in range(3)}, rel=1e-9)


def test_ranges_of_depth_hold_their_pixels_and_add_up_to_the_whole():
    frames = [frame(seed) for seed in range(3)]
    report = compared(*frames).report()
    assert list(report.by_range) == ["0-1 m", "1-2 m", "2-3 m", "3-5 m", "5-10 m"]
    for name, group in report.by_range.items():
        low, high = map(float, name.removesuffix(" m").split("-"))
        expected = Metrics()
        for sample, depth in frames:
            metres, truth, both = whole_metrics(sample, depth)
            expected.add(metres, truth, both & (truth >= low) & (truth < high))
        assert (group.frames, group.pixels) == (len(expected), expected.pixels)
        # All but the scaled metric, whose scale is that of the whole image's medians.
        for mine, other in ((group.pooled, expected.pooled()), (group.per_image, expected.per_image())):
            assert {**mine, "abs_rel_scaled": 0} == pytest.approx({**other, "abs_rel_scaled": 0}, rel=1e-9)
    assert report.by_range["2-3 m"].pixels > 3 * 1200  # where the truth is 2 m: the lower end belongs to a range
    _add_up(report, report.by_range)


def _add_up(report, groups):
    compared_pixels = sum(group.pixels for group in groups.values())
    assert compared_pixels == round(report.pixels * (1 - report.missing))
    for name in ("abs_rel", "abs_rel_scaled", "sq_rel", "mae", "mse", "smooth_l1", "log10", "delta1", "delta3"):
        total = sum(group.pixels * group.pooled[name] for group in groups.values())
        assert total / compared_pixels == pytest.approx(report.pooled[name], rel=1e-9), name


def test_types_of_scene_hold_their_frames_and_add_up_to_the_whole():
    frames = [frame(seed) for seed in range(3)]
    report = compared(*frames).report()
    kitchens, office = compared(frames[0], frames[2]).report(), compared(frames[1]).report()
    assert list(report.by_scene_type) == ["kitchen", "office"]
    for name, expected in (("kitchen", kitchens), ("office", office)):
        group = report.by_scene_type[name]
        assert group.frames == expected.frames
        assert group.pooled == expected.pooled
        assert group.per_image == expected.per_image
    _add_up(report, report.by_scene_type)
    assert compared(*frames, types=("", "", "")).report().by_scene_type == {}


def test_edges_and_planes_are_counted_where_they_are():
    frames = [frame(seed) for seed in range(2)]
    flat = np.full(SHAPE, 2.0, np.float32)
    flat_frame = Sample(np.zeros((*SHAPE, 3), np.uint8), flat, np.ones(SHAPE, bool), CAMERA), Depth(flat, flat > 0)
    structure = compared(*frames, flat_frame).report().structure
    edges = [edge_counts(*whole_metrics(*one)) for one in frames]
    values = [boundary_f1(counts) for counts in edges]
    assert structure["boundary_f1"] == pytest.approx(
        {"frames": 2, "per_image": np.mean(values), "pooled": boundary_f1(sum(edges))}
    )
    planes = [plane_sums(*whole_metrics(*one), CAMERA) for one in (*frames, flat_frame)]
    values = [plane_rms(sums) for sums in planes if sums.any()]
    assert structure["plane_rms"] == pytest.approx(
        {"frames": len(values), "per_image": np.mean(values), "pooled": plane_rms(sum(planes))}
    )
    assert structure["plane_rms"]["pooled"] > 0.001
    assert list(compared(flat_frame).report().structure) == ["plane_rms"]  # nothing has an edge there


def test_shares_that_are_merged_make_the_same_report_as_the_whole():
    frames = [frame(seed) for seed in range(5)]
    types = ("a", "b", "a", "b", "b")
    whole, even, odd = Comparison(WHOLE), Comparison(WHOLE), Comparison(WHOLE)
    for number, (one, scene_type) in enumerate(zip(frames, types, strict=True)):
        whole.add(number, *one, scene_type)
        (odd if number % 2 else even).add(number, *one, scene_type)
    odd.merge(even)
    assert odd.report() == whole.report()


def test_a_frame_without_a_compared_pixel_is_not_counted():
    sample, depth = frame(0)
    nothing = Depth(np.full(SHAPE, np.nan, np.float32), np.zeros(SHAPE, bool))
    report = compared((sample, depth), (sample, nothing)).report()
    assert report.frames == 1
    assert list(report.abs_rel_of_frame) == [0]
    assert list(report.by_scene_type) == ["kitchen"]
    assert report.missing > 0.5


def test_the_best_constant_is_what_a_search_finds():
    truth = np.random.default_rng(0).gamma(4.0, 0.6, 1000).clip(0.01, 9.9).round(3)
    best = BestConstant()
    best.add(truth[:300])
    other = BestConstant()
    other.add(truth[300:])
    best.merge(other)
    grid = np.arange(1, 10_000) / 1000
    errors = np.array([np.mean(np.abs(c - truth) / truth) for c in grid])
    result = best.result()
    assert result["abs_rel"] == pytest.approx(errors.min(), rel=1e-9)
    assert result["metres"] == pytest.approx(grid[errors.argmin()], abs=0.0011)
    ratio = np.maximum(result["metres"] / truth, truth / result["metres"])
    assert result["delta1"] == pytest.approx(np.mean(ratio < 1.25))
