"""Planted scales and shifts are found again, in files too, and what does not help is not written."""

import json

import numpy as np
import pytest
from PIL import Image

from depth_models import Checkpoint, DepthModelsError, DepthPredictor
from depth_models.calibrate import Known, fit, known_depths
from depth_models.checkpoint import find_checkpoint
from depth_models.cli import main
from depth_models.types import Calibration


@pytest.fixture(scope="module")
def checkpoint(weights):
    return Checkpoint.load(weights)


def known(function, images=5, noise=0.02, seed=0):
    """Images whose truth is a function of the network's depth, each off by a factor of its own."""
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(images):
        raw = rng.uniform(0.5, 6, 200)
        out.append(Known(raw, function(raw) * np.exp(noise * rng.standard_normal())))
    return out


@pytest.mark.parametrize(
    ("planted", "function"),
    [
        (Calibration("metres", 1.7), lambda d: 1.7 * d),
        (Calibration("log", 0.6, 0.4), lambda d: np.exp(0.4) * d**0.6),
        (Calibration("inverse", 0.8, 0.12), lambda d: 1 / (0.8 / d + 0.12)),
    ],
)
def test_a_planted_calibration_is_found_and_its_kind_chosen(checkpoint, planted, function):
    fitted = fit(checkpoint, known(function, noise=0.0))
    assert fitted.calibration.space == planted.space or planted.space == "metres"  # a scale alone is in all of them
    raw = np.linspace(0.5, 6, 50)
    np.testing.assert_allclose(fitted.calibration.metres(raw), function(raw), rtol=1e-4)
    assert fitted.after < 1e-4 < fitted.before
    noisy = fit(checkpoint, known(function)).calibration
    np.testing.assert_allclose(noisy.metres(raw), function(raw), rtol=0.06)


def test_a_scale_alone_is_chosen_where_a_shift_would_only_follow_the_noise(checkpoint):
    rng = np.random.default_rng(1)
    noisy = [Known(raw := rng.uniform(1, 3, 3), 1.4 * raw * np.exp(0.15 * rng.standard_normal(3))) for _ in range(6)]
    fitted = fit(checkpoint, noisy)
    assert fitted.calibration.space == "metres"
    assert fitted.calibration.scale == pytest.approx(1.4, rel=0.15)
    assert fitted.held_out == min(fitted.choices.values())


def test_a_third_of_wrong_depths_does_not_move_it(checkpoint):
    images = known(lambda d: 1.5 * d, noise=0.0)
    for one in images:
        one.truth[::3] = 9.0
    np.testing.assert_allclose(fit(checkpoint, images).calibration.metres(np.array([1.0, 4.0])), [1.5, 6.0], rtol=0.02)


def test_the_held_out_error_is_that_of_images_that_were_not_fitted(checkpoint):
    raw = np.full(10, 2.0)
    fitted = fit(checkpoint, [Known(raw, np.full(10, truth)) for truth in (2.0, 3.0)])
    assert fitted.choices["metres"] == pytest.approx((1 / 2 + 1 / 3) / 2, rel=1e-3)  # each with the scale of the other
    assert fitted.before == pytest.approx((0 + 1 / 3) / 2)


def test_a_shift_that_would_turn_near_and_far_is_not_taken(checkpoint):
    raw = np.array([1.0, 2.0, 3.0])
    fitted = fit(checkpoint, [Known(raw, 4 - raw), Known(raw, 4 - raw)])
    assert list(fitted.choices) == ["metres"]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory, weights):
    """A folder of pairs whose depth is 1.8 times what the network says, and the network's depth of each."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "rgb").mkdir()
    (folder / "depth").mkdir()
    predictor, rng, depths = DepthPredictor.from_checkpoint(weights, "cpu"), np.random.default_rng(0), []
    for number in range(4):
        rgb = rng.integers(0, 256, (8, 12, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
        Image.fromarray(rgb).save(folder / "rgb" / f"{number}.png")
        depths.append(predictor(rgb, 50.0, 50.0).metres)
        np.save(folder / "depth" / f"{number}.npy", 1.8 * depths[-1])
    card = {"fx": 50.0, "fy": 50.0, "cx": 47.5, "cy": 31.5}
    (folder / "dataset.json").write_text(json.dumps(card))
    return folder, depths


def test_frames_with_depth_calibrate_a_checkpoint(weights, pictures, tmp_path, capsys):
    folder, depths = pictures
    out = tmp_path / "mine.safetensors"
    assert main(["calibrate", weights, "--data", str(folder), "--out", str(out), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["before"] == pytest.approx(0.8 / 1.8, rel=0.01)
    assert document["held_out"] < 0.01
    rgb = np.asarray(Image.open(folder / "rgb" / "0.png"))
    depth = DepthPredictor.from_checkpoint(out, "cpu")(rgb, 50.0, 50.0)
    np.testing.assert_allclose(depth.metres, 1.8 * depths[0], rtol=0.02)
    record = Checkpoint.load(find_checkpoint(out)).record["calibration"]
    assert (record["images"], record["calibration"]) == (4, document["calibration"])
    assert main(["calibrate", str(out), "--data", str(folder), "--out", str(tmp_path / "again.safetensors")]) == 1
    assert "nothing was written" in capsys.readouterr().err
    assert not (tmp_path / "again.safetensors").exists()


def write_points(pictures, path, images=(0, 1, 2), **columns):
    folder, depths = pictures
    lines = ["image,x,y,metres"]
    lines += [
        f"{folder}/rgb/{i}.png,{x},{y},{1.8 * depths[i][y, x]:.6f}"
        for i in images
        for x, y in ((5, 60), (50, 30), (90, 3))
    ]
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize("images", [(0, 1, 2), (3,)])
def test_measured_points_calibrate_too_and_the_focal_length_counts(checkpoint, pictures, tmp_path, images):
    path = write_points(pictures, tmp_path / "points.csv", images)
    fitted = fit(checkpoint, known_depths(checkpoint, path, (50.0, 50.0)))
    np.testing.assert_allclose(fitted.calibration.metres(np.array([1.0, 2.0])), [1.8, 3.6], rtol=0.02)
    unknown = fit(
        checkpoint, known_depths(checkpoint, path)
    )  # 50 px instead of the canonical 40: 1.25 times the metres
    np.testing.assert_allclose(unknown.calibration.metres(np.array([1.0])), [1.25 * 1.8], rtol=0.02)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("image,x,y\na.png,1,2", "expected the header image,x,y,metres"),
        ("image,x,y,metres\na.png,1,2,-3", "line 2: -3.0 is no depth"),
        ("image,x,y,metres\na.png,1,two,3", "could not convert"),
        ("image,x,y,metres\nabsent.png,1,2,3", "no such image"),
        ("image,x,y,metres\n{rgb}/0.png,100,2,3", "outside its 96 x 64 pixels"),
        ("image,x,y,metres\n{rgb}/0.png,10,2,3", "1 known depths; a calibration needs two"),
        ("image,x,y,metres", "0 known depths"),
    ],
)
def test_points_that_make_no_sense_are_refused(checkpoint, pictures, tmp_path, text, reason):
    path = tmp_path / "points.csv"
    path.write_text(text.format(rgb=pictures[0] / "rgb"))
    with pytest.raises(DepthModelsError, match=reason):
        known_depths(checkpoint, path)


def test_a_focal_length_with_data_that_has_one_is_bad_usage(weights, pictures, tmp_path):
    with pytest.raises(SystemExit) as caught:
        main(["calibrate", weights, "--data", str(pictures[0]), "--fx", "50", "--out", str(tmp_path / "a")])
    assert caught.value.code == 2
