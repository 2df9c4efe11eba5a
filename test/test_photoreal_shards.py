"""The photo-realistic renderer's folder: shards whole or absent, a manifest of them, work that goes on after a kill.

A stand-in takes the worker's place, which writes its shard after a while without Blender.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("h5py")

from depth_models.data.check import check
from depth_models.data.nyu import NyuFile
from depth_models.data.sources import open_source
from photoreal.__main__ import Farm
from photoreal.shards import (
    FLATS_PER_SHARD,
    Shot,
    flats_of,
    missing,
    save_manifest,
    scene_name,
    shard_path,
    write_shard,
)
from photoreal.worker import intrinsics

ROOT = Path(__file__).resolve().parent.parent
SIZE = (6, 8)
STAND_IN = """
import sys, time
sys.path[:0] = {paths}
from test_photoreal_shards import facts, shots
from photoreal.shards import shard_path, write_shard
from pathlib import Path
folder, number = Path(sys.argv[1]), int(sys.argv[2])
(folder / ".frames-x").mkdir(exist_ok=True)
time.sleep({seconds})
if number in {broken}:
    sys.exit(3)
write_shard(shard_path(folder, number), shots(number), facts(number))
"""


def shots(number, frames=3):
    rng = np.random.default_rng(number)
    made = []
    for i in range(frames):
        depth = rng.uniform(0.4, 9, SIZE).astype(np.float32)
        depth[0, :3] = 0
        rgb = rng.integers(1, 256, (*SIZE, 3), dtype=np.uint8)
        pose = np.eye(4) + rng.uniform(0, 0.1, (4, 4))
        scene = scene_name(5, number * FLATS_PER_SHARD + i % 2)
        made.append(Shot(rgb, depth, intrinsics(60.0 + i, SIZE), pose, "office", scene))
    return made


def facts(number):
    return {"generator": "photoreal", "number": number, "seed": 5, "bpy": "4.2.0", "cpu_s": 1.5}


def stand_in(seconds=0.0, broken=()):
    paths = [str(ROOT), str(ROOT / "test")]
    return ("-c", STAND_IN.format(paths=paths, seconds=seconds, broken=set(broken)))


def farm(folder, flats=None, worker=None, **changes):
    values = {"out": folder, "flats": flats, "seed": 5, "size": "6x8", "samples": 5, "workers": 2} | changes
    return Farm(argparse.Namespace(**values), worker or stand_in())


def frames_there(folder):
    return sorted(path.name for path in folder.glob("*.mat"))


def test_a_shard_is_read_as_any_file_in_nyuv2s_layout_with_cameras_scenes_and_invalid_depth(tmp_path):
    path, expected = shard_path(tmp_path, 7), shots(7)
    write_shard(path, expected, facts(7))
    file = NyuFile(path)
    assert path.name == "shard-00007.mat"
    assert file.scenes == ["flat_s5p000014", "flat_s5p000015", "flat_s5p000014"]
    assert file.scene_types == ["office"] * 3
    assert file.description == {"file": path.name, "frames": 3, "depth": "depths", **facts(7)}
    for i, shot in enumerate(expected):
        sample = file[i]
        np.testing.assert_array_equal(sample.rgb, shot.rgb)
        np.testing.assert_array_equal(sample.depth, shot.depth)
        np.testing.assert_array_equal(sample.valid, shot.depth > 0)
        assert sample.camera.horizontal_fov_deg == pytest.approx(60 + i)
        assert (sample.camera.cx, sample.camera.cy) == (3.5, 2.5)
    assert check(tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == ["shard-00007.mat"]  # nothing half written is left


def test_flats_of_several_seeds_have_names_of_their_own():
    assert scene_name(41, 12) == "flat_s41p000012"
    assert len({scene_name(seed, flat) for seed in (1, 11) for flat in (2, 12)}) == 4


def test_a_shards_flats_are_its_own_and_the_lowest_missing_one_is_next(tmp_path):
    assert sorted([*flats_of(0), *flats_of(1), *flats_of(2)]) == list(range(3 * FLATS_PER_SHARD))
    for number in (0, 1, 3):
        shard_path(tmp_path, number).touch()
    assert missing(tmp_path, set(), None) == 2
    assert missing(tmp_path, {2}, None) == 4
    assert missing(tmp_path, {2}, 4) is None


def test_the_manifest_is_made_of_the_shards_that_are_there(tmp_path):
    for number in (2, 0):
        write_shard(shard_path(tmp_path, number), shots(number, 2 + number), facts(number))
    (tmp_path / ".shard-00001.mat.9").write_bytes(b"half")
    manifest = save_manifest(tmp_path, {"seed": 5})
    assert manifest == json.loads((tmp_path / "manifest.json").read_text())
    assert (manifest["seed"], manifest["frames"]) == (5, 6)
    assert [(row["file"], row["frames"], row["bpy"]) for row in manifest["shards"]] == [
        ("shard-00000.mat", 2, "4.2.0"),
        ("shard-00002.mat", 4, "4.2.0"),
    ]


def test_a_number_of_flats_is_rendered_once_and_added_to_later(tmp_path, capsys):
    assert farm(tmp_path, flats=2 * FLATS_PER_SHARD - 1).run() == 0
    assert frames_there(tmp_path) == ["shard-00000.mat", "shard-00001.mat"]
    before = shard_path(tmp_path, 0).stat().st_mtime_ns
    assert farm(tmp_path, flats=3 * FLATS_PER_SHARD).run() == 0
    assert shard_path(tmp_path, 0).stat().st_mtime_ns == before
    lines = capsys.readouterr().out.splitlines()
    assert "6 frames there" in lines[3]
    assert "shard 2: 3 frames; 9 in all" in lines[4]
    assert lines[4].endswith("an hour")
    source = open_source(tmp_path)
    assert (len(source), len(set(source.scenes))) == (9, 6)
    assert not list(tmp_path.glob(".frames-*"))


def test_a_shard_that_fails_is_said_and_the_others_are_made(tmp_path, capsys):
    assert farm(tmp_path, 3 * FLATS_PER_SHARD, stand_in(broken=[1])).run() == 1
    assert frames_there(tmp_path) == ["shard-00000.mat", "shard-00002.mat"]
    assert "shard 1 failed (3); see" in capsys.readouterr().out
    assert farm(tmp_path, 3 * FLATS_PER_SHARD).run() == 0  # and is tried again
    assert len(frames_there(tmp_path)) == 3


def run_program(folder, seconds):
    """The program itself in a process of its own, with the stand-in."""
    program = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "test")!r}]
import photoreal.__main__ as program
from test_photoreal_shards import stand_in
program.Farm.__init__.__defaults__ = (stand_in({seconds}),)
sys.exit(program.main())
"""
    command = [sys.executable, "-c", program, "--out", str(folder), "--seed", "5", "--size", "6x8"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def wait_for(condition):
    end_s = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.05)


def test_after_a_kill_the_same_command_goes_on_and_an_interrupt_ends_it_cleanly(tmp_path):
    process = run_program(tmp_path, 0.5)
    wait_for(lambda: len(frames_there(tmp_path)) >= 2)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    (tmp_path / ".shard-00009.mat.1").write_bytes(b"half")
    before = {name: (tmp_path / name).stat().st_mtime_ns for name in frames_there(tmp_path)[:2]}
    there = len(frames_there(tmp_path))
    process = run_program(tmp_path, 0.5)
    wait_for(lambda: len(frames_there(tmp_path)) >= there + 2)  # it renders, whatever the first one left
    second = run_program(tmp_path, 0.5)
    assert second.wait() == 1  # one at a time
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert output.endswith("stopped; the same command goes on\n")
    assert before == {name: (tmp_path / name).stat().st_mtime_ns for name in before}
    assert check(tmp_path) == []
    left = {path.name for path in tmp_path.iterdir()} - set(frames_there(tmp_path))
    assert left == {"manifest.json", "worker.log", ".lock"}
    listed = [row["file"] for row in json.loads((tmp_path / "manifest.json").read_text())["shards"]]
    assert listed == frames_there(tmp_path)


@pytest.mark.parametrize("change", [{"seed": 6}, {"size": "12x16"}])
def test_a_folder_of_another_seed_or_size_is_refused(tmp_path, change):
    farm(tmp_path, FLATS_PER_SHARD).run()
    with pytest.raises(SystemExit, match=f"holds shards of {next(iter(change))} .* choose another"):
        farm(tmp_path, FLATS_PER_SHARD, **change).run()


def environment() -> Path:
    """Where `make photoreal` makes its environment."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("PHOTOREAL_ENV") or Path(cache) / "depth_estimation_ros" / "photoreal")


@pytest.mark.slow
def test_what_blender_renders_is_metric_depth_along_the_optical_axis(tmp_path):
    python = environment() / "bin" / "python"
    if not python.exists():
        pytest.skip(f"no Blender in {environment()}: `make photoreal` makes it")
    command = [python, "-m", "photoreal", "--out", tmp_path, "--flats", "1", "--size", "48x64", "--samples", "2"]
    subprocess.run(command, cwd=ROOT, check=True)
    assert check(tmp_path) == []
    import h5py

    source = open_source(tmp_path)
    with h5py.File(shard_path(tmp_path, 0), "r") as file:
        poses = file["poses"][:]
    assert len(source) == len(poses) >= 16
    on_floor = []
    for i, pose in enumerate(poses):
        sample = source[i]
        camera = sample.camera
        points = pose[:3, 3] + camera.rays(camera.pixels(), pose) * sample.depth.reshape(-1, 1)
        near = sample.valid.ravel() & (sample.depth.ravel() < 6)
        assert sample.rgb.std() > 5
        on_floor.append((np.abs(points[near, 2]) < 0.0005).mean())
    # The floor is the plane z = 0. Depth along the ray, or of another camera, would bend or tilt it.
    assert np.mean(np.array(on_floor) > 0.03) > 0.4
