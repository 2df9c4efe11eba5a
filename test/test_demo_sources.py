"""The demo's sources: images, videos, bags and the rendered room."""

import re

import cv2
import numpy as np
import pytest
from bag_files import camera_info, compressed, image, write_bag
from PIL import Image as PillowImage
from rosbags.rosbag2 import StoragePlugin

from depth_estimation_ros.demo.room import RoomTour
from depth_estimation_ros.demo.sources import LONGEST_SIDE_PX, open_source
from depth_models import DepthModelsError
from depth_models.data.rooms import camera_path, render, sample_room
from depth_models.data.rooms.generate import room_seed
from depth_models.types import Camera

RNG = np.random.default_rng(0)
RGBS = RNG.integers(0, 256, (3, 24, 32, 3), dtype=np.uint8)


def rgbs_of(source):
    return [frame.rgb for frame in source.frames()]


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


@pytest.mark.parametrize(("plugin", "suffix"), [(StoragePlugin.SQLITE3, ".db3"), (StoragePlugin.MCAP, ".mcap")])
def test_a_bag_is_its_first_colour_topic_in_real_time_with_the_camera_info_beside_it(tmp_path, plugin, suffix):
    depth = image(0, np.full((24, 32), 1000, np.uint16), "16UC1")
    messages = [("/a/depth", 0.0, depth), ("/camera/camera_info", 0.0, camera_info(0, 64, 48))]
    messages += [("/camera/image", 0.05 * n, image(0, RGBS[n % 3])) for n in range(6)]  # 20 Hz
    messages += [("/other/image", 0.05 * n, image(0, RGBS[0] * 0, "rgb8")) for n in range(6)]
    messages += [("/other/camera_info", 0.0, camera_info(0, 32, 24))]
    bag = write_bag(tmp_path / "bag", messages, plugin)
    for path in (bag, next(bag.glob(f"*{suffix}"))):
        frames = list(open_source(path).frames())
        np.testing.assert_array_equal([frame.rgb for frame in frames], RGBS[[0, 2, 1]])
        calibration = frames[0].calibration
        assert (calibration.width, calibration.height) == (32, 24)
        np.testing.assert_allclose(calibration.k, [30, 0, 15.5, 0, 31, 11.5, 0, 0, 1])  # half of the sensor's
        np.testing.assert_allclose(calibration.d, [0.1, 0.2, 0, 0, 0])


def test_a_bag_may_hold_compressed_images_and_no_camera_info(tmp_path):
    messages = [("/depth/compressedDepth", 0.0, compressed(0, RGBS[0] * 0))]
    messages[0][2].data = np.arange(40, dtype=np.uint8)
    messages += [("/camera/image/compressed", 0.5 * n, compressed(0, RGBS[n])) for n in range(3)]
    frames = list(open_source(write_bag(tmp_path / "bag", messages)).frames())
    np.testing.assert_array_equal([frame.rgb for frame in frames], RGBS)
    assert frames[0].calibration is None


def test_a_bags_camera_info_that_does_not_fit_its_images_is_left_out(tmp_path):
    messages = [("/camera/camera_info", 0.0, camera_info(0, 64, 24)), ("/camera/image", 0.1, image(0, RGBS[0], "rgb8"))]
    messages += [
        ("/camera/camera_info", 0.2, camera_info(0, 64, 48)),
        ("/camera/image", 0.3, image(0, RGBS[1], "rgb8")),
    ]
    without, fitting = open_source(write_bag(tmp_path / "bag", messages)).frames()
    np.testing.assert_array_equal(without.rgb, RGBS[0])
    assert without.calibration is None
    assert fitting.calibration.k[0] == 30


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
    bag = write_bag(path / "bag", [("/image", 0.0, image(0, RGBS[0], "rgb8"))], StoragePlugin.MCAP)
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
            lambda path: write_bag(path / "bag", [("/camera_info", 0.0, camera_info(0, 4, 4))]),
            "no colour image topic in this bag .its topics are /camera_info",
        ),
        (
            lambda path: write_bag(path / "bag", [("/d", 0.0, image(0, np.ones((2, 2), np.float32), "32FC1"))]),
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
    pytest.importorskip("embreex")
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
