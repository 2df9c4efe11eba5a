"""The point cloud and the preview against formulas and the colour map of the library."""

import numpy as np

from depth_estimation_ros.points import organised_points
from depth_estimation_ros.preview import preview
from depth_models.visualization import INVALID_GREY, colour_depth

RNG = np.random.default_rng(0)
METRES = RNG.uniform(0.5, 12, (6, 8)).astype(np.float32)
METRES[2, 3] = np.nan
RGB = RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8)


def test_points_project_to_their_pixel_at_their_depth():
    k = [50.0, 0, 3.2, 0, 60.0, 2.1, 0, 0, 1]
    cloud = organised_points(METRES, RGB, k)
    assert (cloud.shape, cloud.dtype, cloud.flags.c_contiguous) == ((6, 8, 4), np.dtype("<f4"), True)
    np.testing.assert_array_equal(cloud[..., 2], METRES)
    v, u = np.mgrid[:6, :8]
    valid = np.isfinite(METRES)
    projected = cloud[..., :3].astype(np.float64) @ np.reshape(k, (3, 3)).T
    np.testing.assert_allclose((projected[..., 0] / projected[..., 2])[valid], u[valid], atol=1e-5)
    np.testing.assert_allclose((projected[..., 1] / projected[..., 2])[valid], v[valid], atol=1e-5)
    assert np.isnan(cloud[2, 3, :3]).all()
    colour = cloud[..., 3].copy().view("<u4")
    red, green, blue = (RGB[..., i].astype(np.uint32) for i in range(3))
    np.testing.assert_array_equal(colour, (red << 16) | (green << 8) | blue)


def test_the_preview_has_the_librarys_colours():
    out = preview(METRES, 10.0)
    assert (out.shape, out.dtype) == ((6, 8, 3), np.uint8)
    # A level may round the other way: two neighbouring colours differ by at most 4.
    assert np.abs(out.astype(int) - colour_depth(METRES, 1e-9, 10.0)).max() <= 4
    np.testing.assert_array_equal(out[2, 3], [INVALID_GREY] * 3)
    np.testing.assert_array_equal(
        preview(np.float32([[10, 11, 1000]]), 10.0), preview(np.float32([[10, 10, 10]]), 10.0)
    )
