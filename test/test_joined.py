"""Folders of shards, and several data sets as one: every frame is the one that its own file gives."""

import pickle
import shutil

import numpy as np
import pytest
from mat_files import nyu_arrays, write_mat

from depth_models import DepthModelsError
from depth_models.data.check import check
from depth_models.data.joined import Mixture, ShardFolder
from depth_models.data.nyu import NYU_CAMERA, NyuFile
from depth_models.data.prepared import prepare
from depth_models.data.sources import open_source, open_sources
from depth_models.data.splits import make_split

FRAMES = (6, 4, 8)


@pytest.fixture
def shards(tmp_path):
    """Three files of 6, 4 and 8 frames, each of rooms of its own, and one that is being written."""
    folder = tmp_path / "shards"
    folder.mkdir()
    for number, frames in enumerate(FRAMES):
        arrays = nyu_arrays(frames, seed=number)
        arrays["scenes"] = [f"office_{number}{i // 2:03d}" for i in range(frames)]
        write_mat(folder / f"shard-{number:05d}.mat", **arrays)
    (folder / ".shard-00003.mat.77").write_bytes(b"half")
    (folder / ".shard-00003.mat").write_bytes(b"half")
    return folder


def same(first, second):
    assert first.camera == second.camera
    for name in ("rgb", "depth", "valid"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_a_folder_of_shards_is_one_source_with_the_frames_of_its_files_in_order(shards):
    source = open_source(shards)
    assert isinstance(source, ShardFolder)
    files = [NyuFile(shards / f"shard-{number:05d}.mat") for number in range(3)]
    expected = [(file, i) for file in files for i in range(len(file))]
    assert len(source) == len(expected) == 18
    for index, (file, i) in enumerate(expected):
        same(source[index], file[i])
        assert source.scenes[index] == file.scenes[i]
    assert source.description == {"file": "shards", "frames": 18, "depth": "depths"}


def test_a_folder_of_shards_gives_the_truth_that_is_asked_for_and_goes_to_another_process(shards):
    source = pickle.loads(pickle.dumps(open_source(shards, "rawDepths")))
    assert not source[7].valid[2, 3]  # the hole that only rawDepths has
    same(source[7], NyuFile(shards / "shard-00001.mat", "rawDepths")[1])


def test_a_split_by_scene_keeps_the_rooms_of_all_shards_apart(shards):
    scenes = open_source(shards).scenes + [f"other_{i}" for i in range(20)]
    parts = make_split("scene", scenes).to_dict()
    rooms = {name: {scenes[i] for i in indices} for name, indices in parts.items()}
    assert not rooms["train"] & (rooms["val"] | rooms["test"])
    assert {"office_2003"} <= rooms["val"] | rooms["test"]  # the ninth room of ten


def test_the_check_of_a_folder_reads_every_shard(shards):
    assert check(shards) == []
    (shards / "shard-00001.mat").write_bytes(b"<html>")
    (defect,) = check(shards)
    assert "shard-00001.mat: not a whole MATLAB v7.3" in defect


def test_what_takes_one_file_says_so_of_a_folder_of_shards(shards, tmp_path):
    with pytest.raises(DepthModelsError, match=r"shards: a folder, and one \.mat file is needed"):
        prepare(shards, tmp_path / "prepared")


def test_two_data_sets_become_one_and_rooms_of_one_name_stay_two(shards, tmp_path):
    single = write_mat(tmp_path / "rooms.mat", **nyu_arrays(5, seed=9) | {"scenes": ["office_0000"] * 5})
    source = open_sources([single, shards])
    assert isinstance(source, Mixture)
    assert source.origin == [0] * 5 + [1] * 18
    same(source[4], NyuFile(single)[4])
    same(source[5], NyuFile(shards / "shard-00000.mat")[0])
    assert source.scenes[4] == f"{single}/office_0000"
    assert source.scenes[5] == f"{shards}/office_0000"
    assert source.description == {
        "file": "rooms.mat + shards",
        "frames": 23,
        "sources": [NyuFile(single).description, open_source(shards).description],
    }


def test_a_single_data_set_stays_what_it_is(shards):
    single = shards / "shard-00000.mat"
    assert isinstance(open_sources([single]), NyuFile)
    assert isinstance(open_sources(single), NyuFile)
    assert open_sources(str(single)).scenes == NyuFile(single).scenes


def test_the_same_data_set_twice_is_refused(shards):
    copy = shutil.copy(shards / "shard-00000.mat", shards.parent / "copy.mat")
    open_sources([shards, copy])
    with pytest.raises(DepthModelsError, match="expected different data sets, got"):
        open_sources([shards, copy, shards.parent / "shards"])


def test_the_border_of_nyuv2s_frames_is_invalid_in_a_mix(shards, tmp_path):
    arrays = nyu_arrays(1, NYU_CAMERA.height, NYU_CAMERA.width)
    del arrays["intrinsics"]
    source = open_sources([write_mat(tmp_path / "nyu.mat", **arrays), shards])
    assert source.content is None
    inside = np.argwhere(source[0].valid)
    assert inside.min(axis=0).tolist() == [44, 40]
    assert inside.max(axis=0).tolist() == [470, 600]
    assert source[1].valid.all()
