"""Model cards: what the record says stands on the page, and what is staged is what it claims to be."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from depth_models import Checkpoint, Preprocess, create_network
from depth_models.comparison import Comparison
from depth_models.protocols import find_protocol
from depth_models.types import Camera, Depth, Sample

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

import staged
from card_page import _runs, page

SHAPE = (48, 64)
CAMERA = Camera.from_fov(64, 48, 70.0)


def sample(depth, seed=0):
    rgb = np.random.default_rng(seed).integers(0, 256, (*SHAPE, 3), dtype=np.uint8)
    return Sample(rgb, np.broadcast_to(np.float32(depth), SHAPE), np.ones(SHAPE, bool), CAMERA)


def report(sigma=None):
    comparison = Comparison(find_protocol("whole"))
    depth = np.full(SHAPE, 2.2, np.float32)
    comparison.add(0, sample(2.0), Depth(depth, depth > 0, sigma), "kitchen")
    return comparison.report()


def made(tmp_path, sigma=None):
    rooms = {"generator": "depth_models.data.rooms", "command": "depth-models data rooms --seed 1", "frames": 8}
    first = {
        "command": "depth-models train first",
        "data": {"sources": [{"file": "a.mat", **rooms}, {"file": "b.mat"}]},
    }
    teacher = {"command": "depth-models train teacher", "data": {"file": "d.mat"}, "init": {"record": first}}
    second = {"command": "depth-models train second", "data": {"file": "c.mat"}, "init": {"record": first}}
    second["teacher"] = {"checkpoint": "teacher.safetensors", "record": teacher}
    other = {"command": "depth-models train other", "data": {"file": "e.mat"}, "init": {"record": first | {"steps": 9}}}
    second["average"] = {"checkpoint": "other.safetensors", "record": other}
    torch.manual_seed(0)
    network = create_network("baseline", hidden=(8,), map_size=(8, 12))
    checkpoint = Checkpoint.of(network, Preprocess(64, 96, (0.5,) * 3, (0.2,) * 3, 80.0), second)
    checkpoint.save(tmp_path / "mine.safetensors")
    numbers = SimpleNamespace(
        rooms={"unseen": {"all": report(sigma)}}, real={"desk": (report(sigma), 1.1, 0.5)}, latency_ms=(12.0, 15.0),
        staged={"mirror": (0.4, 0.1, 24)}, doubt={"noise": 0.9}, pictures={"glass.jpg": "a pane"},
    )  # fmt: skip
    return page(tmp_path / "mine.safetensors", checkpoint, numbers)


def test_every_run_and_every_input_is_named_in_order(tmp_path):
    text = made(tmp_path)
    places = [text.index(f"depth-models train {name}") for name in ("first", "other", "teacher", "second")]
    assert places == sorted(places)
    assert text.count("depth-models train first") == 1, "though the teacher and the other began with it as well"
    assert [text.count(f"`{name}.mat`") for name in "abcde"] == [1, 1, 1, 1, 1]
    assert "made by `depth-models data rooms --seed 1`" in text
    assert "procedural rooms" in text
    assert "EfficientNet" not in text, "it is not in the record"
    assert "has not seen: NYU Depth V2" in text


def test_runs_without_a_command_are_each_listed():
    imported, other = {"data": {"file": "a.mat"}}, {"data": {"file": "b.mat"}}
    last = {"init": {"record": imported}, "average": {"record": other}, "teacher": {"record": imported}}
    assert _runs(last) == [imported, other, last]


def test_figures_stand_in_the_tables(tmp_path):
    text = made(tmp_path)
    assert "| all | 1 | 0.100 | 0.000 | 1.000 | 0.20 |" in text
    assert "| kind: kitchen | 1 | 0.100 |" in text
    assert "| desk | 0.100 | 0.000 | 0.000 | 1.000 | 1.10 | 0.50 |" in text
    assert "| mirror | 24 | 0.400 | 0.100 |" in text
    assert "![a pane](mine/glass.jpg)" in text


def test_confidence_is_told_where_the_model_tells_it(tmp_path):
    assert "It tells no standard deviation" in made(tmp_path)
    text = made(tmp_path, np.full(SHAPE, 0.15, np.float32))  # the error is 0.2 m: within two sigmas and not within one
    assert "| unseen | 0.000 | 1.000 |" in text
    assert "| noise | 0.90 |" in text


def test_a_staged_mirror_shows_the_other_half_and_keeps_the_truth():
    before = sample(3.0)
    after, mask = staged.mirror(before)
    assert np.array_equal(after.rgb[mask], before.rgb[:, ::-1][mask])
    assert np.array_equal(after.rgb[~mask], before.rgb[~mask])
    assert after.depth is before.depth
    assert 0.1 < mask.mean() < 0.4


def test_a_staged_pane_shows_the_other_room():
    before, behind = sample(3.0), sample(5.0, seed=1)
    after, mask = staged.glass(before, behind)
    np.testing.assert_allclose(after.rgb[mask], 0.8 * behind.rgb[mask] + 0.2 * before.rgb[mask], atol=1)
    assert np.array_equal(after.rgb[~mask], before.rgb[~mask])


def test_a_plane_is_flat_and_a_corner_is_not():
    x = np.arange(64) - 31.5
    slanted = sample(1 / (0.3 + 0.002 * x)[None].repeat(48, 0))
    assert staged.planeness(slanted) < 1e-5
    corner = sample(1 / (0.3 + 0.002 * np.abs(x))[None].repeat(48, 0))
    assert staged.planeness(corner) > 0.02


@pytest.mark.slow
def test_the_fisheye_sees_its_field_of_view_at_its_focal_length():
    pytest.importorskip("embreex")
    seen = staged.fisheye(0, 60, 80)
    assert np.degrees(40 / seen.camera.fx) == pytest.approx(staged.FISHEYE_FOV_DEG / 2)
    assert seen.valid[30, 40]
    assert seen.depth[seen.valid].min() > 0.3
