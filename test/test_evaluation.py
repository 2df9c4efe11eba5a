"""Evaluation with oracles: of samples, of a data set in shares, with flips, and the pictures of its extremes."""

import numpy as np
import pytest
from PIL import Image

from depth_models import DepthModelsError, evaluation
from depth_models.comparison import Comparison
from depth_models.evaluation import FlipAveraged, draw_extremes, evaluate, evaluate_source
from depth_models.protocols import PROTOCOLS
from depth_models.types import Camera, Depth, Sample
from depth_models.visualization import colour_depth, depth_range

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


class Room:
    """A data set of six frames, and of two types of scene."""

    scene_types = ("kitchen", "office") * 3

    def __getitem__(self, index):
        return exact(index)


class Blurred:
    """Right where the image's left half is, twice as far in the right half; worse the brighter the image is."""

    def __call__(self, rgb, fx=None, fy=None):
        metres = rgb[..., 0].astype(np.float32) / 20
        metres[:, 4:] *= 2
        return Depth(metres, metres > 0)


def test_a_protocol_is_looked_up_by_name_and_is_in_the_report():
    assert evaluate(Oracle(), [exact(0)]).protocol == "whole"
    with pytest.raises(DepthModelsError, match="unknown protocol 'garg'"):
        evaluate(Oracle(), [exact(0)], "garg")
    with pytest.raises(DepthModelsError, match="480x640 pixels, and this one has 6x8"):
        evaluate(Oracle(), [exact(0)], "eigen")


def test_a_data_sets_frames_have_their_numbers_and_types():
    report = evaluate_source(Oracle(1.1), Room(), (4, 1, 2))
    expected = evaluate(Oracle(1.1), [exact(1), exact(2), exact(4)])
    assert list(report.abs_rel_of_frame) == [1, 2, 4]
    assert (report.per_image, report.pooled, report.constant) == (
        expected.per_image, expected.pooled, expected.constant,
    )  # fmt: skip
    assert {name: group.frames for name, group in report.by_scene_type.items()} == {"kitchen": 2, "office": 1}
    assert expected.by_scene_type == {}


def test_progress_sees_every_frame():
    seen = []

    def progress(numbers):
        for number in numbers:
            seen.append(number)
            yield number

    evaluate_source(Oracle(), Room(), (3, 5), progress=progress)
    assert seen == [3, 5]


def test_processes_share_the_frames_and_each_reports_all(monkeypatch):
    other = Comparison(PROTOCOLS["whole"])  # what the second of two processes has
    for index in (1, 3, 5):
        other.add(index, exact(index), Oracle(1.1)(exact(index).rgb, 50, 51), Room.scene_types[index])
    monkeypatch.setattr(evaluation, "shard", lambda items: items[0::2])
    monkeypatch.setattr(evaluation, "gather", lambda mine: [*mine, other])
    shared = evaluate_source(Oracle(1.1), Room(), range(6))
    monkeypatch.undo()
    assert shared == evaluate_source(Oracle(1.1), Room(), range(6))


def test_flips_average_the_depth_with_the_mirrored_images_mirrored_back():
    rgb = np.zeros((1, 8, 3), np.uint8)
    rgb[0, :, 0] = [20, 40, 60, 80, 100, 120, 140, 160]  # 1 to 8 m
    depth = FlipAveraged(Blurred())(rgb)
    # Straight: 1 2 3 4 10 12 14 16. Mirrored and back: 2 4 6 8 5 6 7 8.
    assert depth.metres.tolist() == [[1.5, 3.0, 4.5, 6.0, 7.5, 9.0, 10.5, 12.0]]
    assert depth.metres.dtype == np.float32
    assert depth.valid.all()


def test_a_pixel_without_either_depth_has_none_after_flips():
    rgb = np.full((1, 8, 3), 40, np.uint8)
    rgb[0, 2, 0] = 0
    blind = lambda rgb, fx, fy: Depth(Blurred()(rgb).metres, np.arange(8)[None] != 7)  # noqa: E731
    assert FlipAveraged(Blurred())(rgb).valid.tolist() == [[True, True, False, True, True, True, True, True]]
    depth = FlipAveraged(blind)(rgb)
    assert depth.valid.tolist() == [[False] + [True] * 6 + [False]]
    np.testing.assert_array_equal(np.isnan(depth.metres), ~depth.valid)


def test_flips_reach_the_report_and_the_camera_reaches_both_looks():
    oracle = Oracle()
    assert evaluate(FlipAveraged(oracle), [exact(0)]).pooled["abs_rel"] == 0
    assert oracle.focal == (50.0, 51.0)
    plain = evaluate(Blurred(), [exact(0)])
    flipped = evaluate(FlipAveraged(Blurred()), [exact(0)])
    valid, truth = exact(0).valid, exact(0).depth.astype(np.float64)
    assert flipped.pooled["abs_rel"] == pytest.approx(
        np.mean((np.minimum(1.5 * truth, 10) / truth - 1)[valid]), rel=1e-5
    )
    assert plain.pooled["abs_rel"] != pytest.approx(flipped.pooled["abs_rel"], rel=0.01)


class Worse:
    """The farther off, the higher the frame's number, which blue holds."""

    def __call__(self, rgb, fx=None, fy=None):
        metres = rgb[..., 0].astype(np.float32) / 20 * (1 + 0.1 * rgb[0, 0, 2])
        return Depth(metres, metres > 0)


class Numbered(Room):
    ORDER = (2, 0, 5, 1, 4, 3)  # how far off frame 0, 1, ... is

    def __getitem__(self, index):
        one = exact(index)
        one.rgb[..., 2] = self.ORDER[index]
        return one


def test_the_worst_and_the_best_frames_are_drawn_in_order(tmp_path):
    report = evaluate_source(Worse(), Numbered(), range(6))
    draw_extremes(Worse(), Numbered(), report, tmp_path / "pictures", count=2)
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == [
        "best_1_frame_1.png", "best_2_frame_3.png", "worst_1_frame_2.png", "worst_2_frame_4.png",
    ]  # fmt: skip
    picture = np.asarray(Image.open(tmp_path / "pictures" / "worst_1_frame_2.png"))
    one = Numbered()[2]
    truth, metres = np.where(one.valid, one.depth, np.nan), Worse()(one.rgb).metres
    near, far = depth_range(truth, metres)
    for panel in (one.rgb, colour_depth(truth, near, far), colour_depth(metres, near, far)):
        windows = np.lib.stride_tricks.sliding_window_view(picture, panel.shape)
        assert (windows == panel).all(axis=(-3, -2, -1)).sum() == 1


def test_of_few_frames_all_are_drawn(tmp_path):
    report = evaluate_source(Worse(), Numbered(), (3,))
    draw_extremes(Worse(), Numbered(), report, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"best_1_frame_3.png", "worst_1_frame_3.png"}


def test_nothing_to_measure_is_nan_and_not_an_error():
    report = evaluate(Oracle(), [])
    assert report.frames == 0
    assert np.isnan(report.pooled["abs_rel"])
    assert np.isnan(report.constant["metres"])
