"""The reader of NYUv2's layout, against arrays that were put into a file by hand."""

import pickle

import numpy as np
import pytest

pytest.importorskip("h5py")

import h5py
from mat_files import nyu_arrays, write_mat

from depth_models import DepthModelsError
from depth_models.data.nyu import NYU_CAMERA, NyuFile, frame_blocks, open_hdf5

FRAMES, HEIGHT, WIDTH = 3, 8, 12


@pytest.fixture
def arrays():
    return nyu_arrays(FRAMES, HEIGHT, WIDTH) | {
        "scenes": ["kitchen_0001", "bath_1", "bath_1"], "sceneTypes": ["kitchen", "bath", "bath"],
    }  # fmt: skip


@pytest.fixture
def path(tmp_path, arrays):
    raw = arrays["depths"].copy()
    raw[0, 2, 3], raw[1, 0, 0] = 0.0, np.nan
    return write_mat(tmp_path / "nyu.mat", **arrays | {"rawDepths": raw})


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
    assert NyuFile(path).content == (44, 471, 40, 601)
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
        (lambda p: p.write_bytes(b"MATLAB 5.0 MAT-file, Platform: GLNXA64".ljust(512)) and p, "save it with .*-v7.3"),
        (lambda p: p.with_name("absent.mat"), "no such data file"),
        (lambda p: write_mat(p, **nyu_arrays(0)), "no frame"),
    ],
)
def test_a_damaged_file_is_refused_by_name_and_reason(path, damage, reason):
    bad = damage(path)
    with pytest.raises(DepthModelsError, match=reason) as caught:
        NyuFile(bad)
    assert str(bad) in str(caught.value)


def test_only_nyus_own_frames_have_a_border(path):
    assert NyuFile(path).content is None


def test_attributes_of_any_kind_are_plain_values_in_the_record(path):
    with h5py.File(path, "a") as file:
        file.attrs.update({"number": np.int64(3), "text": "a", "octets": np.bytes_("b"), "list": np.arange(2)})
    assert NyuFile(path, "rawDepths").description == {
        "file": "nyu.mat", "frames": 3, "depth": "rawDepths", "number": 3, "text": "a", "octets": "b", "list": [0, 1],
    }  # fmt: skip


def test_blocks_hold_whole_chunks_and_have_a_limit(tmp_path, monkeypatch):
    file = open_hdf5(write_mat(tmp_path / "nyu.mat", chunk_frames=9, **nyu_arrays(40)))

    def blocks(first=0):
        return [(block.start, block.stop) for block in frame_blocks(file, ["images", "depths"], first)]

    assert blocks() == [(0, 40)]
    monkeypatch.setattr("depth_models.data.nyu._BLOCK_FRAMES", 4)
    assert blocks() == [(0, 9), (9, 18), (18, 27), (27, 36), (36, 40)]
    assert blocks(20) == [(20, 27), (27, 36), (36, 40)]
    monkeypatch.setattr("depth_models.data.nyu._BLOCK_BYTES", 8 * 12 * 4 * 25)
    assert blocks()[0] == (0, 9)
    monkeypatch.setattr("depth_models.data.nyu._BLOCK_BYTES", 8 * 12 * 4 * 5)  # five frames of depth
    assert blocks()[:2] == [(0, 5), (5, 10)]
