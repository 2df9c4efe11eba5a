"""Data sets of pairs and of TUM's layout, against pictures that were written by hand; and the registry."""

import json

import numpy as np
import pytest
import yaml
from PIL import Image

from depth_models import DepthModelsError
from depth_models.data.pairs import PairFolder, scene_type
from depth_models.data.sources import SOURCES, open_source
from depth_models.data.tum import INTRINSICS, TumFolder, associate
from depth_models.types import Camera

HEIGHT, WIDTH = 6, 8
CARD = {"fx": 5.0, "fy": 6, "cx": 3.5, "cy": 2.25, "depth_units_per_m": 1000}
RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (3, HEIGHT, WIDTH, 3), dtype=np.uint8)
DEPTH = RNG.integers(500, 60_000, (3, HEIGHT, WIDTH), dtype=np.uint16)
DEPTH[:, 1, 2] = 0


def save(array, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


@pytest.fixture
def pairs(tmp_path):
    """Three frames: two of a kitchen, 16-bit PNG; one of a bath, in metres."""
    folder = tmp_path / "mine"
    for i, name in enumerate(("kitchen_0001/b", "kitchen_0001/a", "bath_2/c")):
        save(RGB[i], folder / "rgb" / f"{name}.png")
        if i < 2:
            save(DEPTH[i], folder / "depth" / f"{name}.png")
    metres = DEPTH[2] / 1000.0
    metres[1, 2] = np.nan
    (folder / "depth" / "bath_2").mkdir()
    np.save(folder / "depth" / "bath_2" / "c.npy", metres)
    (folder / "dataset.json").write_text(json.dumps(CARD))
    return folder


def test_pairs_are_read_in_metres_with_scenes_and_camera(pairs):
    source = open_source(pairs)
    assert isinstance(source, PairFolder)
    assert source.scenes == ["bath_2", "kitchen_0001", "kitchen_0001"]
    assert source.scene_types == ["bath", "kitchen", "kitchen"]
    assert source.description == {"file": "mine", "frames": 3, **CARD}
    assert source.content is None
    for index, number in enumerate((2, 1, 0)):  # by name
        sample = source[index]
        np.testing.assert_array_equal(sample.rgb, RGB[number])
        assert np.argwhere(~sample.valid).tolist() == [[1, 2]]
        assert sample.depth.dtype == np.float32
        np.testing.assert_allclose(sample.depth[sample.valid], DEPTH[number][sample.valid] / 1000, rtol=1e-6)
        assert sample.camera == Camera(5.0, 6.0, 3.5, 2.25, WIDTH, HEIGHT)


def test_pairs_without_folders_of_scenes_are_one_scene(tmp_path):
    save(RGB[0], tmp_path / "flat" / "rgb" / "a.jpg")
    save(DEPTH[0], tmp_path / "flat" / "depth" / "a.png")
    (tmp_path / "flat" / "dataset.json").write_text(json.dumps(CARD))
    assert open_source(tmp_path / "flat").scenes == ["flat"]


def test_a_suffix_in_capitals_is_the_same_suffix(pairs):
    before = [open_source(pairs)[i].depth for i in range(3)]
    for path in list((pairs / "depth").rglob("*.*")):
        path.rename(path.with_suffix(path.suffix.upper()))
    np.testing.assert_array_equal([open_source(pairs)[i].depth for i in range(3)], before)
    card(pairs, depth_units_per_m=None)
    with pytest.raises(DepthModelsError, match="no depth_units_per_m"):
        open_source(pairs)


def test_a_scenes_type_is_its_name_without_its_number():
    names = {"kitchen_0004": "kitchen", "living_room_0001b": "living_room", "desk": "desk"}
    assert {name: scene_type(name) for name in names} == names


def card(folder, **values):
    (folder / "dataset.json").write_text(json.dumps({k: v for k, v in (CARD | values).items() if v is not None}))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda f: (f / "dataset.json").write_text("{fx"), "not readable as JSON"),
        (lambda f: (f / "dataset.json").write_text("[1]"), "fx, fy, cx, cy missing or not such numbers"),
        (lambda f: card(f, fx=None, cy="a"), "fx, cy missing or not such numbers"),
        (lambda f: card(f, fy=0), "fy missing or not such numbers"),
        (lambda f: card(f, depth_units_per_m="mm"), "depth_units_per_m missing or not such numbers"),
        (lambda f: card(f, depth_units_per_m=None), r"no depth_units_per_m, which .*a.png needs"),
        (lambda f: (f / "depth/kitchen_0001/a.png").unlink(), "no partner in rgb/ or depth/ for kitchen_0001/a"),
        (lambda f: (f / "rgb/bath_2/c.png").unlink(), "no partner in rgb/ or depth/ for bath_2/c"),
        (lambda f: (f / "rgb").rename(f / "a") and (f / "depth").rename(f / "b"), "no pairs in it; expected rgb/NAME"),
    ],
)
def test_a_folder_of_pairs_that_is_not_whole_is_refused(pairs, damage, reason):
    damage(pairs)
    with pytest.raises(DepthModelsError, match=reason) as caught:
        open_source(pairs)
    assert str(pairs) in str(caught.value)


@pytest.mark.parametrize(
    ("damage", "index", "reason"),
    [
        (lambda f: save(DEPTH[0, :3], f / "depth/kitchen_0001/a.png"), 1, r"a.png: depth of \(3, 8\), and its picture"),
        (
            lambda f: save(RGB[0], f / "depth/kitchen_0001/a.png"),
            1,
            r"uint8 of \(6, 8, 3\); expected one channel",
        ),
        (lambda f: save(RGB[0, ..., 0], f / "depth/kitchen_0001/a.png"), 1, "a.png: uint8 of .* of 16 bit"),
        (
            lambda f: np.save(f / "depth/bath_2/c.npy", DEPTH[0]),
            0,
            "c.npy: uint16 of .*, or of floating point",
        ),
        (lambda f: (f / "depth/bath_2/c.npy").write_bytes(b"\x93NUMPY"), 0, "c.npy: cannot be read as depth"),
        (lambda f: (f / "depth/kitchen_0001/a.png").write_bytes(b"<html>"), 1, "a.png: cannot be read as depth"),
        (lambda f: (f / "rgb/kitchen_0001/a.png").write_bytes(b"<html>"), 1, "a.png: cannot be read as an image"),
    ],
)
def test_a_pair_that_cannot_be_read_is_named(pairs, damage, index, reason):
    source = open_source(pairs)
    damage(pairs)
    with pytest.raises(DepthModelsError, match=reason):
        source[index]


@pytest.fixture
def tum(tmp_path):
    """Three pictures and three depth images: 5 ms apart, 19 ms apart, and 30 ms apart."""
    folder = tmp_path / "rgbd_dataset_freiburg2_desk"
    lists = {"rgb": ["# color images", "# file: 'x.bag'"], "depth": ["# depth maps"]}
    for i, (time, later) in enumerate(((10.0, 0.005), (10.033, 0.019), (10.1, 0.03))):
        full = (np.tile(a, (80, 80, 1)[: a.ndim]) for a in (RGB[i], DEPTH[i]))
        for name, stamp, image in zip(("rgb", "depth"), (time, time + later), full, strict=True):
            save(image, folder / name / f"{stamp:.6f}.png")
            lists[name].append(f"{stamp:.6f} {name}/{stamp:.6f}.png")
    for name, lines in lists.items():
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")
    return folder


def test_a_tum_sequence_is_associated_by_time_and_has_the_benchmarks_camera(tum):
    source = open_source(tum)
    assert isinstance(source, TumFolder)
    assert (len(source), source.scenes) == (2, [tum.name] * 2)
    for i in (0, 1):
        sample = source[i]
        np.testing.assert_array_equal(sample.rgb[:HEIGHT, :WIDTH], RGB[i])
        np.testing.assert_allclose(sample.depth[:HEIGHT, :WIDTH], DEPTH[i] / 5000, rtol=1e-6)
        assert np.argwhere(~sample.valid[:HEIGHT, :WIDTH]).tolist() == [[1, 2]]
        assert sample.camera == Camera(520.9, 521.0, 325.1, 249.7, 640, 480)


def test_each_depth_image_is_used_once_and_the_nearest_pair_wins():
    pairs = associate(np.array([0.0, 0.015, 0.5]), np.array([0.012, 0.03, 0.521]))
    assert pairs == [(1, 0)]  # 3 ms; the first picture would have taken the same, at 12 ms; 30 ms and 21 ms are too far
    assert associate(np.array([0.0, 0.015]), np.array([0.012, 0.034])) == [(1, 0)]
    assert associate(np.array([0.0, 0.016]), np.array([0.012, 0.034, -0.01])[[2, 0, 1]]) == [(0, 0), (1, 1)]


@pytest.mark.parametrize("name", INTRINSICS)
def test_a_camera_file_goes_before_the_name(tum, name):
    folder = tum.rename(tum.with_name(f"sequence_{name}"))
    assert open_source(folder)[0].camera.fx == INTRINSICS[name][0]
    camera = {"fx": 500.0, "fy": 501.0, "cx": 1.0, "cy": 2.0, "width": 640, "height": 480, "depth_units_per_m": 1000}
    (folder / "camera.yaml").write_text(yaml.safe_dump(camera))
    sample = open_source(folder)[0]
    assert sample.camera == Camera(500.0, 501.0, 1.0, 2.0, 640, 480)
    assert sample.depth[0, 0] == pytest.approx(DEPTH[0, 0, 0] / 1000)


def test_a_folder_of_sequences_has_a_scene_each(tum):
    (tum.parent / "freiburg1_room").symlink_to(tum)
    source = open_source(tum.parent)
    assert source.scenes == ["freiburg1_room"] * 2 + ["rgbd_dataset_freiburg2_desk"] * 2
    assert [source[i].camera.fx for i in range(4)] == [517.3, 517.3, 520.9, 520.9]
    assert source.description["frames"] == 4


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda f: f.rename(f.with_name("desk")), r"the camera is not known: no camera.yaml .* freiburg1, freiburg2"),
        (lambda f: (f / "camera.yaml").write_text("fx: 3"), "camera.yaml: not a camera with fx, fy, cx, cy, width"),
        (lambda f: (f / "camera.yaml").write_text("{"), "camera.yaml: not a camera with fx, fy, cx, cy, width"),
        (lambda f: (f / "depth.txt").unlink(), "depth.txt: not a list of lines"),
        (lambda f: (f / "rgb.txt").write_text("<html>\n"), "rgb.txt: not a list of lines"),
        (lambda f: (f / "rgb.txt").write_text("# nothing\n"), "none of 0 pictures has one of 3 depth images within"),
        (
            lambda f: (f / "rgb.txt").write_text("9.0 rgb/a.png\n"),
            "none of 1 pictures has one of 3 depth images",
        ),
    ],
)
def test_a_sequence_that_is_not_whole_is_refused(tum, damage, reason):
    folder = damage(tum)
    with pytest.raises(DepthModelsError, match=reason):
        open_source(folder if hasattr(folder, "is_dir") else tum)


def test_a_frame_of_a_sequence_that_cannot_be_read_is_named(tum):
    source = open_source(tum)
    (tum / "depth" / "10.005000.png").unlink()
    with pytest.raises(DepthModelsError, match=r"10.005000.png: cannot be read as depth"):
        source[0]
    save(RGB[0], tum / "rgb" / "10.033000.png")
    with pytest.raises(DepthModelsError, match=r"10.033000.png: of \(6, 8\), and its camera has \(480, 640\) pixels"):
        source[1]


def test_what_data_sequence_writes_is_read_with_its_own_camera(tmp_path):
    pytest.importorskip("embreex")
    from depth_models.data.rooms.sequence import Sequence, write_sequence

    folder = write_sequence(tmp_path / "walk", 2, (32, 48), seed=5, workers=1)
    source, sequence = open_source(folder), Sequence(2, (32, 48), 5)
    assert len(source) == 2
    frame, sample = sequence.frame(1), source[1]
    np.testing.assert_array_equal(sample.rgb, frame.rgb)
    np.testing.assert_allclose(sample.depth, frame.depth, rtol=0, atol=1.01e-4)
    assert sample.camera == frame.camera


def test_a_path_of_no_layout_names_those_that_there_are(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DepthModelsError, match=f"not a data set of a known layout; known: {', '.join(SOURCES)}"):
        open_source(tmp_path / "empty")
    with pytest.raises(DepthModelsError, match="no such data file or folder"):
        open_source(tmp_path / "absent")
