"""Rooms as a file: NYUv2's layout, the same frames whatever the workers, whole or absent."""

import os
import subprocess
import sys
import textwrap
from functools import partial

import numpy as np
import pytest

pytest.importorskip("h5py")
pytest.importorskip("embreex")

import h5py

from depth_models.data.nyu import read_strings
from depth_models.data.rooms.generate import dataset_frame, generate
from depth_models.data.rooms.workers import mapped
from depth_models.errors import DepthModelsError

FRAMES, SIZE, SEED = 10, (48, 64), 3  # two rooms


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return generate(tmp_path_factory.mktemp("rooms") / "rooms.mat", FRAMES, SIZE, SEED, workers=1)


def test_layout_is_nyuv2s(path):
    height, width = SIZE
    with h5py.File(path) as file:
        expected = {
            "images": ((FRAMES, 3, width, height), np.uint8),
            "depths": ((FRAMES, width, height), np.float32),
            "rawDepths": ((FRAMES, width, height), np.float32),
            "accelData": ((4, FRAMES), np.float64),
            "intrinsics": ((FRAMES, 4), np.float64),
            "poses": ((FRAMES, 4, 4), np.float64),
        }
        for name, (shape, dtype) in expected.items():
            assert file[name].shape == shape
            assert file[name].dtype == dtype
        assert file["images"].chunks == (1, 3, width, height)
        assert file["images"].compression == "gzip"
        for name in ("scenes", "sceneTypes", "rawRgbFilenames", "rawDepthFilenames"):
            assert file[name].shape == (1, FRAMES)
            text = file[file[name][0, 0]]  # as every reader of the real file takes a string
            assert text.dtype == np.uint16
            assert text.shape[1] == 1
        scenes, kinds = read_strings(file, "scenes"), read_strings(file, "sceneTypes")
        assert [s.rsplit("_", 1)[0] for s in scenes] == kinds
        assert len(set(scenes)) == 2
        assert len(set(read_strings(file, "rawDepthFilenames"))) == FRAMES
        assert dict(file.attrs)["seed"] == SEED
        assert {"generator", "version"} <= set(file.attrs)


def test_starts_with_matlabs_header(path):
    head = path.read_bytes()[:512]
    assert head.startswith(b"MATLAB 7.3 MAT-file")
    assert head[124:128] == b"\x00\x02IM"  # version 2.0, little-endian


def test_file_holds_the_frames(path):
    with h5py.File(path) as file:
        for index in (0, 9):
            frame = dataset_frame(SEED, index, SIZE)
            np.testing.assert_array_equal(file["images"][index].transpose(2, 1, 0), frame.rgb)
            np.testing.assert_array_equal(file["depths"][index].T, frame.depth)
            np.testing.assert_array_equal(file["rawDepths"][index].T, frame.raw_depth)
            np.testing.assert_array_equal(file["poses"][index], frame.pose)
            assert file["intrinsics"][index].tolist() == [frame.camera.fx, frame.camera.fy, 31.5, 23.5]
            down = file["accelData"][:3, index]
            np.testing.assert_allclose(frame.pose[:3, :3] @ down, [0, 0, -1], atol=1e-12)


def test_workers_do_not_change_the_frames(path, tmp_path):
    seen = []
    two = generate(tmp_path / "two.mat", FRAMES, SIZE, SEED, workers=2, progress=lambda *a: seen.append(a))
    with h5py.File(path) as a, h5py.File(two) as b:
        for name in ("images", "depths", "rawDepths", "poses", "intrinsics"):
            np.testing.assert_array_equal(a[name][()], b[name][()])
        assert read_strings(a, "scenes") == read_strings(b, "scenes")
    assert seen == [(8, FRAMES), (10, FRAMES)]


def test_fewer_views_are_of_more_rooms_and_are_the_same_frames(path, tmp_path):
    with h5py.File(path) as eight, h5py.File(generate(tmp_path / "c.mat", 3, SIZE, SEED, workers=1, views=2)) as two:
        assert [name.rsplit("_", 1)[1] for name in read_strings(two, "scenes")] == ["0000", "0000", "0001"]
        for name in ("images", "depths", "poses"):
            np.testing.assert_array_equal(two[name][()], eight[name][()][[0, 1, 8]])
        assert "--frames 3 " in two.attrs["command"]
        assert two.attrs["command"].endswith("--views 2")
        assert "--views" not in eight.attrs["command"]


def test_interrupted_run_leaves_nothing(tmp_path):
    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(tmp_path / "rooms.mat", FRAMES, SIZE, SEED, workers=1, progress=stop)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"frames": 0}, "frames=0"),
        ({"workers": 0}, "workers=0"),
        ({"views": 0}, "views=0"),
        ({"seed": -1}, "seed=-1"),
        ({"size": (16, 64)}, "16x64"),
    ],
)
def test_bad_arguments_are_refused(tmp_path, change, words):
    arguments = {"frames": 1, "size": SIZE, "seed": 0, "workers": 1} | change
    with pytest.raises(DepthModelsError, match=words):
        generate(tmp_path / "rooms.mat", **arguments)
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DepthModelsError, match="cannot be written"):
        generate(tmp_path / "file" / "rooms.mat", 1, SIZE, 0, workers=1)


def test_no_space_is_a_clear_error(tmp_path):
    """A limit on the file's size stands for a full disk: the write fails in the middle."""
    code = f"""
        import resource, signal
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        from depth_models.data.rooms.generate import generate
        from depth_models.errors import DepthModelsError
        try:
            generate({str(tmp_path / "rooms.mat")!r}, 40, (96, 128), 0, workers=1)
        except DepthModelsError as error:
            print("refused:", error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120)
    assert done.stdout.startswith("refused:"), done.stderr
    assert "rooms.mat" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_rendering_processes_have_one_thread_each_and_this_process_keeps_its_own(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    with mapped(partial(os.getenv, "OMP_NUM_THREADS"), range(3), workers=2) as results:
        assert list(results) == ["1", "1", "1"]
    assert os.environ["OMP_NUM_THREADS"] == "7"
