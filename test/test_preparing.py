"""Preparing ends with the same bytes whatever stopped it, takes nothing for its own that is not, and little memory."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("h5py")

from mat_files import nyu_arrays, write_mat

from depth_models import DepthModelsError
from depth_models.data.prepared import prepare
from depth_models.data.sources import open_source

FRAMES, BLOCK = 40, 8


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


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_second_prepare_does_nothing(mat, folder):
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    calls = []
    assert prepare(mat, folder, lambda *numbers: calls.append(numbers)) == folder
    assert calls == []
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_progress_is_told_at_the_start_and_after_each_block(mat, tmp_path, monkeypatch):
    monkeypatch.setattr("depth_models.data.nyu._BLOCK_FRAMES", BLOCK)
    calls = []
    prepare(mat, tmp_path / "out", lambda *numbers: calls.append(numbers))
    assert calls == [(done, FRAMES) for done in range(0, FRAMES + 1, BLOCK)]


CHILD = """
import os, resource, signal, sys
from depth_models.data import nyu, prepared
from depth_models.errors import DepthModelsError

nyu._BLOCK_FRAMES = 8
mat, out, how, number = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
written = 0
encode = prepared.encode_depth

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def encode_or_die(frame):
    global written
    written += 1
    if how == "frame" and written == number:
        die()
    return encode(frame)

prepared.encode_depth = encode_or_die
if how == "limit":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (number, number))
try:
    prepared.prepare(mat, out, lambda done, frames: die() if how == "block" and done == number else None)
except DepthModelsError as error:
    print(error)
"""


def child(*arguments):
    command = [sys.executable, "-c", CHILD, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(("how", "number"), [("block", 0), ("block", 24), ("frame", 1), ("frame", 29), ("frame", 75)])
def test_killed_at_any_moment_it_goes_on_and_ends_with_the_same_bytes(mat, folder, tmp_path, how, number):
    assert child(mat, tmp_path / "out", how, number).returncode == -9
    done = json.loads((tmp_path / "out" / "prepared.json").read_text())["done"]
    assert done == {("block", 24): 24, ("frame", 29): 8, ("frame", 75): 32}.get((how, number), 0)
    with pytest.raises(DepthModelsError, match=f"half written, {done} of 40 frames; go on with depth-models data prep"):
        open_source(tmp_path / "out")
    first = []
    prepare(mat, tmp_path / "out", lambda done, frames: first.append(done))
    assert first[0] == done
    assert content(tmp_path / "out") == content(folder)


def test_a_full_disk_is_a_clear_error_and_what_is_done_stays(mat, folder, tmp_path):
    """With files limited to a size that the record fits into, and three of five blocks of pictures."""
    printed = child(mat, tmp_path / "out", "limit", 8000).stdout
    assert "out: cannot be written (File too large); 24 of 40 frames are done, and the same command goes on" in printed
    prepare(mat, tmp_path / "out")
    assert content(tmp_path / "out") == content(folder)


def test_a_folder_that_cannot_be_made_is_a_clear_error(mat, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DepthModelsError, match=r"file/out: cannot be written \(Not a directory\); 0 of 40 frames"):
        prepare(mat, tmp_path / "file" / "out")


def test_an_unfinished_folder_that_lost_bytes_does_not_go_on(mat, copy):
    manifest = json.loads((copy / "prepared.json").read_text())
    (copy / "prepared.json").write_text(json.dumps(manifest | {"done": 16}))
    (copy / "rgb.npy").write_bytes((copy / "rgb.npy").read_bytes()[:1000])
    with pytest.raises(DepthModelsError, match=r"rgb.npy: shorter than its 16 frames"):
        prepare(mat, copy)


def test_another_file_is_not_prepared_into_the_folder(mat, copy, tmp_path):
    other = write_mat(tmp_path / "other.mat", **nyu_arrays(3))
    with pytest.raises(DepthModelsError, match=r"holds frames of .*nyu.mat.*, and not of .*other.mat"):
        prepare(other, copy)
    (copy / "prepared.json").unlink()
    with pytest.raises(DepthModelsError, match=r"has a rgb.npy of something else"):
        prepare(mat, copy)


@pytest.mark.slow
def test_its_memory_does_not_grow_with_the_file(tmp_path):
    """160 frames of NYUv2's size are 540 MB in the file's types."""
    frames, (height, width) = 160, (480, 640)
    arrays = nyu_arrays(1, height, width)
    many = {name: values * frames if isinstance(values, list) else values for name, values in arrays.items()}
    many = {k: v if isinstance(v, list) else np.broadcast_to(v, (frames, *v.shape[1:])) for k, v in many.items()}
    mat = write_mat(tmp_path / "nyu.mat", **many)
    code = (
        "import sys; from depth_models.data.prepared import prepare; prepare(*sys.argv[1:])\n"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    command = [sys.executable, "-c", code, mat, tmp_path / "out"]
    peak_kib = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert peak_kib * 1024 < 350e6  # getrusage's figure would begin with that of this process
