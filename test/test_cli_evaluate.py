"""`depth-models evaluate`: one and several checkpoints, flips, files, published rows, and what it refuses."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import asdict

import numpy as np
import pytest

pytest.importorskip("h5py")

from depth_models import DepthPredictor
from depth_models.cli import main
from depth_models.data import sources, splits
from depth_models.data.nyu import NYU_CAMERA, NYU_CONTENT, NyuFile
from depth_models.evaluation import FlipAveraged, evaluate_source
from depth_models.published import PUBLISHED, published_for
from depth_models.types import Sample


class Nyu:
    """1449 frames of NYUv2's size, each made when it is asked for."""

    path, content, description = "nyu.mat", NYU_CONTENT, {"file": "nyu.mat", "frames": 1449, "depth": "depths"}
    scenes = scene_types = ("kitchen",) * 1449

    def __len__(self):
        return 1449

    def __getitem__(self, index):
        depth = np.full((480, 640), 2.0 + index / 1449, np.float32)
        rgb = np.random.default_rng(index).integers(0, 256, (480, 640, 3), dtype=np.uint8)
        return Sample(rgb, depth, depth > 0, NYU_CAMERA)


def like_nyu(**changes):
    source = Nyu()
    for name, value in changes.items():
        setattr(source, name, value)
    return source


def output(capsys, *arguments, code=0):
    assert main(["evaluate", *map(str, arguments)]) == code
    return capsys.readouterr()


def column(table, name):
    """The numbers of a row of the table."""
    return [float(text) for text in re.search(rf"^{name} (.*)$", table, re.MULTILINE)[1].split()]


@pytest.fixture
def second(weights, tmp_path):
    """The same weights by another name."""
    (tmp_path / "run").mkdir()
    return shutil.copy(weights, tmp_path / "run" / "best.safetensors")


def test_the_json_document_holds_every_report_of_the_frames(capsys, planes, weights, second):
    printed = output(capsys, weights, second, "--data", planes, "--flip", "--json", "--depth", "rawDepths")
    document = json.loads(printed.out)
    predictor, source = DepthPredictor.from_checkpoint(weights), NyuFile(planes, "rawDepths")
    plain = evaluate_source(predictor, source, range(72, 80))
    flipped = evaluate_source(FlipAveraged(predictor), source, range(72, 80))
    results = {result.pop("name"): result for result in document["results"]}
    own = "/".join(weights.removesuffix(".safetensors").split("/")[-2:])
    assert list(results) == [own, f"{own} +flip", "run/best", "run/best +flip"]
    for name, expected in ((own, plain), ("run/best", plain), (f"{own} +flip", flipped), ("run/best +flip", flipped)):
        assert results[name] == json.loads(json.dumps(asdict(expected))), name
    assert plain.pooled != flipped.pooled
    assert (document["depth"], document["split"], document["part"]) == ("rawDepths", "scene", "test")
    assert document["data"] == source.description
    assert "published_not_measured" not in document


def test_checkpoints_stand_side_by_side_with_both_averages(capsys, planes, weights, second):
    table = output(capsys, weights, second, "--data", planes, "--flip").out
    predictor, source = DepthPredictor.from_checkpoint(weights), NyuFile(planes)
    plain = evaluate_source(predictor, source, range(72, 80))
    flipped = evaluate_source(FlipAveraged(predictor), source, range(72, 80))
    for name, value in plain.per_image.items():
        pairs = (value, plain.pooled[name]), (flipped.per_image[name], flipped.pooled[name])
        assert column(table, name) == pytest.approx([*pairs[0], *pairs[1]] * 2, abs=6e-5), name
    plane_rms = plain.structure["plane_rms"]
    assert column(table, "plane_rms")[:2] == pytest.approx([plane_rms["per_image"], plane_rms["pooled"]], abs=6e-5)
    for name in ("run/best", "run/best +flip"):
        assert f"{name}, by true depth (pooled):" in table
        assert f"{name}, by type of scene (pooled):" in table
    group = plain.by_range["2-3 m"]
    assert column(table, "2-3 m")[:2] == pytest.approx([group.frames, group.pooled["abs_rel"]], abs=6e-4)
    assert column(table, "plane")[1] == pytest.approx(plain.pooled["abs_rel"], abs=6e-4)
    assert f"8 frames, {plain.pixels} pixels" in table
    assert f"best constant: {plain.constant['metres']:.2f} m" in table
    assert "published" not in table


def test_the_report_and_the_worst_and_best_frames_are_written(capsys, planes, weights, tmp_path):
    arguments = (weights, "--data", planes, "--flip", "--json", "--out", tmp_path / "out")
    document = json.loads(output(capsys, *arguments).out)
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text()) == document
    for result in document["results"]:
        ranked = sorted(result["abs_rel_of_frame"], key=result["abs_rel_of_frame"].get)
        folder = tmp_path / "out" / result["name"].replace("/", "_").replace(" ", "_")
        expected = [f"best_{i + 1}_frame_{ranked[i]}.png" for i in range(3)]
        expected += [f"worst_{i + 1}_frame_{ranked[-1 - i]}.png" for i in range(3)]
        assert sorted(path.name for path in folder.iterdir()) == expected


@pytest.mark.parametrize("protocol", ["eigen", "eigen-output"])
def test_published_rows_stand_beside_nyus_official_test_frames(capsys, monkeypatch, weights, protocol):
    monkeypatch.setattr(sources, "open_source", lambda path, depth: Nyu())
    monkeypatch.setattr(splits, "make_split", lambda name, scenes: splits.Split((0, 2), (), (1, 3)))
    arguments = (weights, "--data", "nyu.mat", "--split", "official", "--protocol", protocol)
    table = output(capsys, *arguments).out
    assert "published, not measured:" in table
    for name, delta1, rmse in (
        ("Eigen 2014", 0.611, 0.907), ("Laina 2016", 0.811, 0.573), ("FastDepth 2019", 0.771, 0.604),
        ("BTS-R50 2019", 0.865, 0.419), ("AdaBins 2021", 0.903, 0.364), ("ZoeDepth 2023", 0.953, 0.277),
        ("Depth Anything 2024", 0.984, 0.206),
    ):  # fmt: skip
        numbers = re.search(rf"^{name} +(\S+) +(\S+)", table, re.MULTILINE).groups()
        assert tuple(map(float, numbers)) == (delta1, rmse)
    pixels = {"eigen": 426 * 560, "eigen-output": 439 * 591}[protocol]
    assert f"2 frames, {2 * pixels} pixels" in table
    document = json.loads(output(capsys, *arguments, "--json").out)
    assert document["published_not_measured"] == [asdict(row) for row in PUBLISHED]
    for other in (["--part", "train"], ["--split", "paper"]):
        assert "published" not in output(capsys, *arguments, *other).out
        assert "published_not_measured" not in json.loads(output(capsys, *arguments, *other, "--json").out)


def test_published_rows_are_of_nyu_official_test_and_of_nothing_else():
    assert published_for(Nyu(), "official", "test") == PUBLISHED
    rooms = like_nyu(description={**Nyu.description, "generator": "depth_models.data.rooms"})
    other_camera = like_nyu(content=None)
    assert published_for(rooms, "official", "test") == ()
    assert published_for(other_camera, "official", "test") == ()
    for split, part in (("official", "all"), ("official", "val"), ("paper", "test"), ("scene", "test")):
        assert published_for(Nyu(), split, part) == ()


def test_a_crop_of_frames_of_another_size_ends_with_1_and_the_reason(capsys, planes, weights, tmp_path):
    arguments = (weights, "--data", planes, "--protocol", "eigen", "--out", tmp_path / "out")
    printed = output(capsys, *arguments, code=1)
    assert "crops frames of 480x640 pixels, and this one has 32x48; use protocol 'whole'" in printed.err
    assert printed.out == ""
    assert not list((tmp_path / "out").iterdir())


def test_a_folder_that_cannot_be_made_is_named_before_the_work(capsys, monkeypatch, planes, weights, tmp_path):
    (tmp_path / "out").write_text("a file")
    monkeypatch.delattr(NyuFile, "__getitem__")  # no frame is read
    printed = output(capsys, weights, "--data", planes, "--out", tmp_path / "out" / "here", code=1)
    assert f"{tmp_path / 'out' / 'here'}: cannot be made (Not a directory); choose another --out" in printed.err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["unet"], "--data"),
        (["--data", "d"], "CKPT"),
        (["unet", "--data", "d", "--protocol", "garg"], "'garg'"),
        (["unet", "--data", "d", "--depth", "raw"], "'raw'"),
        (["unet", "baseline", "unet", "--data", "d"], "a checkpoint is given twice: unet, baseline, unet"),
    ],
)
def test_bad_usage_ends_with_2_and_the_reason(capsys, arguments, reason):
    with pytest.raises(SystemExit) as caught:
        main(["evaluate", *arguments])
    assert caught.value.code == 2
    assert reason in capsys.readouterr().err


@pytest.mark.slow
def test_two_processes_share_the_frames_and_the_first_prints_what_one_would(capsys, planes, weights):
    arguments = ["evaluate", weights, "--data", str(planes), "--part", "all", "--device", "cpu", "--json"]
    assert main(arguments) == 0
    alone = json.loads(capsys.readouterr().out)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    done = subprocess.run([*command, "-m", "depth_models", *arguments], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    shared = json.loads(done.stdout)
    assert shared["results"][0]["frames"] == 80
    for name, value in alone["results"][0]["pooled"].items():
        assert shared["results"][0]["pooled"][name] == pytest.approx(value, rel=1e-4), name
