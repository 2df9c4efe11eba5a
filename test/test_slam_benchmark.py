"""The SLAM benchmark around ORB-SLAM3: what it is given, what becomes of a run that fails, and the tables."""

import json
import math
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import slam_modules
import yaml
from box_room import CAMERA, HALF_M, pose, see
from PIL import Image

pytest.importorskip("matplotlib")
pytest.importorskip("embreex")

from depth_models.data.posed import PosedSequence
from depth_models.types import Depth

slam = pytest.fixture(scope="module", name="slam")(slam_modules.modules)
LOST = {"tracked": 0.2, "lost": "it hung"}
DEPTH = Depth(np.full((6, 8), 2.0, np.float32), np.ones((6, 8), bool))


@pytest.fixture
def sequence(tmp_path):
    """Four frames, 0.1 s apart, of 3 m; the third has no depth image."""
    folder = tmp_path / "room"
    for part in ("rgb", "depth"):
        (folder / part).mkdir(parents=True)
    for n in range(4):
        Image.fromarray(np.full((6, 8, 3), 90, np.uint8)).save(folder / "rgb" / f"{n}.png")
        Image.fromarray(np.full((6, 8), 15000, np.uint16)).save(folder / "depth" / f"{n}.png")
    (folder / "rgb.txt").write_text("".join(f"{n / 10} rgb/{n}.png\n" for n in range(4)))
    (folder / "depth.txt").write_text("".join(f"{n / 10} depth/{n}.png\n" for n in (0, 1, 3)))
    (folder / "groundtruth.txt").write_text("".join(f"{n / 10} {n} 0 0 0 0 0 1\n" for n in range(4)))
    camera = {"fx": 50.0, "fy": 60.0, "cx": 3.5, "cy": 2.5, "width": 8, "height": 6}
    (folder / "camera.yaml").write_text(yaml.safe_dump(camera))
    return PosedSequence(folder)


def program(path, text):
    """A stand-in for the environment's Python."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def run_of(slam, sequence, python, seconds=20.0):
    tools = slam.runs.Tools(python, Path("words.txt"))
    return slam.runs.run(tools, sequence, Path("groundtruth.txt"), [Path("d.png")] * 4, seconds)


@pytest.mark.parametrize(
    ("pictures", "poses", "reason"),
    [
        (1, (0, 1, 2, 3), "of its 1 pictures 1 have a pose"),
        (4, (), "of its 4 pictures 0 have a pose"),
        (4, (0, 0, 0, 0), "the camera moves by 0.000 m in all"),
    ],
    ids=["one frame", "no poses", "no motion"],
)
def test_a_sequence_on_which_no_error_means_anything_is_refused_before_any_run(
    slam, sequence, tmp_path, capsys, monkeypatch, pictures, poses, reason
):
    folder = sequence.frames[0].picture.parent.parent
    (folder / "rgb.txt").write_text("".join(f"{n / 10} rgb/{n}.png\n" for n in range(pictures)))
    turns = [f"{n / 10} {x} 0 0 0 0 {math.sin(n)} {math.cos(n)}\n" for n, x in enumerate(poses)]
    (folder / "groundtruth.txt").write_text("".join(turns or ["9 0 0 0 0 0 0 1\n"]))
    monkeypatch.setattr(slam.run.environment, "python_of", lambda cache: Path("python"))
    words = tmp_path / "words.txt"
    monkeypatch.setattr(sys, "argv", ["run.py", str(folder), "--page", str(tmp_path / "p"), "--vocabulary", str(words)])
    assert slam.run.main() == 1
    assert reason in capsys.readouterr().err


def test_a_run_that_crashes_hangs_or_loses_track_is_lost_and_has_no_error(slam, sequence, tmp_path):
    crashed = run_of(slam, sequence, program(tmp_path / "a", "echo broken >&2; kill -SEGV $$"))
    assert crashed == {"tracked": 0.0, "lost": "track.py ended with signal 11: broken"}
    refused = run_of(slam, sequence, program(tmp_path / "b", "exit 3"))
    assert refused == {"tracked": 0.0, "lost": "track.py ended with exit code 3: no message"}
    hung = run_of(slam, sequence, program(tmp_path / "c", "exec sleep 60"), seconds=0.2)
    assert hung == {"tracked": 0.0, "lost": "track.py hung: nothing after 0 s"}
    states = '["NOT_INITIALIZED", "OK", "LOST", "OK"]'
    astray = run_of(slam, sequence, program(tmp_path / "d", f"echo '{states}' > states.json"))
    assert astray == {"tracked": 0.25, "lost": "tracked 25% of the frames in one map"}


def test_a_run_is_scored_over_the_frames_of_its_longest_map(slam, sequence, tmp_path, monkeypatch):
    """The stand-in tracks like ORB-SLAM3, and where it should score it prints the stamps of the poses it was given."""
    poses = "".join(f"{n / 10:.6f} 0 0 0 0 0 0 1\\n" for n in range(4))
    python = program(
        tmp_path / "python",
        f"""case "$1" in *track.py) echo '["OK", "LOST", "OK", "RECENTLY_LOST"]' > states.json
        cp job.json settings.yaml {tmp_path}; printf '{poses}' > trajectory.txt;;
        *) printf '{{"stamps": [%s]}}' "$(cut -d" " -f1 trajectory.txt | paste -sd,)"; esac""",
    )
    monkeypatch.setattr(slam.runs, "FEWEST_TRACKED", 0.25)
    assert run_of(slam, sequence, python) == {"tracked": 0.25, "stamps": [0.2, 0.3]}
    job = json.loads((tmp_path / "job.json").read_text())
    assert [frame[0] for frame in job["frames"]] == [0.0, 0.1, 0.2, 0.3]
    assert job["frames"][1][1:] == [str(sequence.frames[1].picture), "d.png"]
    settings = cv2.FileStorage(str(tmp_path / "settings.yaml"), cv2.FILE_STORAGE_READ)
    assert settings.getNode("Camera1.fy").real() == 60
    assert settings.getNode("Camera.fps").real() == 10
    assert settings.getNode("Stereo.b").real() * settings.getNode("Stereo.ThDepth").real() == pytest.approx(2.0)


def test_the_longest_map_ends_where_a_new_one_begins(slam):
    states = ["OK", "LOST", "OK", "RECENTLY_LOST", "OK", "NOT_INITIALIZED", "OK", "OK"]
    assert slam.runs.longest_map(states) == slice(2, 5)
    assert slam.runs.longest_map(["OK"] * 3) == slice(0, 3)
    assert slam.runs.longest_map(["NOT_INITIALIZED"]) == slice(0, 0)


def test_depth_is_written_as_the_settings_say_and_what_does_not_fit_is_invalid(slam, tmp_path):
    metres = np.array([[1.5, np.nan, np.inf], [13.2, -1.0, 13.1]], np.float32)
    (path,) = slam.runs.write_depth(tmp_path, iter([metres]))
    np.testing.assert_array_equal(np.asarray(Image.open(path)), [[7500, 0, 0], [0, 0, 65500]])


def test_variants_of_depth_are_what_their_names_say(slam, sequence):
    """A network that sees every metre as 0.8, 0.5 and 0.75 m of its own."""
    shares = [0.8, 0.5, 0.6, 0.75]
    names = {variant.name: variant.depth for variant in slam.variants.VARIANTS}

    def predict(i):
        metres = np.full((6, 8), 3.0 * shares[i], np.float32)
        return SimpleNamespace(metres=metres, sigma_metres=metres * np.linspace(0.1, 0.2, 8, dtype=np.float32))

    def middles(name):
        return [float(metres[3, 3]) for metres in names[name](sequence, predict)]

    assert middles("true depth")[:2] == [3, 3]
    assert math.isnan(middles("true depth")[2])  # has no depth image
    assert middles("constant") == [slam.variants.CONSTANT_M] * 4
    np.testing.assert_allclose(middles("raw"), np.multiply(3.0, shares), rtol=1e-6)
    # Bare pictures show nothing in common, so the scale begins anew with each.
    for name in ("steady scale", "range", "height", "points", "masked", "steady, masked", "all aids"):
        np.testing.assert_allclose(middles(name), middles("raw"), rtol=1e-6)
    for name in ("masked", "steady, masked", "all aids"):  # the right half has a sigma of more than 15 %
        for metres in names[name](sequence, predict):
            np.testing.assert_array_equal(np.isnan(metres), np.tile(np.arange(8) > 3, (6, 1)))
    np.testing.assert_allclose(middles("raw, one true scale"), np.multiply(3 / 0.75, shares), rtol=1e-6)
    np.testing.assert_allclose(middles("raw, true scales"), [3, 3, np.nan, 3], rtol=1e-6)
    assert names["monocular"] is None


def test_simulated_sensors_tell_by_what_depth_is_wrong(slam):
    """Of a box room seen a little from above, whose depth is 1.3 times too far."""
    where, rng = pose(pitch=-0.35), np.random.default_rng(0)
    seen = slam.sensors.Seen(see(where)[1], tuple(where[:3, :3].T @ [0, -1, 0]), HALF_M[1])
    for sensor in (slam.sensors.by_range, slam.sensors.by_height, slam.sensors.by_points):
        reading = sensor(seen, seen.truth * np.float32(1.3), CAMERA, rng)
        assert np.median(reading.log_errors) == pytest.approx(np.log(1.3), abs=0.03)
    assert len(reading.log_errors) == slam.sensors.POINTS
    assert 0.01 < np.std(reading.log_errors) < 0.03


def test_sensors_see_a_frame_that_has_depth_and_pose_with_the_worlds_z_up(slam, sequence, tmp_path):
    tilted = f"0 5 6 1.5 {-math.sin(math.pi / 4)} 0 0 {math.cos(math.pi / 4)}\n0.2 0 0 0 0 0 0 1\n"
    (tmp_path / "room" / "groundtruth.txt").write_text(tilted)
    sequence = PosedSequence(tmp_path / "room")
    seen = slam.sensors.Seen.of(sequence, 0)
    assert seen.height_m == 1.5
    np.testing.assert_allclose(seen.up, [0, -1, 0], atol=1e-12)  # the picture's y points to the floor
    np.testing.assert_allclose(seen.truth, 3.0)
    assert slam.sensors.Seen.of(sequence, 1) is None  # no pose
    assert slam.sensors.Seen.of(sequence, 2) is None  # no depth


def test_rows_are_run_once_each_and_again_where_what_they_are_made_of_changed(slam, sequence, tmp_path, monkeypatch):
    """Two at a time, with a network that is asked once for every frame, and a SLAM that sees what depth it is given."""
    asked, ran = [], []
    monkeypatch.setattr(slam.variants, "_predictor", lambda _: lambda rgb, **focal: asked.append(focal) or DEPTH)
    monkeypatch.setattr(slam.runs, "run", lambda tools, seq, reference, depths, seconds: ran.append(depths) or LOST)
    for name in ("words.txt", "net.safetensors"):
        (tmp_path / name).write_text(name)
    tools = slam.runs.Tools(Path("python"), tmp_path / "words.txt")

    def rows(runs):
        args = SimpleNamespace(cache=tmp_path / "cache", runs=runs, jobs=2)
        return dict(slam.run.results_of(tmp_path / "room", tools, tmp_path / "net.safetensors", args))

    count = len(slam.variants.VARIANTS)
    assert rows(2) == {variant.name: [LOST, LOST] for variant in slam.variants.VARIANTS}
    assert (len(ran), ran.count(None)) == (2 * count, 2)  # monocular has no depth
    assert asked == [{"fx": 50.0, "fy": 60.0}] * 4
    rows(2)
    assert len(ran) == 2 * count
    (tmp_path / "net.safetensors").write_text("better")
    rows(1)
    assert len(ran) == 2 * count + sum(variant.network for variant in slam.variants.VARIANTS)
    monkeypatch.setattr(slam.runs, "_FAR_M", 5.0)
    ran.clear()
    rows(1)
    assert len(ran) == count


def test_a_result_is_used_again_only_for_what_it_was_made_of(slam, tmp_path):
    path = tmp_path / "raw" / "0.json"
    assert slam.runs.cached(path, {"checkpoint": "a"}) is None
    slam.runs.store(path, {"checkpoint": "a"}, LOST)
    assert slam.runs.cached(path, {"checkpoint": "a"}) == LOST
    assert slam.runs.cached(path, {"checkpoint": "b"}) is None
