"""A calibration that is stored with the weights: what it makes of a network's depth, and depth that needs one."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from depth_models import DepthModelsError, Preprocess
from depth_models.types import Calibration

PRE = Preprocess(24, 32, (0.5,) * 3, (0.25,) * 3, focal_px=30.0)
DEPTH = torch.linspace(0.4, 9.0, 24 * 32).reshape(1, 24, 32)
CASES = [
    (Calibration("metres", 1.25, -0.25), lambda d: 1.25 * d - 0.25),
    (Calibration("log", 0.9, 0.2), lambda d: np.exp(0.9 * np.log(d) + 0.2)),
    (Calibration("inverse", 0.8, 0.05), lambda d: 1 / (0.8 / d + 0.05)),
]


@pytest.mark.parametrize(("calibration", "formula"), CASES)
def test_depth_is_calibrated_before_the_focal_length_scales_it(calibration, formula):
    got = replace(PRE, calibration=calibration).restore(DEPTH, 24, 32, fx=60.0, fy=60.0)
    np.testing.assert_allclose(got.metres, 2 * formula(DEPTH[0].double().numpy()), rtol=1e-5)
    np.testing.assert_allclose(calibration.metres(DEPTH.numpy()), formula(DEPTH.numpy()), rtol=1e-5)


@pytest.mark.parametrize(("calibration", "formula"), CASES)
def test_a_standard_deviation_goes_by_the_slope(calibration, formula):
    depth = DEPTH[0].double().numpy()
    step = 1e-5
    slope = (formula(depth + step) - formula(depth - step)) / (2 * step)
    np.testing.assert_allclose(calibration.slope(depth), slope, rtol=1e-6)
    got = replace(PRE, calibration=calibration).restore(DEPTH, 24, 32, sigma=0.1 * DEPTH)
    np.testing.assert_allclose(got.sigma_metres, 0.1 * depth * slope, rtol=1e-4)


def test_what_a_calibration_sends_beyond_infinity_is_invalid():
    got = replace(PRE, calibration=Calibration("inverse", 1.0, -0.2)).restore(DEPTH, 24, 32)
    np.testing.assert_array_equal(got.valid, DEPTH[0].numpy() < 5)
    assert np.isnan(got.metres[~got.valid]).all()


def test_depth_that_is_not_metric_is_refused_until_it_is_calibrated():
    relative = replace(PRE, metric=False)
    with pytest.raises(DepthModelsError, match=r"only up to scale and shift.*depth-models calibrate CKPT"):
        relative.restore(DEPTH, 24, 32)
    fitted = replace(relative, calibration=Calibration("inverse", 2.0))
    np.testing.assert_allclose(fitted.restore(DEPTH, 24, 32).metres, DEPTH[0] / 2, rtol=1e-6)


@pytest.mark.parametrize("change", [{"metric": False}, {"calibration": Calibration("log", 1.5, -0.1)}])
def test_both_survive_json(change):
    pre = replace(PRE, **change)
    assert Preprocess.from_dict(json.loads(json.dumps(pre.to_dict()))) == pre


def test_without_them_a_file_has_the_keys_that_it_always_had():
    assert list(PRE.to_dict()) == ["height", "width", "mean", "std", "focal_px", "interpolation"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"metric": "no"}, "metric true or false"),
        ({"calibration": {"space": "disparity", "scale": 1.0}}, "in 'metres', 'log' or 'inverse', got 'disparity'"),
        ({"calibration": {"space": "log", "scale": 0.0}}, "a positive scale and a finite shift"),
        ({"calibration": {"space": "log", "scale": math.nan}}, "a positive scale and a finite shift"),
        ({"calibration": {"space": "log", "scale": 1.0, "shift": math.inf}}, "a positive scale and a finite shift"),
        ({"calibration": {"space": "log", "scale": "1"}}, "malformed"),
        ({"calibration": {"space": "log"}}, "malformed"),
        ({"calibration": []}, "malformed"),
        ({"calibration": 1.0}, "malformed"),
    ],
)
def test_values_that_make_no_sense_are_refused(change, complaint):
    with pytest.raises(DepthModelsError, match=complaint):
        Preprocess.from_dict(PRE.to_dict() | change)


def test_bicubic_goes_both_ways():
    import cv2

    rgb = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    for size in ((24, 32), (6, 8)):
        canvas = replace(PRE, height=size[0], width=size[1], interpolation="bicubic").canvas(rgb)
        np.testing.assert_array_equal(canvas, cv2.resize(rgb, size[::-1], interpolation=cv2.INTER_CUBIC))
        assert not np.array_equal(canvas, replace(PRE, height=size[0], width=size[1]).canvas(rgb))
