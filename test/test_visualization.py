"""Colour maps against known colours, and the geometry of sheets."""

import numpy as np
import pytest

from depth_models import DepthModelsError
from depth_models.visualization import (
    INDOOR_RANGE_M,
    ColourBar,
    Panel,
    colour_depth,
    colour_error,
    comparison_panels,
    depth_panel,
    depth_range,
    error_panel,
    sheet,
)

# From matplotlib 3.9's tables of viridis.
VIRIDIS = {0.0: (68, 1, 84), 0.25: (59, 82, 139), 0.5: (33, 145, 140), 0.75: (94, 201, 98), 1.0: (253, 231, 37)}
GREY, WHITE = (128, 128, 128), (255, 255, 255)


def test_depth_is_viridis_from_near_to_far():
    metres = np.array([[2.0 + 4.0 * at for at in VIRIDIS]], np.float32)
    difference = colour_depth(metres, 2.0, 6.0).astype(int) - np.array([list(VIRIDIS.values())])
    assert np.abs(difference).max() <= 3  # the tables differ by a step of 256 between their ends
    assert not difference[0, [0, -1]].any()


def test_depth_beyond_the_ends_has_their_colours_and_invalid_depth_is_grey():
    metres = np.array([[0.1, 99.0, np.nan, np.inf, -np.inf, 0.0, -1.0]], np.float32)
    colours = colour_depth(metres, 1.0, 5.0)
    assert (colours.shape, colours.dtype) == ((1, 7, 3), np.uint8)
    assert [tuple(c) for c in colours[0].tolist()] == [VIRIDIS[0.0], VIRIDIS[1.0], *[GREY] * 5]


def test_error_is_blue_where_too_near_white_where_right_and_red_where_too_far():
    colours = colour_error(np.array([[-9.0, -0.3, 0.0, 0.3, 9.0, np.nan, np.inf]]), 0.3)[0].astype(int)
    near, right, far = colours[[1, 2, 3]]
    assert near[2] > near[0] + 100
    assert far[0] > far[2] + 100
    assert right.min() >= 253
    np.testing.assert_array_equal(colours[[0, 4]], colours[[1, 3]])
    np.testing.assert_array_equal(colours[5:], [GREY, GREY])


@pytest.mark.parametrize("limits", [(3.0, 3.0), (5.0, 1.0), (np.nan, 1.0)])
def test_a_range_without_extent_is_refused(limits):
    with pytest.raises(DepthModelsError, match="near must be below far"):
        colour_depth(np.ones((2, 2)), *limits)


@pytest.mark.parametrize("limit", [0.0, -1.0, np.nan])
def test_an_error_limit_that_is_not_positive_is_refused(limit):
    with pytest.raises(DepthModelsError, match="must be positive"):
        colour_error(np.ones((2, 2)), limit)


def test_the_range_leaves_out_the_extreme_two_per_cent_of_all_maps_together():
    first, second = np.linspace(0.0, 50.0, 51)[None, 1:], np.linspace(51.0, 100.0, 50)[None]
    assert depth_range(first, second) == pytest.approx((2.98, 98.02))  # percentiles of 1, 2, ..., 100
    first[0, :2] = np.nan, -np.inf
    assert depth_range(first, second) == pytest.approx((4.94, 98.06))  # of 3, 4, ..., 100


def test_a_range_is_never_empty():
    assert depth_range(np.full((3, 3), 2.0)) == pytest.approx((1.9, 2.1))
    assert depth_range(np.array([[1.99, 2.01]])) == pytest.approx((1.9, 2.1))
    for nothing in ([], [np.full((2, 2), np.nan)], [np.zeros((2, 2))], [np.empty((0, 2))]):
        assert depth_range(*nothing) == INDOOR_RANGE_M


@pytest.mark.parametrize(
    ("low", "high", "unit", "labels"),
    [
        (0.74, 4.6, "m", ["1.0 m", "1.5 m", "2.0 m", "2.5 m", "3.0 m", "3.5 m", "4.0 m", "4.5 m"]),
        (0.0, 10.0, "m", ["0 m", "2 m", "4 m", "6 m", "8 m", "10 m"]),
        (-30.0, 30.0, "%", ["-30 %", "-20 %", "-10 %", "0 %", "10 %", "20 %", "30 %"]),
        (1.9, 2.1, "m", ["1.90 m", "1.95 m", "2.00 m", "2.05 m", "2.10 m"]),
        (3.0, 800.0, "m", ["100 m", "200 m", "300 m", "400 m", "500 m", "600 m", "700 m", "800 m"]),
    ],
)
def test_ticks_are_round_values_within_the_bar(low, high, unit, labels):
    ticks = ColourBar(low, high, unit, np.zeros((256, 3), np.uint8)).ticks()
    assert [label for _, label in ticks] == labels
    assert [value for value, _ in ticks] == pytest.approx([float(label.split()[0]) for label in labels])


def test_a_comparison_shows_both_depths_in_the_same_colours_and_the_error_where_both_are():
    truth = np.array([[1.0, 2.0, 4.0, np.nan, 0.0]], np.float32)
    predicted = np.array([[1.1, 1.56, np.nan, 3.0, 3.0]], np.float32)
    rgb = np.zeros((1, 5, 3), np.uint8)
    image, true, guess, error = comparison_panels(rgb, truth, predicted)
    assert image.image is rgb
    near, far = depth_range(truth, predicted)
    np.testing.assert_array_equal(true.image, colour_depth(truth, near, far))
    np.testing.assert_array_equal(guess.image, colour_depth(predicted, near, far))
    np.testing.assert_array_equal(error.image, colour_error(np.array([[0.1, -0.22, np.nan, np.nan, np.nan]]), 0.5))
    assert (error.bar.low, error.bar.high) == (-50, 50)
    assert error.title == "Relative error (mean 16 %): blue too near, red too far"
    assert comparison_panels(rgb, truth, predicted * np.nan)[3].title.startswith("Relative error: blue")


def positions(picture, colour):
    """Top, bottom, left, right of the pixels of a colour."""
    rows, columns = np.nonzero((picture == colour).all(axis=2))
    return rows.min(), rows.max(), columns.min(), columns.max()


def test_pictures_stand_whole_in_their_places_and_bars_below_theirs():
    photo = np.full((240, 320, 3), (10, 200, 30), np.uint8)
    metres = np.full((240, 320), np.nan, np.float32)
    picture = sheet([Panel("Image", photo), depth_panel("Depth", metres, 1.0, 3.0)])
    top, bottom, left, right = positions(picture, (10, 200, 30))
    assert (bottom - top, right - left) == (239, 319)
    np.testing.assert_array_equal(picture[top : bottom + 1, left : right + 1], photo)
    next_top, next_bottom, next_left, next_right = positions(picture, GREY)
    assert (next_top, next_bottom) == (top, bottom)
    assert next_left > right
    # The bar is as wide as its picture, near on the left, far on the right; labels stand below it.
    bar_row = picture[bottom + 10, next_left : next_right + 1]
    np.testing.assert_array_equal(bar_row[[0, -1]], [VIRIDIS[0.0], VIRIDIS[1.0]])
    below = picture[bottom + 20 :, next_left : next_right + 1]
    assert (below < 128).all(axis=2).any()
    assert (picture[bottom + 1 :, left : right + 1] == WHITE).all()
    # The title stands above the picture.
    assert (picture[:top, left : right + 1] < 128).all(axis=2).any()


def test_ticks_stand_where_their_values_are():
    picture = sheet([depth_panel("Depth", np.full((240, 320), np.nan, np.float32), 0.0, 4.0)])
    _, bottom, left, right = positions(picture, GREY)
    between = picture[bottom + 1 :, left + 20]  # a column without a tick
    bar_end = bottom + 1 + np.flatnonzero((between != WHITE).any(axis=1))[0]
    while (picture[bar_end, left + 20] != WHITE).any():
        bar_end += 1
    ticks = np.flatnonzero((picture[bar_end, left : right + 1] != WHITE).any(axis=1))
    np.testing.assert_allclose(ticks / 319 * 4, np.arange(9) / 2, atol=0.01)


def test_columns_break_rows_and_one_row_is_the_default():
    panel = Panel("Image", np.zeros((30, 40, 3), np.uint8))
    row, grid, single = sheet([panel] * 3), sheet([panel] * 3, columns=2), sheet([panel], columns=2)
    assert row.shape[1] > grid.shape[1] > single.shape[1]
    assert grid.shape[0] > row.shape[0] == single.shape[0]


@pytest.mark.parametrize("size", [(1, 1), (3, 600), (600, 3)])
def test_panels_of_any_size_can_be_drawn(size):
    metres = np.full(size, 2.0, np.float32)
    picture = sheet([depth_panel("Depth", metres, 1.0, 3.0), error_panel("Error in a long title", metres * 0, 0.3)])
    assert (picture == colour_depth(metres, 1.0, 3.0)[0, 0]).all(axis=2).sum() >= metres.size


def test_a_sheet_needs_panels_of_one_size():
    with pytest.raises(DepthModelsError, match="none"):
        sheet([])
    with pytest.raises(DepthModelsError, match=r"\(2, 2, 3\), \(2, 3, 3\)"):
        sheet([Panel("a", np.zeros((2, 2, 3), np.uint8)), Panel("b", np.zeros((2, 3, 3), np.uint8))])
