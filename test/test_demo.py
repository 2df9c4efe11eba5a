"""The demo: its sources, its books, and whole runs of its processes over real DDS."""

import os
import re
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from depth_estimation_ros.demo.room import RoomTour
from depth_estimation_ros.demo.sources import LONGEST_SIDE_PX, open_source
from depth_estimation_ros.demo.tally import LATTICE_PX, PICTURES_AT, Tally, implausible
from depth_models import DepthModelsError, DepthPredictor
from depth_models.data.rooms import camera_path, render, sample_room
from depth_models.data.rooms.generate import room_seed
from depth_models.types import Camera

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 120.0
RNG = np.random.default_rng(0)
RGBS = RNG.integers(0, 256, (3, 24, 32, 3), dtype=np.uint8)


def rgbs_of(source):
    return [frame.rgb for frame in source.frames()]


# Sources


def test_a_folder_is_its_images_in_name_order(tmp_path):
    for name, rgb in zip(["b.png", "c.PNG", "a.png"], RGBS, strict=True):
        PillowImage.fromarray(rgb).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    source = open_source(tmp_path)
    np.testing.assert_array_equal(rgbs_of(source), RGBS[[2, 0, 1]])
    assert not source.has_truth
    np.testing.assert_array_equal(rgbs_of(open_source(tmp_path / "b.png")), RGBS[:1])


def test_a_large_image_is_reduced_by_averaging(tmp_path):
    rgb = RNG.integers(0, 256, (8, 2 * LONGEST_SIDE_PX, 3), dtype=np.uint8)
    PillowImage.fromarray(rgb).save(tmp_path / "wide.png")
    (reduced,) = rgbs_of(open_source(tmp_path / "wide.png"))
    blocks = rgb.reshape(4, 2, LONGEST_SIDE_PX, 2, 3).mean(axis=(1, 3))
    assert np.abs(reduced - blocks).max() <= 0.5


def test_a_video_of_thirty_frames_a_second_gives_every_third(tmp_path):
    path = tmp_path / "video.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 30.0, (64, 48))
    for number in range(10):
        writer.write(np.full((48, 64, 3), (20 * number, 0, 200), np.uint8))  # blue, green, red
    writer.release()
    frames = np.array(rgbs_of(open_source(path)), int)
    assert frames.shape == (4, 48, 64, 3)
    expected = np.array([(200, 0, 20 * number) for number in (0, 3, 6, 9)])
    assert np.abs(frames - expected[:, None, None]).max() <= 4  # JPEG


STORE = get_typestore(Stores.ROS2_HUMBLE)
TYPES = STORE.types


def header(number):
    stamp = TYPES["builtin_interfaces/msg/Time"](sec=number, nanosec=0)
    return TYPES["std_msgs/msg/Header"](stamp=stamp, frame_id="camera")


def image(encoding, pixels):
    height, width = pixels.shape[:2]
    data = np.ascontiguousarray(pixels).view(np.uint8).ravel()
    return TYPES["sensor_msgs/msg/Image"](
        header=header(0), height=height, width=width, encoding=encoding, is_bigendian=0,
        step=data.size // height, data=data,
    )  # fmt: skip


def compressed(pixels, kind="png"):
    data = cv2.imencode(".png", pixels[..., ::-1])[1].ravel()
    return TYPES["sensor_msgs/msg/CompressedImage"](header=header(0), format=kind, data=data)


def camera_info(width, height):
    roi = TYPES["sensor_msgs/msg/RegionOfInterest"](x_offset=0, y_offset=0, height=0, width=0, do_rectify=False)
    return TYPES["sensor_msgs/msg/CameraInfo"](
        header=header(0), height=height, width=width, distortion_model="plumb_bob", d=np.array([0.1, 0.2, 0, 0, 0]),
        k=np.array([60.0, 0, 31.5, 0, 62, 23.5, 0, 0, 1]), r=np.eye(3).ravel(),
        p=np.array([60.0, 0, 31.5, 0, 0, 62, 23.5, 0, 0, 0, 1, 0]), binning_x=0, binning_y=0, roi=roi,
    )  # fmt: skip


def write_bag(path, messages, plugin=StoragePlugin.SQLITE3):
    """Messages are (topic, seconds, message)."""
    with Writer(path, version=9, storage_plugin=plugin) as writer:
        connections = {}
        for topic, seconds, message in messages:
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, message.__msgtype__, typestore=STORE)
            data = STORE.serialize_cdr(message, message.__msgtype__)
            writer.write(connections[topic], 1_000_000_000 + round(seconds * 1e9), data)
    return path


@pytest.mark.parametrize(("plugin", "suffix"), [(StoragePlugin.SQLITE3, ".db3"), (StoragePlugin.MCAP, ".mcap")])
def test_a_bag_is_its_first_colour_topic_in_real_time_with_the_camera_info_beside_it(tmp_path, plugin, suffix):
    depth = image("16UC1", np.full((24, 32), 1000, np.uint16))
    messages = [("/a/depth", 0.0, depth), ("/camera/camera_info", 0.0, camera_info(64, 48))]
    messages += [("/camera/image", 0.05 * n, image("bgr8", RGBS[n % 3][..., ::-1])) for n in range(6)]  # 20 Hz
    messages += [("/other/image", 0.05 * n, image("rgb8", RGBS[0] * 0)) for n in range(6)]
    messages += [("/other/camera_info", 0.0, camera_info(32, 24))]
    bag = write_bag(tmp_path / "bag", messages, plugin)
    for path in (bag, next(bag.glob(f"*{suffix}"))):
        frames = list(open_source(path).frames())
        np.testing.assert_array_equal([frame.rgb for frame in frames], RGBS[[0, 2, 1]])
        calibration = frames[0].calibration
        assert (calibration.width, calibration.height) == (32, 24)
        np.testing.assert_allclose(calibration.k, [30, 0, 15.5, 0, 31, 11.5, 0, 0, 1])  # half of the sensor's
        np.testing.assert_allclose(calibration.d, [0.1, 0.2, 0, 0, 0])


def test_a_bag_may_hold_compressed_images_and_no_camera_info(tmp_path):
    messages = [("/depth/compressedDepth", 0.0, compressed(RGBS[0] * 0))]
    messages[0][2].data = np.arange(40, dtype=np.uint8)
    messages += [("/camera/image/compressed", 0.5 * n, compressed(RGBS[n])) for n in range(3)]
    frames = list(open_source(write_bag(tmp_path / "bag", messages)).frames())
    np.testing.assert_array_equal([frame.rgb for frame in frames], RGBS)
    assert frames[0].calibration is None


def damaged_image(path):
    PillowImage.fromarray(RGBS[0]).save(path / "whole.png")
    (path / "half.png").write_bytes((path / "whole.png").read_bytes()[:500])
    return path / "half.png"


def written(name, content):
    def write(path):
        (path / name).write_bytes(content)
        return path / name

    return write


def bag_with_metadata(content):
    def write(path):
        (path / "metadata.yaml").write_bytes(content)
        return path

    return write


def truncated_bag(path):
    bag = write_bag(path / "bag", [("/image", 0.0, image("rgb8", RGBS[0]))], StoragePlugin.MCAP)
    (file,) = bag.glob("*.mcap")
    file.write_bytes(file.read_bytes()[:1000])
    return bag


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path / "absent", "no such file or folder; expected a folder of images"),
        (lambda path: path, "no image in this folder"),
        (damaged_image, "cannot be read as an image"),
        (written("empty.png", b""), "the file is empty"),
        (written("notes.txt", b"no video"), "not an image, nor a video that OpenCV can decode"),
        (written("empty.mp4", b""), "not an image, nor a video that OpenCV can decode"),
        (written("bag.mcap", b"no bag"), "cannot be read as a rosbag2"),
        (written("bag.db3", b"no bag"), "cannot be read as a rosbag2"),
        (bag_with_metadata(b"[1, 2"), "cannot be read as a rosbag2"),
        (bag_with_metadata(b""), "cannot be read as a rosbag2"),
        (truncated_bag, "cannot be read as a rosbag2"),
        (
            lambda path: write_bag(path / "bag", [("/camera_info", 0.0, camera_info(4, 4))]),
            "no colour image topic in this bag .its topics are /camera_info",
        ),
        (
            lambda path: write_bag(path / "bag", [("/d", 0.0, image("32FC1", np.ones((2, 2), np.float32)))]),
            "no colour image topic in this bag ./d: image of encoding '32FC1'",
        ),
    ],
)
def test_an_input_that_cannot_be_played_is_refused_with_the_reason(tmp_path, make, reason):
    with pytest.raises(DepthModelsError, match=reason):
        list(open_source(make(tmp_path)).frames())


# The rendered room


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_room_is_rendered_once_in_parts_and_played_to_and_fro(cache):
    tour = RoomTour(length=4, size=(36, 48))
    assert cache in tour.folder.parents
    assert tour.missing() == [0, 1, 2, 3]
    tour.render([3, 1])
    assert tour.missing() == [0, 2]
    tour.render(tour.missing())
    assert tour.missing() == []
    frames = list(tour.frames())
    assert len(frames) == 6
    for there, back in ((1, 5), (2, 4)):
        np.testing.assert_array_equal(frames[there].rgb, frames[back].rgb)
    for frame in frames:
        assert (frame.rgb.shape, frame.rgb.dtype) == ((36, 48, 3), np.uint8)
        assert (frame.truth.shape, frame.truth.dtype) == ((36, 48), np.float32)
        assert 0.2 < frame.truth.min() < frame.truth.max() < 15
        assert (frame.calibration.k[2], frame.calibration.k[5]) == (23.5, 17.5)
    room = sample_room(room_seed(7, 11))  # training data have seeds 1 and 2
    camera, poses = camera_path(room, 4, 1, 48, 36, rate_hz=10)
    np.testing.assert_array_equal(frames[2].truth, render(room, camera, poses[2], RNG).depth)
    np.testing.assert_allclose(frames[2].calibration.k, camera.K.ravel())


def test_a_damaged_cache_is_named(cache):
    tour = RoomTour(length=1, size=(2, 3))
    tour.store(0, RGBS[0], RGBS[0, ..., 0].astype(np.float32), Camera(1, 1, 1, 1, 32, 24))
    (file,) = tour.folder.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(DepthModelsError, match=f"remove {re.escape(str(tour.folder))}"):
        list(tour.frames())


# The books

MS = 1_000_000


def test_latency_is_from_stamp_to_arrival_and_a_skipped_image_is_older_than_the_newest_depth():
    tally = Tally(duration_s=15.0, has_truth=False)
    for number in range(6):
        tally.image(1000 * MS + 100 * MS * number, RGBS[0])
    for number, latency_ms in ((0, 50), (2, 30), (3, 40)):
        stamp = 1000 * MS + 100 * MS * number
        tally.depth(stamp, stamp + latency_ms * MS, np.array([[1.0, np.nan]], np.float32))
    score = tally.score()
    assert (score["images"], score["depths"], score["skipped"]) == (6, 3, 1)  # 4 and 5 may still be answered
    assert score["latency_ms"] == pytest.approx([40.0, 49.0])
    assert score["valid"] == 0.5
    assert score["abs_rel"] is None


def test_accuracy_pairs_depth_with_the_truth_of_its_stamp_whatever_the_order():
    tally = Tally(duration_s=15.0, has_truth=True)
    ones = np.ones((2 * LATTICE_PX, LATTICE_PX), np.float32)  # two pixels of the lattice
    half = ones.copy()
    half[0, 0] = np.nan
    tally.truth(1, ones * 2)
    tally.depth(1, 1, ones * 3)  # 0.5 too far, twice
    tally.depth(2, 2, half * 4)  # 0.2 too near, once
    assert tally.score()["abs_rel"] is None
    tally.image(1, RGBS[0])
    assert tally.score()["abs_rel"] == pytest.approx(0.5)
    tally.truth(2, ones * 5)
    tally.image(2, RGBS[0])
    tally.truth(3, ones)
    tally.image(3, RGBS[0])
    assert tally.score()["abs_rel"] == pytest.approx((0.5 + 0.5 + 0.2) / 3)
    assert tally.score()["delta1"] == pytest.approx(0.0)  # 1.25 is not below 1.25


def test_shots_are_whole_and_spread_over_the_run():
    tally = Tally(duration_s=10.0, has_truth=False)
    for tenth in range(100):
        if tenth != 0:  # never answered: not a shot
            tally.depth(tenth * 100 * MS, 0, np.full((1, 1), tenth, np.float32))
        tally.image(tenth * 100 * MS, np.full((1, 1, 3), tenth, np.uint8))
    times = [1 + round(100 * at) for at in PICTURES_AT]
    assert [shot.depth.item() for shot in tally.shots] == times
    assert [shot.rgb[0, 0, 0] for shot in tally.shots] == times


def test_a_frame_that_never_gets_whole_is_forgotten():
    tally = Tally(duration_s=1.0, has_truth=False)
    for number in range(1000):
        tally.image(number, RGBS[0])
    assert len(tally._parts) < 100


@pytest.mark.parametrize(
    ("score", "has_truth", "reason"),
    [
        ({}, True, "no depth arrived"),
        ({"depths": 0, "valid": None, "abs_rel": None}, False, "no depth arrived"),
        ({"depths": 3, "valid": 0.0, "abs_rel": None}, False, "NaN"),
        ({"depths": 3, "valid": 1.0, "abs_rel": None}, True, "compared"),
        ({"depths": 3, "valid": 1.0, "abs_rel": 0.61}, True, "AbsRel is 0.61"),
        ({"depths": 3, "valid": 1.0, "abs_rel": 0.59}, True, ""),
        ({"depths": 3, "valid": 0.1, "abs_rel": None}, False, ""),
    ],
)
def test_what_cannot_be_right_is_said(score, has_truth, reason):
    said = implausible(score, has_truth)
    assert (reason in said) if reason else said == ""


# Whole runs


class Demo:
    """The supervisor as a process in a group of its own, as a shell starts it; its output is in `output`."""

    def __init__(self, folder: Path, *arguments: str, cache: Path | None = None) -> None:
        self._mark = f"DEPTH_DEMO_TEST={uuid.uuid4()}"
        self._output = folder / "output"
        self.out = folder / "out"
        name, value = self._mark.split("=")
        environment = os.environ | {name: value, "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}
        environment["XDG_CACHE_HOME"] = str(cache or folder / "cache")
        command = [sys.executable, "-m", "depth_estimation_ros.demo", "--out", str(self.out), *arguments]
        with self._output.open("wb") as file:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
            )

    @property
    def output(self) -> str:
        return self._output.read_text()

    def wait_for(self, pattern: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not re.search(pattern, self.output):
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.02)

    def wait(self) -> int:
        return self.process.wait(PATIENCE_S)

    def descendants(self) -> list[int]:
        """Processes that inherited this run's mark, the supervisor left out."""
        marked = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if self._mark.encode() in (folder / "environ").read_bytes():
                    marked.append(int(folder.name))
            except OSError:  # it has just ended, or is another user's
                continue
        return [pid for pid in marked if pid != self.process.pid]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def run(tmp_path):
    """Starts demos and ends them."""
    pytest.importorskip("rclpy", reason="ROS 2 is not installed: pip install 'depth_estimation_ros[ros]'")
    demos = []

    def start(*arguments, **options):
        demos.append(Demo(tmp_path, *arguments, **options))
        return demos[-1]

    yield start
    for demo in demos:
        demo.close()


@pytest.fixture
def photographs(tmp_path):
    folder = tmp_path / "it's photographs"
    folder.mkdir()
    for number, rgb in enumerate(RGBS):
        PillowImage.fromarray(rgb).resize((160, 120)).save(folder / f"{number}.png")
    return folder


def pictures(demo):
    return [PillowImage.open(path).size for path in sorted(demo.out.glob("*.png"))]


def test_a_run_over_photographs_draws_what_came_and_needs_no_truth(run, weights, photographs, tmp_path):
    odd = tmp_path / "it's: #1.safetensors"  # for shells, and for YAML, as which ROS reads parameters
    odd.symlink_to(weights)
    demo = run("--weights", str(odd), "--input", str(photographs), "--seconds", "3")
    assert demo.wait() == 0, demo.output
    sent, depths, lost = map(int, re.search(r"(\d+) sent, (\d+) depths, .* (\d+) lost", demo.output).groups())
    assert 20 <= sent <= 31
    assert 0 < depths <= sent
    assert lost == 0
    assert f"unet from {odd} on " in demo.output
    assert re.search(r"latency +p50 \d+ ms, p95 \d+ ms", demo.output)
    assert "AbsRel" not in demo.output
    shown = pictures(demo)
    assert len(shown) >= 1
    assert all(str(path) in demo.output for path in demo.out.glob("*.png"))
    assert all(width > 2 * 160 and height > 120 for width, height in shown)
    assert demo.descendants() == []


def test_accuracy_is_the_predictors_against_the_rooms_truth(run, weights, cache, monkeypatch):
    tour = RoomTour()
    camera = Camera.from_fov(96, 64, 60.0)
    rgb = RNG.integers(0, 256, (64, 96, 3), dtype=np.uint8)
    predicted = DepthPredictor.from_checkpoint(weights, "cpu")(rgb, fx=camera.fx, fy=camera.fy).metres
    truth = (predicted * np.linspace(0.8, 1.4, 96)).astype(np.float32)
    for number in range(tour.length):
        tour.store(number, rgb, truth, camera)
    demo = run("--weights", weights, "--seconds", "2", cache=cache)
    assert demo.wait() == 0, demo.output
    expected = np.abs(1 / np.linspace(0.8, 1.4, 96) - 1)[::LATTICE_PX].mean()
    assert float(re.search(r"AbsRel (\d.\d+), delta1", demo.output)[1]) == pytest.approx(expected, abs=6e-4)
    assert "rendering" not in demo.output
    assert all(height > 2 * 64 for _, height in pictures(demo))


def test_numbers_that_cannot_be_right_fail_the_run(run, weights, cache):
    tour = RoomTour()
    for number in range(tour.length):
        tour.store(number, RGBS[0], np.full((24, 32), 1e-3, np.float32), Camera.from_fov(32, 24, 60.0))
    demo = run("--weights", weights, "--seconds", "1", cache=cache)
    assert demo.wait() == 1, demo.output
    assert "FAILED: AbsRel is" in demo.output
    assert "loaded unet" in demo.output.partition("FAILED")[2]  # the end of the node's log


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["--weights", "/no/such/file"], 1, "'/no/such/file' is neither a file"),
        (["--input", "/no/such/file"], 1, "demo: /no/such/file: no such file or folder"),
        (["--seconds", "0"], 2, "--seconds: 0 is not a positive number"),
        (["--speed", "2"], 2, "unrecognized arguments"),
    ],
)
def test_a_run_that_cannot_work_says_why(run, arguments, code, reason):
    demo = run(*arguments)
    assert demo.wait() == code, demo.output
    assert reason in demo.output
    assert "Traceback" not in demo.output
    assert demo.descendants() == []


def test_an_output_folder_that_cannot_be_made_is_named(run, tmp_path):
    (tmp_path / "out").write_text("a file where the folder should be")
    demo = run()
    assert demo.wait() == 1, demo.output
    assert f"demo: {demo.out}: cannot be written to" in demo.output


@pytest.mark.parametrize(
    ("stage", "number"),
    [
        ("rendering", signal.SIGINT),
        ("rendering", signal.SIGTERM),
        ("rendering", signal.SIGKILL),
        ("depths [1-9]", signal.SIGINT),
        ("depths [1-9]", signal.SIGKILL),
    ],
)
def test_signals_leave_no_process_behind(run, weights, photographs, stage, number):
    source = [] if stage == "rendering" else ["--input", str(photographs)]
    demo = run("--weights", weights, "--seconds", "60", *source)
    demo.wait_for(stage)
    assert len(demo.descendants()) >= 3
    if number == signal.SIGINT:
        os.killpg(demo.process.pid, number)  # as the terminal does, and impatient people
        time.sleep(0.05)
        os.killpg(demo.process.pid, number)
    else:
        demo.process.send_signal(number)
    assert demo.wait() == (128 + number if number != signal.SIGKILL else -number), demo.output
    deadline = time.monotonic() + (0 if number != signal.SIGKILL else PATIENCE_S)
    while (left := demo.descendants()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == []
    logs = [path.read_text() for path in demo.out.glob("*.log")]
    assert not any("Traceback" in text for text in [demo.output, *logs])
