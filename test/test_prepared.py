"""A prepared folder gives what its file gives, and is refused where it is not whole."""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("h5py")

from mat_files import nyu_arrays, write_mat

from depth_models import DepthModelsError, Preprocess
from depth_models.data.loading import Loader
from depth_models.data.nyu import NyuFile
from depth_models.data.prepared import FARTHEST_M, PreparedFolder, encode_depth, prepare
from depth_models.data.samples import PreparedSet, ShuffledBatches
from depth_models.data.sources import open_source
from depth_models.data.transforms import Augmentation

FRAMES = 40


@pytest.fixture(scope="module")
def mat(tmp_path_factory):
    """Chunks over 7 frames, so that no block is of whole chunks."""
    return write_mat(tmp_path_factory.mktemp("mat") / "nyu.mat", chunk_frames=7, **nyu_arrays(FRAMES))


@pytest.fixture(scope="module")
def folder(mat, tmp_path_factory):
    return prepare(mat, tmp_path_factory.mktemp("prepared") / "out")


@pytest.fixture
def copy(folder, tmp_path):
    return Path(shutil.copytree(folder, tmp_path / "copy"))


@pytest.mark.parametrize("depth", ["depths", "rawDepths"])
def test_its_frames_are_the_files(mat, folder, depth):
    file, prepared = NyuFile(mat, depth), open_source(folder, depth)
    assert isinstance(prepared, PreparedFolder)
    assert len(prepared) == FRAMES
    for name in ("size", "scenes", "scene_types", "content", "description"):
        assert getattr(prepared, name) == getattr(file, name)
    assert prepared.names == nyu_arrays(FRAMES)["rawRgbFilenames"]
    for index in (FRAMES - 1, 0, 9):
        ours, theirs = prepared[index], file[index]
        np.testing.assert_array_equal(ours.rgb, theirs.rgb)
        np.testing.assert_array_equal(ours.valid, theirs.valid)
        assert ours.valid.all() == (depth == "depths")
        assert ours.depth.dtype == np.float32
        np.testing.assert_allclose(ours.depth[ours.valid], theirs.depth[ours.valid], rtol=0, atol=1.01e-4)
        assert ours.camera == theirs.camera


def test_depth_is_kept_to_a_tenth_of_a_millimetre_and_invalid_beyond_the_range():
    metres = np.random.default_rng(0).uniform(0.001, FARTHEST_M, 100_000).astype(np.float32)
    back = encode_depth(metres).astype(np.float64) * 0.0002
    assert 0.99e-4 < np.abs(back - metres).max() <= 1.01e-4  # 0.1 mm, and the rounding of float32
    assert pytest.approx(13.107) == FARTHEST_M
    odd = np.array([0, -1, np.nan, np.inf, 13.108, 100, 0.00005, 0.0002, 13.107], np.float32)
    assert encode_depth(odd).tolist() == [0] * 7 + [1, 65535]


def test_depth_that_is_too_far_is_counted(tmp_path):
    arrays = nyu_arrays(3)
    arrays["depths"][1, :2, :2] = 20.0
    prepared = PreparedFolder(prepare(write_mat(tmp_path / "far.mat", **arrays), tmp_path / "out"))
    assert prepared.beyond == {"depths": 4, "rawDepths": 0}
    assert (~prepared[1].valid).sum() == 4


def test_a_file_without_raw_depth_has_one_truth(tmp_path):
    arrays = nyu_arrays(3)
    del arrays["rawDepths"], arrays["rawRgbFilenames"]
    folder = prepare(write_mat(tmp_path / "one.mat", **arrays), tmp_path / "out")
    assert PreparedFolder(folder).names == []
    with pytest.raises(DepthModelsError, match="no rawDepths in this folder; it has depths"):
        PreparedFolder(folder, "rawDepths")


def test_nyus_border_is_known_to_the_folder_too(tmp_path):
    arrays = nyu_arrays(1, 480, 640)
    del arrays["intrinsics"]
    mat = write_mat(tmp_path / "nyu.mat", **arrays)
    prepared = PreparedFolder(prepare(mat, tmp_path / "out"))
    assert prepared.content == NyuFile(mat).content == (44, 471, 40, 601)
    assert prepared[0].camera == NyuFile(mat)[0].camera
    pre = Preprocess(480, 640, (0.5,) * 3, (0.25,) * 3)
    masked, whole = (PreparedSet(prepared, pre, None, 0, border=border)[0, 0][2][0].numpy() for border in (False, True))
    assert whole.all()
    assert masked[44:471, 40:601].all()
    assert masked.sum() == (471 - 44) * (601 - 40)


def changed(folder, **values):
    record = folder / "prepared.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | values))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda f: changed(f, version=0), "version 0 of the layout, and this package reads version 1; remove it"),
        (lambda f: changed(f, done=16), "half written, 16 of 40 frames; go on with"),
        (lambda f: (f / "prepared.json").write_text('{"vers'), "not the record of a prepared folder"),
        (lambda f: (f / "prepared.json").write_text("[]"), "not the record of a prepared folder"),
        (lambda f: (f / "rgb.npy").unlink(), r"rgb.npy: cannot be read .* remove .*, prepare again"),
        (lambda f: (f / "depths.npy").write_bytes((f / "depths.npy").read_bytes()[:-1]), "depths.npy: cannot be read"),
        (lambda f: np.save(f / "depths.npy", np.zeros((40, 8, 12), np.float32)), "float32 of .*, expected uint16 of"),
    ],
)
def test_a_folder_that_is_not_whole_is_refused_with_the_reason(copy, damage, reason):
    damage(copy)
    with pytest.raises(DepthModelsError, match=reason) as caught:
        open_source(copy)
    assert str(copy) in str(caught.value)


def test_a_changed_byte_is_found_in_its_frame_and_file(copy):
    data = bytearray((copy / "rawDepths.npy").read_bytes())
    data[-1] ^= 1
    (copy / "rawDepths.npy").write_bytes(data)
    prepared = PreparedFolder(copy)
    found = {index: prepared.defects(index) for index in range(FRAMES)}
    assert found == {index: [] for index in range(FRAMES - 1)} | {FRAMES - 1: ["rawDepths.npy"]}


def test_a_reader_is_sent_to_another_process_without_its_arrays(folder):
    prepared = PreparedFolder(folder)
    rgb = prepared[3].rgb
    sent = pickle.dumps(prepared)
    assert len(sent) < 20_000  # the arrays have 27,000 bytes
    np.testing.assert_array_equal(pickle.loads(sent)[3].rgb, rgb)


def test_the_same_seed_gives_the_same_bytes_in_another_process(folder):
    pre = Preprocess(8, 12, (0.5,) * 3, (0.25,) * 3, focal_px=7.0)
    data = PreparedSet(PreparedFolder(folder), pre, Augmentation(zoom=1.5, noise=0.1, tint=0.1), 3)
    alone, sent = (list(Loader(data, ShuffledBatches(range(20), 4, 2, 3), 4, workers)) for workers in (0, 1))
    assert len(alone) == len(sent) == 10
    for ours, theirs in zip(alone, sent, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
