"""The reader of NYUv2's layout, against arrays that were put into a file by hand; and the named splits."""

import pickle

import numpy as np
import pytest

pytest.importorskip("h5py")

import h5py

from depth_models import DepthModelsError
from depth_models.data.nyu import NYU_CAMERA, NyuFile
from depth_models.data.splits import SPLITS, make_split

FRAMES, HEIGHT, WIDTH = 3, 8, 12


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return {
        "rgb": rng.integers(0, 256, (FRAMES, HEIGHT, WIDTH, 3), dtype=np.uint8),
        "depths": rng.uniform(0.5, 9, (FRAMES, HEIGHT, WIDTH)).astype(np.float32),
        "intrinsics": rng.uniform(5, 9, (FRAMES, 4)),
    }


@pytest.fixture
def path(tmp_path, arrays):
    """As MATLAB writes it: axes reversed, strings as references to columns of UTF-16."""
    raw = arrays["depths"].copy()
    raw[0, 2, 3], raw[1, 0, 0] = 0.0, np.nan
    with h5py.File(tmp_path / "nyu.mat", "w") as file:
        file["images"] = arrays["rgb"].transpose(0, 3, 2, 1)
        file["depths"], file["rawDepths"] = arrays["depths"].transpose(0, 2, 1), raw.transpose(0, 2, 1)
        file["intrinsics"] = arrays["intrinsics"]
        for name, texts in (
            ("scenes", ["kitchen_0001", "bath_1", "bath_1"]),
            ("sceneTypes", ["kitchen", "bath", "bath"]),
        ):
            references = []
            for i, text in enumerate(texts):
                file[f"#refs#/{name}{i}"] = np.array([[ord(c)] for c in text], np.uint16)
                references.append(file[f"#refs#/{name}{i}"].ref)
            file.create_dataset(name, data=np.array([references], dtype=object), dtype=h5py.ref_dtype)
    return tmp_path / "nyu.mat"


def test_frames_come_back_as_they_were_put_in(path, arrays):
    file = NyuFile(path)
    assert (len(file), file.size) == (FRAMES, (HEIGHT, WIDTH))
    assert (file.scenes, file.scene_types) == (["kitchen_0001", "bath_1", "bath_1"], ["kitchen", "bath", "bath"])
    for i in (2, 0, 1):
        sample = file[i]
        np.testing.assert_array_equal(sample.rgb, arrays["rgb"][i])
        np.testing.assert_array_equal(sample.depth, arrays["depths"][i])
        assert sample.valid.all()
        camera = sample.camera
        np.testing.assert_array_equal([camera.fx, camera.fy, camera.cx, camera.cy], arrays["intrinsics"][i])
        assert (camera.height, camera.width) == (HEIGHT, WIDTH)


def test_holes_of_the_raw_depth_are_invalid(path):
    file = NyuFile(path, "rawDepths")
    assert np.argwhere(~file[0].valid).tolist() == [[2, 3]]
    assert np.argwhere(~file[1].valid).tolist() == [[0, 0]]


def test_a_reader_that_has_read_can_be_sent_to_another_process(path, arrays):
    file = NyuFile(path)
    file[0]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(file))[1].rgb, arrays["rgb"][1])


def test_without_intrinsics_the_camera_is_nyus_own_and_only_at_its_size(tmp_path, path):
    with h5py.File(path, "a") as file:
        del file["intrinsics"]
    with pytest.raises(DepthModelsError, match="no intrinsics"):
        NyuFile(path)
    with h5py.File(path, "a") as file:
        for name, shape in (("images", (FRAMES, 3, 640, 480)), ("depths", (FRAMES, 640, 480))):
            del file[name]
            file.create_dataset(name, shape, "u1" if name == "images" else "f4")
    assert NyuFile(path)[0].camera == NYU_CAMERA
    assert not NyuFile(path)[0].valid.any()  # all zero


def damaged(path, change):
    with h5py.File(path, "a") as file:
        change(file)
    return path


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda p: damaged(p, lambda f: f.pop("depths")), "no depths in this file; it has #refs#, images"),
        (lambda p: damaged(p, lambda f: f.move("rawDepths", "depths2") or f.__delitem__("depths")), "no depths"),
        (lambda p: damaged(p, lambda f: (f.pop("images"), f.create_dataset("images", (3, 8, 12, 3), "u1"))), "MATLAB"),
        (lambda p: damaged(p, lambda f: (f.pop("images"), f.create_dataset("images", (3,), "u1"))), "MATLAB"),
        (lambda p: damaged(p, lambda f: (f.pop("scenes"), f.create_dataset("scenes", (1, 3), "u1"))), "cell array"),
        (lambda p: p.write_bytes(p.read_bytes()[: p.stat().st_size // 2]) and p, "cut short"),
        (lambda p: p.write_bytes(b"<!DOCTYPE html><html>404</html>") and p, "web page"),
        (lambda p: p.write_bytes(b"") or p, "cut short"),
        (lambda p: p.with_name("absent.mat"), "no such data file"),
    ],
)
def test_a_damaged_file_is_refused_by_name_and_reason(path, damage, reason):
    bad = damage(path)
    with pytest.raises(DepthModelsError, match=reason) as caught:
        NyuFile(bad)
    assert str(bad) in str(caught.value)


@pytest.mark.parametrize(("name", "sizes"), [("paper", (960, 240, 249)), ("paper-code", (1040, 260, 149))])
def test_the_papers_splits_are_in_file_order(name, sizes):
    split = make_split(name, ["scene"] * 1449)
    assert (len(split.train), len(split.val), len(split.test)) == sizes
    assert split.train + split.val + split.test == tuple(range(1449))
    with pytest.raises(DepthModelsError, match="1449 labelled frames, and the data has 10"):
        make_split(name, ["scene"] * 10)


def test_the_scene_split_shares_no_scene_and_loses_no_frame():
    scenes = [f"room_{i % 50}" for i in range(500)]
    split = make_split("scene", scenes)
    parts = [{scenes[i] for i in part} for part in (split.train, split.val, split.test)]
    assert [len(p) for p in parts] == [40, 5, 5]
    assert len(set.union(*parts)) == 50  # as many as in the three together: none is in two
    assert split.part("all") == tuple(range(500))
    assert split.part("val") == split.val


def test_wrong_names_list_the_right_ones():
    with pytest.raises(DepthModelsError, match=", ".join(SPLITS)):
        make_split("papr", [])
    with pytest.raises(DepthModelsError, match="train, val, test or all"):
        make_split("scene", ["a"]).part("tset")
