"""The edge filter on planted surfaces."""

import numpy as np

from depth_estimation_ros.edge_filter import without_flying_pixels

SHAPE = (480, 640)  # where the window reaches 4 pixels, and a border of twice that is left alone


def blurred_step(near, far, ramp):
    """Two walls, and a ramp of so many pixels between them from column 320 on."""
    depth = np.full(SHAPE, near, np.float32)
    depth[:, 320:] = far
    depth[:, 320 : 320 + ramp] = np.exp(np.linspace(np.log(near), np.log(far), ramp + 2))[1:-1]
    return depth


def test_the_pixels_between_two_walls_go_and_the_walls_stay():
    depth = blurred_step(2.0, 4.0, 4)
    before = depth.copy()
    out = without_flying_pixels(depth, 0.1)
    np.testing.assert_array_equal(depth, before)
    # The ramp's pixels are one to four fifths of the jump away from a wall.
    assert np.isnan(out[8:-8, 320:324]).all()
    kept = np.ones(SHAPE, bool)
    kept[:, 320:324] = False
    np.testing.assert_array_equal(out[kept], depth[kept])


def test_a_sharp_jump_loses_nothing():
    depth = blurred_step(2.0, 4.0, 0)
    np.testing.assert_array_equal(without_flying_pixels(depth, 0.1), depth)


def test_a_jump_smaller_than_asked_for_stays():
    depth = blurred_step(2.0, 2.15, 4)
    np.testing.assert_array_equal(without_flying_pixels(depth, 0.1), depth)
    assert np.isnan(without_flying_pixels(depth, 0.05)).any()


def test_a_floor_seen_at_a_grazing_angle_stays():
    rows = np.arange(SHAPE[0])[:, None]
    floor = np.broadcast_to(np.float32(500 * 0.3) / (rows + 10), SHAPE).astype(np.float32)  # 0.3 m below a camera
    assert floor[8, 0] / floor[12, 0] > 1.1  # steeper than the jump, over less than a window
    np.testing.assert_array_equal(without_flying_pixels(floor, 0.1), floor)


def test_a_thin_pole_stays():
    depth = np.full(SHAPE, 4.0, np.float32)
    depth[:, 300:302] = 2.0
    np.testing.assert_array_equal(without_flying_pixels(depth, 0.1), depth)


def test_invalid_pixels_stay_invalid_and_do_not_hide_flying_ones():
    depth = blurred_step(2.0, 4.0, 4)
    depth[::5, ::7] = np.nan
    out = without_flying_pixels(depth, 0.1)
    assert np.isnan(out[8:-8, 321:323]).all()
    far_from_it = np.s_[:, :310]
    np.testing.assert_array_equal(out[far_from_it], depth[far_from_it])
    nothing = np.full((20, 30), np.nan, np.float32)
    assert np.isnan(without_flying_pixels(nothing, 0.1)).all()


def test_small_images_work():
    depth = np.float32([[2.0]])
    np.testing.assert_array_equal(without_flying_pixels(depth, 0.1), depth)
