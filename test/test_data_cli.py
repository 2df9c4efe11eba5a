"""`depth-models data prepare`, `check` and `stats`: what they print, write and exit with."""

import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("h5py")

import h5py
from mat_files import nyu_arrays, write_mat

from depth_models.cli import main
from depth_models.data.check import check
from depth_models.data.nyu import NyuFile
from depth_models.data.prepared import PreparedFolder, prepare
from depth_models.data.splits import make_split
from depth_models.data.stats import measure


def output(capsys, *arguments, code=0):
    assert main(["data", *map(str, arguments)]) == code
    return capsys.readouterr()


def test_prepare_shows_the_time_left_and_says_when_there_is_nothing_to_do(capsys, planes, tmp_path):
    first = output(capsys, "prepare", planes, "--out", tmp_path / "out")
    assert first.out == f"{tmp_path / 'out'}\n"
    assert re.search(r"80/80 \[\d\d:\d\d<\d\d:\d\d", first.err)
    assert len(PreparedFolder(tmp_path / "out")) == 80
    again = output(capsys, "prepare", planes, "--out", tmp_path / "out")
    assert (again.out, again.err) == (first.out, f"{tmp_path / 'out'}: already prepared, nothing to do\n")


def test_prepare_says_what_became_invalid(capsys, tmp_path):
    arrays = nyu_arrays(3)
    arrays["depths"][0, 0, :5] = 14
    printed = output(capsys, "prepare", write_mat(tmp_path / "far.mat", **arrays), "--out", tmp_path / "out")
    assert "depths: 5 pixels beyond 13.107 m became invalid" in printed.err


def test_prepare_and_check_of_what_is_no_data_end_with_the_reason(capsys, tmp_path):
    page, reason = tmp_path / "nyu_depth_v2_labeled.mat", "it is a web page saved under that name"
    page.write_text("<!DOCTYPE html>\n<html>404</html>")
    assert reason in output(capsys, "prepare", page, "--out", tmp_path / "out", code=1).err
    assert not (tmp_path / "out").exists()
    assert reason in output(capsys, "check", page, code=1).out
    assert "no such data file or folder" in output(capsys, "check", tmp_path / "absent", code=1).err


def test_check_of_sound_data_exits_with_0(capsys, planes, tmp_path):
    assert output(capsys, "check", planes).out == f"{planes}: no defects\n"
    prepare(planes, tmp_path / "out")
    assert output(capsys, "check", tmp_path / "out").out.endswith("no defects\n")


def test_check_names_every_defect_of_a_file(capsys, tmp_path):
    """All at once: a missing array, one of a wrong shape, NaN, infinity, negatives, black and empty frames, names."""
    arrays = nyu_arrays(12)
    arrays["rgb"][3:6] = 0
    arrays["rgb"][8] = 0
    depths = arrays["depths"]
    depths[1, 2, 3], depths[2, 0, 0], depths[4, 5, 5], depths[7] = np.nan, np.inf, -1.0, 0.0
    arrays["rawDepths"] = arrays["rawDepths"][:, :, :-1]
    arrays["intrinsics"][5, 0] = 0.0
    arrays["sceneTypes"] = arrays["sceneTypes"][:-1]
    del arrays["scenes"]
    lines = output(capsys, "check", write_mat(tmp_path / "bad.mat", **arrays), code=1).out.splitlines()
    assert sorted(lines[:-1]) == [
        "depths: NaN values: frames 1",
        "depths: all zero: frames 7",
        "depths: infinite values: frames 2",
        "depths: negative values: frames 4",
        "images: all zero: frames 3-5, 8",
        "intrinsics: not finite, or a focal length that is not positive",
        "rawDepths: float32 of (12, 11, 8), expected floating point of (12, 12, 8)",
        "sceneTypes: 11 of them, and 12 frames",
        "scenes: missing",
    ]
    assert lines[-1] == f"{tmp_path / 'bad.mat'}: 9 defects"


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda p: p.write_bytes(p.read_bytes()[:5000]), "was the download cut short"),
        (lambda p: p.write_bytes(b"MATLAB 5.0 MAT-file, Platform: GLNXA64".ljust(512)), "it is of MATLAB v7 or older"),
        (lambda p: h5py.File(p, "a").pop("depths"), "depths: missing"),
        (lambda p: h5py.File(p, "a").pop("images"), "images: missing"),
        (lambda p: write_mat(p, **nyu_arrays(0)), "images: no frame"),
        (lambda p: h5py.File(p, "a").pop("intrinsics"), "no intrinsics, and frames of 8x12 are not NYUv2's 480x640"),
    ],
)
def test_check_names_what_is_wrong_with_a_file_as_a_whole(tmp_path, damage, reason):
    path = write_mat(tmp_path / "nyu.mat", **nyu_arrays(3))
    damage(path)
    assert [defect for defect in check(path) if reason in defect]


def test_check_counts_the_frames_of_what_claims_to_be_nyus_file(tmp_path):
    small = {"height": 3, "width": 4}
    whole = write_mat(tmp_path / "nyu_depth_v2_labeled.mat", **nyu_arrays(1449, **small))
    assert check(whole) == []
    lost = write_mat(tmp_path / "nyu_depth_v2_labeled.mat", **nyu_arrays(1448, **small))
    assert check(lost) == ["1448 frames, and NYU Depth V2 has 1449"]
    assert check(write_mat(tmp_path / "mine.mat", **nyu_arrays(20, **small))) == []


def test_check_names_the_frames_of_a_chunk_that_cannot_be_read(tmp_path):
    path = write_mat(tmp_path / "nyu.mat", chunk_frames=4, **nyu_arrays(12))
    with h5py.File(path) as file:
        chunk = next(c for c in map(file["depths"].id.get_chunk_info, range(20)) if c.chunk_offset[0] == 4)
    data = bytearray(path.read_bytes())
    data[chunk.byte_offset : chunk.byte_offset + chunk.size] = bytes(chunk.size)
    path.write_bytes(data)
    (defect,) = check(path)
    assert defect.startswith("depths: cannot be read (")
    assert defect.endswith(": frames 4-7")


def test_check_names_the_bytes_of_a_prepared_folder_that_changed(planes, tmp_path):
    folder = prepare(planes, tmp_path / "out")
    data = bytearray((folder / "rgb.npy").read_bytes())
    data[-1] ^= 1
    (folder / "rgb.npy").write_bytes(data)
    assert check(folder) == ["rgb.npy: another checksum than when it was written: frames 79"]
    (folder / "depths.npy").unlink()
    (defect,) = check(folder)
    assert "depths.npy: cannot be read" in defect


def test_check_names_the_frames_of_a_folder_of_pairs(tmp_path):
    for name in ("rgb", "depth"):
        (tmp_path / name).mkdir()
    for i, (rgb, depth) in enumerate(((1, 1), (0, 1), (1, 0), (1, 1))):
        Image.fromarray(np.full((4, 5, 3), rgb, np.uint8)).save(tmp_path / "rgb" / f"{i}.png")
        np.save(tmp_path / "depth" / f"{i}.npy", np.full((4, 5), depth, np.float32))
    (tmp_path / "depth" / "3.npy").write_bytes(b"")
    (tmp_path / "dataset.json").write_text(json.dumps({"fx": 4, "fy": 4, "cx": 2, "cy": 2}))
    black, empty, unread = check(tmp_path)
    assert (black, empty) == ("the picture is all black: frames 1", "no valid depth: frames 2")
    assert "3.npy: cannot be read as depth" in unread


def test_stats_are_those_of_numpy_over_the_training_part(planes):
    file = NyuFile(planes, "rawDepths")
    train = make_split("scene", file.scenes).train
    samples = [file[i] for i in train]
    rgb = np.stack([s.rgb for s in samples]) / 255
    depth = np.concatenate([s.depth[s.valid] for s in samples]).astype(np.float64)
    stats = measure(file, train)
    assert stats.frames == 64
    assert stats.mean == pytest.approx(rgb.mean((0, 1, 2)))
    assert stats.std == pytest.approx(rgb.std((0, 1, 2)))
    assert stats.valid == pytest.approx(np.mean([s.valid.mean() for s in samples]))
    assert (stats.depth_min_m, stats.depth_max_m) == (depth.min(), depth.max())
    assert stats.depth_mean_m == pytest.approx(depth.mean())
    counts, _ = np.histogram(depth, np.arange(0, 20.25, 0.25))
    assert stats.histogram == pytest.approx(counts[: len(stats.histogram)] / depth.size)
    assert sum(stats.histogram) == pytest.approx(1)


def test_stats_prints_draws_and_tells_the_settings_to_train_with(capsys, planes, tmp_path):
    document = json.loads(output(capsys, "stats", planes, "--json", "--out", tmp_path / "stats.png").out)
    assert (document["split"], document["frames"], document["data"]["frames"]) == ("scene", 64, 80)
    with Image.open(tmp_path / "stats.png") as image:
        assert image.size == (900, 350)
    printed = output(capsys, "stats", planes).out
    mean = ",".join(f"{value:.4f}" for value in document["mean"])
    assert f"--set preprocess.mean=[{mean}] --set preprocess.std=[" in printed
    assert "training part of split scene, 64 frames; truth depths" in printed
    assert len(re.findall(r"^ +\d+\.\d\d m", printed, re.MULTILINE)) == len(document["histogram"])


def test_stats_refuse_what_they_cannot_tell(capsys, planes, tmp_path):
    assert "of NYU Depth V2's 1449" in output(capsys, "stats", planes, "--split", "official", code=1).err
    assert "stats.abc" in output(capsys, "stats", planes, "--out", tmp_path / "stats.abc", code=1).err
    assert not list(tmp_path.iterdir())
    empty = nyu_arrays(3)
    empty["depths"][:] = 0
    path = write_mat(tmp_path / "empty.mat", **empty)
    assert "no valid depth in" in output(capsys, "stats", path, code=1).err


def test_a_training_goes_on_whether_it_reads_the_file_or_the_folder(planes, tmp_path):
    folder = prepare(planes, tmp_path / "out")
    assert PreparedFolder(folder).description == NyuFile(planes).description
    moved = shutil.move(folder, tmp_path / "elsewhere")
    assert PreparedFolder(moved).description == NyuFile(planes).description
