"""Depth for recorded bags: the copy and the files."""

import json
import sqlite3

import numpy as np
import pytest
import yaml
from bag_files import (
    LATCHED,
    PLUGINS,
    RGBS,
    added,
    camera_info,
    compressed,
    content,
    header,
    image,
    metres,
    recorded,
    stub,
    write_bag,
)
from PIL import Image as PillowImage
from rosbags.rosbag2 import CompressionMode, StoragePlugin

from depth_estimation_ros.bag import Topics, add_depth, write_files
from depth_models import DepthPredictor
from depth_models.cli import main


@pytest.mark.parametrize("plugin", PLUGINS)
@pytest.mark.parametrize(("kind", "topic"), [(image, "/cam/image"), (compressed, "/cam/image/compressed")])
def test_the_command_adds_what_the_predictor_gives_for_every_image(tmp_path, capsys, weights, plugin, kind, topic):
    bag = write_bag(tmp_path / "in", recorded(kind, image_topic=topic), plugin)
    assert main(["bag", str(bag), str(tmp_path / "out"), "--checkpoint", weights, "--json", "--device", "cpu"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["images"], report["depths"], report["image_topic"]) == (4, 4, topic)
    assert report["camera_info_topic"] == "/cam/camera_info"
    predictor = DepthPredictor.from_checkpoint(weights, "cpu")
    depths, infos = added(tmp_path / "out")
    assert len(depths) == len(infos) == 4
    for n, ((time_ns, depth), (info_time_ns, info)) in enumerate(zip(depths, infos, strict=True)):
        assert time_ns == info_time_ns == 5_000_000_000 + n * 100_000_000
        assert str(depth.header) == str(info.header) == str(header(n))  # each typestore has classes of its own
        last = max(0, n - 1)  # the camera_info of an image was recorded after it; the first serves from the start
        expected = predictor(RGBS[n], fx=30.0 + last, fy=31.0).metres  # half of the sensor's pixels
        np.testing.assert_array_equal(metres(depth), expected)
        assert (info.width, info.height) == (32, 24)
        np.testing.assert_allclose(info.k, [30 + last, 0, 15.5, 0, 31, 11.5, 0, 0, 1])


@pytest.mark.parametrize(
    ("plugin", "mode"),
    [
        (StoragePlugin.SQLITE3, CompressionMode.NONE),
        (StoragePlugin.MCAP, CompressionMode.NONE),
        (StoragePlugin.SQLITE3, CompressionMode.FILE),
        (StoragePlugin.MCAP, CompressionMode.MESSAGE),
    ],
)
def test_all_other_topics_are_bit_for_bit_what_they_were(tmp_path, plugin, mode):
    bag = write_bag(tmp_path / "in", recorded(image), plugin, mode, [LATCHED])
    add_depth(bag, tmp_path / "out", stub)
    (messages, connections), (new_messages, new_connections) = content(bag), content(tmp_path / "out")
    assert new_messages.keys() - messages.keys() == {"/depth/image", "/depth/camera_info"}
    assert {topic: new_messages[topic] for topic in messages} == messages
    assert {topic: new_connections[topic] for topic in messages} == connections
    old, new = (yaml.safe_load((path / "metadata.yaml").read_text()) for path in (bag, tmp_path / "out"))
    old, new = (metadata["rosbag2_bagfile_information"] for metadata in (old, new))
    for key in ("storage_identifier", "compression_mode", "compression_format", "starting_time", "duration"):
        assert new[key] == old[key]
    assert new["message_count"] == old["message_count"] + 8
    assert all((tmp_path / "out" / name).is_file() for name in new["relative_file_paths"])


def test_depth_is_metres_with_nan_for_what_is_invalid_or_too_far(tmp_path):
    add_depth(write_bag(tmp_path / "in", [("/image", 0.0, image(0, RGBS[0]))]), tmp_path / "out", stub)
    (((_, depth),), infos) = added(tmp_path / "out")
    expected = stub(RGBS[0], None, None).metres
    expected[expected > 100] = np.nan
    np.testing.assert_array_equal(metres(depth), expected)
    assert np.isnan(metres(depth)[:2]).all()
    assert not infos


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_bags_file_alone_will_do(tmp_path, plugin):
    bag = write_bag(tmp_path / "in", recorded(image), plugin)
    (file,) = (path for path in bag.iterdir() if path.name != "metadata.yaml")
    add_depth(file, tmp_path / "out", stub)
    old, new = content(bag)[0], content(tmp_path / "out")[0]
    assert {topic: new[topic] for topic in old} == old
    assert len(added(tmp_path / "out")[0]) == 4


def test_a_bag_of_an_older_distribution_keeps_topics_whose_type_nobody_knows(tmp_path):
    bag = write_bag(tmp_path / "in", recorded(image))
    (file,) = bag.glob("*.db3")
    with sqlite3.connect(file) as database:  # as Humble writes it
        database.execute("DROP TABLE message_definitions")
        database.execute("ALTER TABLE topics DROP COLUMN type_description_hash")
        database.execute("UPDATE schema SET schema_version = 3")
    database.close()
    metadata = yaml.safe_load((bag / "metadata.yaml").read_text())
    for topic in metadata["rosbag2_bagfile_information"]["topics_with_message_count"]:
        del topic["topic_metadata"]["type_description_hash"]
    (bag / "metadata.yaml").write_text(yaml.safe_dump(metadata))
    add_depth(bag, tmp_path / "out", stub)
    old, new = content(bag)[0], content(tmp_path / "out")[0]
    assert {topic: new[topic] for topic in old} == old
    assert len(added(tmp_path / "out")[0]) == 4


def test_topics_are_chosen_by_name(tmp_path):
    messages = recorded(image) + [
        ("/other/image", 1.0, image(7, RGBS[1])),
        ("/other/info", 1.1, camera_info(7, 32, 24)),
    ]
    bag = write_bag(tmp_path / "in", messages)
    topics = Topics("/other/image", "/other/info", ["/chatter"])
    report = add_depth(bag, tmp_path / "out", stub, topics)
    assert (report.images, report.depths) == (1, 1)
    old, new = content(bag)[0], content(tmp_path / "out")[0]
    assert new.keys() == {"/chatter", "/depth/image", "/depth/camera_info"}
    assert new["/chatter"] == old["/chatter"]
    ((_, depth),), _ = added(tmp_path / "out")
    assert str(depth.header) == str(header(7))
    np.testing.assert_array_equal(metres(depth)[2:], stub(RGBS[1], 74.0, 62.0).metres[2:])


def test_files_are_the_images_and_their_depth_by_stamp(tmp_path):
    done = []
    bag = write_bag(tmp_path / "in", recorded(image))
    write_files(bag, tmp_path / "out", stub, progress=lambda *counts: done.append(counts))
    assert done == [(1, 4), (2, 4), (3, 4), (4, 4)]
    times = [f"{1_700_000_000 + n}.{123_456_789 + n}" for n in range(4)]
    rgb, depth = ([f"{t} {name}/{t}.png" for t in times] for name in ("rgb", "depth"))
    lines = {path.name: path.read_text().splitlines() for path in (tmp_path / "out").glob("*.txt")}
    assert lines == {
        "rgb.txt": ["# timestamp filename", *rgb],
        "depth.txt": ["# timestamp filename", *depth],
        "associations.txt": [f"{a} {b}" for a, b in zip(rgb, depth, strict=True)],
    }
    for n, time in enumerate(times):
        picture = np.asarray(PillowImage.open(tmp_path / "out" / "rgb" / f"{time}.png"))
        np.testing.assert_array_equal(picture, RGBS[n])
        units = np.asarray(PillowImage.open(tmp_path / "out" / "depth" / f"{time}.png"))
        expected = stub(RGBS[n], 30.0 + max(0, n - 1), 31.0).metres.astype(np.float64)
        fits = expected <= 65535 / 5000
        assert units.dtype == np.uint16
        np.testing.assert_allclose(units[fits], expected[fits] * 5000, atol=0.51)
        assert not units[~fits].any()
    camera = yaml.safe_load((tmp_path / "out" / "camera.yaml").read_text())
    assert (camera["fx"], camera["fy"], camera["cx"], camera["cy"]) == (30.0, 31.0, 15.5, 11.5)
    assert (camera["width"], camera["height"], camera["depth_units_per_m"]) == (32, 24, 5000)
    assert camera["d"] == [0.1, 0.2, 0.0, 0.0, 0.0]


def test_an_image_that_cannot_be_used_is_named_and_does_not_stop_the_others(tmp_path, capsys, weights):
    messages = recorded(image)
    messages.append(("/cam/image", 0.5, image(9, np.ones((2, 2), np.float32), "32FC1")))
    messages.append(("/cam/image", 0.6, image(10, RGBS[0])))
    bag = write_bag(tmp_path / "in", messages)
    assert main(["bag", str(bag), str(tmp_path / "out"), "--checkpoint", weights, "--device", "cpu"]) == 1
    printed = capsys.readouterr()
    assert printed.out == f"5 of 6 images of /cam/image have depth; {tmp_path / 'out'}\n"
    assert "1 images have no depth: image of encoding '32FC1': not one of rgb8" in printed.err
    assert [str(depth.header) for _, depth in added(tmp_path / "out")[0]] == [str(header(n)) for n in (0, 1, 2, 3, 10)]


def test_files_do_not_overwrite_each_other_where_stamps_repeat(tmp_path):
    messages = [("/image", n / 10, image(min(n, 2), rgb)) for n, rgb in enumerate(RGBS)]
    report = write_files(write_bag(tmp_path / "in", messages), tmp_path / "out", stub)
    assert (report.images, report.depths, report.camera_info_topic) == (4, 3, None)
    assert "an image with the stamp of an earlier one, 1700000002.123456791" in next(iter(report.refused))
    assert len(list((tmp_path / "out" / "depth").iterdir())) == 3
    assert not (tmp_path / "out" / "camera.yaml").exists()


def test_files_are_listed_in_order_of_time_whatever_the_number_of_digits(tmp_path):
    messages = [("/image", n, image(n, RGBS[n])) for n in range(2)]
    for (_, _, message), sec in zip(messages, (10, 9), strict=True):
        message.header.stamp.sec = sec
    write_files(write_bag(tmp_path / "in", messages), tmp_path / "out", stub)
    times = [line.split()[0] for line in (tmp_path / "out" / "associations.txt").read_text().splitlines()]
    assert times == ["9.123456790", "10.123456789"]


def test_a_camera_info_of_another_camera_is_not_used_and_named_once(tmp_path):
    messages = [("/camera_info", 0.0, camera_info(0, 64, 24))]
    messages += [("/image", n / 10, image(n, rgb)) for n, rgb in enumerate(RGBS)]
    report = add_depth(write_bag(tmp_path / "in", messages), tmp_path / "out", stub)
    (warning,) = report.warnings
    assert "another aspect ratio" in warning
    depths, infos = added(tmp_path / "out")
    np.testing.assert_array_equal(metres(depths[0][1])[2:], stub(RGBS[0], None, None).metres[2:])
    assert not infos
