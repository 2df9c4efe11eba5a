"""The demo's books: pairing, latency, accuracy, and what is implausible."""

import weakref

import numpy as np
import pytest

from depth_estimation_ros.demo.tally import LATTICE_PX, PICTURES_AT, Tally, implausible

MS = 1_000_000
RGB = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)


def test_latency_is_from_stamp_to_arrival_and_a_skipped_image_is_older_than_the_newest_depth():
    tally = Tally(duration_s=15.0, has_truth=False)
    for number in range(6):
        tally.image(1000 * MS + 100 * MS * number, RGB)
    for number, latency_ms in ((0, 50), (2, 30), (3, 40)):
        stamp = 1000 * MS + 100 * MS * number
        tally.depth(stamp, stamp + latency_ms * MS, np.array([[1.0, np.nan]], np.float32))
    score = tally.score()
    assert (score["images"], score["depths"], score["skipped"]) == (6, 3, 1)  # 4 and 5 may still be answered
    assert score["latency_ms"] == pytest.approx([40.0, 49.0])
    assert score["valid"] == 0.5
    assert score["abs_rel"] is None


def test_accuracy_pairs_depth_with_the_truth_of_its_stamp_whatever_the_order():
    tally = Tally(duration_s=15.0, has_truth=True)
    ones = np.ones((2 * LATTICE_PX, LATTICE_PX), np.float32)  # two pixels of the lattice
    half = ones.copy()
    half[0, 0] = np.nan
    tally.truth(1, ones * 2)
    tally.depth(1, 1, ones * 3)  # 0.5 too far, twice
    tally.depth(2, 2, half * 4)  # 0.2 too near, once
    assert tally.score()["abs_rel"] is None
    tally.image(1, RGB)
    assert tally.score()["abs_rel"] == pytest.approx(0.5)
    tally.truth(2, ones * 5)
    tally.image(2, RGB)
    tally.truth(3, ones)
    tally.image(3, RGB)
    assert tally.score()["abs_rel"] == pytest.approx((0.5 + 0.5 + 0.2) / 3)
    assert tally.score()["delta1"] == pytest.approx(0.0)  # 1.25 is not below 1.25


def test_shots_are_whole_and_spread_over_the_run():
    tally = Tally(duration_s=10.0, has_truth=False)
    for tenth in range(100):
        if tenth != 0:  # never answered: not a shot
            tally.depth(tenth * 100 * MS, 0, np.full((1, 1), tenth, np.float32))
        tally.image(tenth * 100 * MS, np.full((1, 1, 3), tenth, np.uint8))
    times = [1 + round(100 * at) for at in PICTURES_AT]
    assert [shot.depth.item() for shot in tally.shots] == times
    assert [shot.rgb[0, 0, 0] for shot in tally.shots] == times


def test_a_network_that_takes_seven_seconds_a_frame_is_scored():
    tally = Tally(duration_s=15.0, has_truth=True)
    answered = {70: 0, 140: 70}  # tenths of a second: when a depth arrives, and of which image
    for tenth in range(150):
        tally.image(tenth * 100 * MS, RGB)
        tally.truth(tenth * 100 * MS, np.full((4, 4), 2.0 + tenth, np.float32))
        if tenth in answered:
            stamp = answered[tenth]
            tally.depth(stamp * 100 * MS, tenth * 100 * MS, np.full((4, 4), 1.5 * (2 + stamp), np.float32))
    score = tally.score()
    assert (score["depths"], score["skipped"]) == (2, 69)
    assert score["latency_ms"] == pytest.approx([7000.0, 7000.0])
    assert score["abs_rel"] == pytest.approx(0.5)
    assert len(tally.shots) == 2


def remembered(references):
    return [number for number, reference in enumerate(references) if reference() is not None]


def test_an_image_without_depth_is_kept_until_a_newer_one_has_it_and_not_without_end():
    tally = Tally(duration_s=1.0, has_truth=False)
    images = []
    for number in range(10):
        rgb = RGB.copy()
        images.append(weakref.ref(rgb))
        tally.image(number, rgb)
        del rgb
    assert remembered(images) == list(range(10))
    tally.depth(7, 20, np.ones((24, 32), np.float32))
    assert remembered(images) == [7, 8, 9]  # 7 as a picture to draw
    for number in range(10, 1000):
        tally.image(number, RGB)
    assert remembered(images) == [7]


@pytest.mark.parametrize(
    ("score", "has_truth", "reason"),
    [
        ({}, True, "no depth arrived"),
        ({"depths": 0, "valid": None, "abs_rel": None}, False, "no depth arrived"),
        ({"depths": 3, "valid": 0.0, "abs_rel": None}, False, "NaN"),
        ({"depths": 3, "valid": 1.0, "abs_rel": None}, True, "compared"),
        ({"depths": 3, "valid": 1.0, "abs_rel": 0.31}, True, "AbsRel is 0.31"),
        ({"depths": 3, "valid": 1.0, "abs_rel": 0.29}, True, ""),
        ({"depths": 3, "valid": 0.1, "abs_rel": None}, False, ""),
    ],
)
def test_what_cannot_be_right_is_said(score, has_truth, reason):
    said = implausible(score, has_truth)
    assert (reason in said) if reason else said == ""
