"""Depth for recorded bags: the copy, the files, and what is refused."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import yaml
from PIL import Image as PillowImage
from rosbags.highlevel import AnyReader
from rosbags.interfaces import (
    MessageDefinition,
    MessageDefinitionFormat,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import CompressionFormat, CompressionMode, Reader, StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from depth_estimation_ros.bag import Topics, add_depth, write_files
from depth_estimation_ros.bag.copying import BagCopy
from depth_models import DepthModelsError, DepthPredictor
from depth_models.cli import main
from depth_models.types import Depth

STORE = get_typestore(Stores.ROS2_HUMBLE)
TYPES = STORE.types
PLUGINS = [StoragePlugin.SQLITE3, StoragePlugin.MCAP]
RGBS = np.random.default_rng(0).integers(0, 256, (4, 24, 32, 3), dtype=np.uint8)
LATCHED = Qos(
    QosHistory.KEEP_LAST, 1, QosReliability.RELIABLE, QosDurability.TRANSIENT_LOCAL, QosTime(0, 0), QosTime(0, 0),
    QosLiveliness.AUTOMATIC, QosTime(0, 0), False,
)  # fmt: skip
CUSTOM = get_types_from_msg("float32 volts\nstring[] cells", "robot_msgs/msg/Battery")


def stub(rgb, fx, fy):
    """Depth that tells red, green and the focal lengths apart, with invalid pixels."""
    metres = (rgb[..., 0] / 50 + rgb[..., 1] / 5000 + (fx or 0) + (fy or 0) / 7).astype(np.float32)
    metres[0], metres[1] = np.nan, 200.0  # metres: farther than depth is published
    return Depth(metres, np.isfinite(metres))


def header(number):
    stamp = TYPES["builtin_interfaces/msg/Time"](sec=1_700_000_000 + number, nanosec=123_456_789 + number)
    return TYPES["std_msgs/msg/Header"](stamp=stamp, frame_id=f"optical {number}")


def image(number, rgb, encoding="bgr8"):
    pixels = np.ascontiguousarray(rgb[..., ::-1] if encoding == "bgr8" else rgb)
    data = pixels.view(np.uint8).ravel()
    return TYPES["sensor_msgs/msg/Image"](
        header=header(number), height=len(pixels), width=pixels.shape[1], encoding=encoding, is_bigendian=0,
        step=data.size // len(pixels), data=data,
    )  # fmt: skip


def compressed(number, rgb, suffix=".png"):
    data = cv2.imencode(suffix, rgb[..., ::-1])[1].ravel()
    return TYPES["sensor_msgs/msg/CompressedImage"](header=header(number), format=suffix[1:], data=data)


def camera_info(number, width=64, height=48):
    roi = TYPES["sensor_msgs/msg/RegionOfInterest"](x_offset=0, y_offset=0, height=0, width=0, do_rectify=False)
    return TYPES["sensor_msgs/msg/CameraInfo"](
        header=header(number), height=height, width=width, distortion_model="plumb_bob",
        d=np.array([0.1, 0.2, 0, 0, 0]),
        k=np.array([60.0 + 2 * number, 0, 31.5, 0, 62, 23.5, 0, 0, 1]), r=np.eye(3).ravel(),
        p=np.array([60.0, 0, 31.5, 0, 0, 62, 23.5, 0, 0, 0, 1, 0]), binning_x=0, binning_y=0, roi=roi,
    )  # fmt: skip


def text(number):
    return TYPES["std_msgs/msg/String"](data=f"message {number}")


def write_bag(path, messages, plugin=StoragePlugin.SQLITE3, mode=CompressionMode.NONE, qos=()):
    """Messages are (topic, seconds, message) in order of time; `qos` is offered on every topic."""
    store = get_typestore(Stores.ROS2_HUMBLE)
    store.register(CUSTOM)
    writer = Writer(path, version=9, storage_plugin=plugin)
    writer.set_compression(mode, CompressionFormat.ZSTD)
    with writer:
        connections = {}
        for topic, seconds, message in messages:
            if topic not in connections:
                kind = message.__msgtype__
                connections[topic] = writer.add_connection(topic, kind, typestore=store, offered_qos_profiles=qos)
            data = store.serialize_cdr(message, message.__msgtype__)
            writer.write(connections[topic], 5_000_000_000 + round(seconds * 1e9), data)
    return path


def recorded(make_image, rgbs=RGBS, image_topic="/cam/image"):
    """Images at 10 Hz, each before its camera_info; another topic, another camera, a type that nobody knows."""
    battery = get_typestore(Stores.EMPTY)
    battery.register(CUSTOM)
    battery = battery.types["robot_msgs/msg/Battery"]
    depth_of_another = image(0, np.full((4, 4), 1000, np.uint16), "16UC1")
    messages = [("/a/depth", 0.0, depth_of_another)]
    for n, rgb in enumerate(rgbs):
        messages += [
            (image_topic, n / 10, make_image(n, rgb)),
            ("/cam/camera_info", n / 10 + 0.01, camera_info(n)),
            ("/chatter", n / 10 + 0.02, text(n)),
            ("/battery", n / 10 + 0.02, battery(volts=12.5 + n, cells=["a", "b"])),
        ]
    return messages


def content(path):
    """{topic: [(time, data), ...]} as stored, and {topic: (type, definition, hash, offered QoS)}."""
    messages, connections = {}, {}
    with Reader(path) as reader:
        for c in reader.connections:
            messages[c.topic] = []
            connections[c.topic] = (c.msgtype, c.msgdef, c.digest, c.ext)
        for connection, time_ns, data in reader.messages():
            messages[connection.topic].append((time_ns, bytes(data)))
    return messages, connections


def added(path):
    """[(time, depth image)], [(time, camera_info)] of a bag."""
    found = {"/depth/image": [], "/depth/camera_info": []}
    with AnyReader([path]) as reader:
        for connection, time_ns, data in reader.messages([c for c in reader.connections if c.topic in found]):
            found[connection.topic].append((time_ns, reader.deserialize(data, connection.msgtype)))
    return tuple(found.values())


def metres(message):
    assert (message.encoding, message.is_bigendian, message.step) == ("32FC1", 0, 4 * message.width)
    return message.data.view("<f4").reshape(message.height, message.width)


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


# Whole or not at all


def hidden(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != "in")


@pytest.mark.parametrize("make", [add_depth, write_files])
def test_an_interrupted_run_leaves_nothing(tmp_path, make):
    calls = []

    def interrupted(rgb, **focal):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return stub(rgb, **focal)

    bag = write_bag(tmp_path / "in", recorded(image))
    with pytest.raises(KeyboardInterrupt):
        make(bag, tmp_path / "out", interrupted)
    assert len(calls) == 3
    assert hidden(tmp_path) == []


KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from depth_estimation_ros.bag import add_depth
from depth_models.types import Depth

calls = []
def killed(rgb, **focal):
    calls.append(1)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return Depth(np.ones(rgb.shape[:2], np.float32), np.ones(rgb.shape[:2], bool))

add_depth(Path(sys.argv[1]), Path(sys.argv[2]), killed)
"""


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_run_that_is_killed_leaves_no_bag_and_can_be_repeated(tmp_path, plugin):
    bag = write_bag(tmp_path / "in", recorded(image), plugin)
    command = [sys.executable, "-c", KILLED, bag, tmp_path / "out"]
    killed = subprocess.run(command, cwd=Path(__file__).parent.parent, timeout=120, check=False)
    assert killed.returncode == -9
    assert not (tmp_path / "out").exists()
    assert all(name.startswith(".out.") for name in hidden(tmp_path))
    add_depth(bag, tmp_path / "out", stub)
    assert len(added(tmp_path / "out")[0]) == 4


def test_what_is_there_is_not_overwritten(tmp_path):
    bag = write_bag(tmp_path / "in", recorded(image))
    before = content(bag)
    for make in (add_depth, write_files):
        with pytest.raises(DepthModelsError, match="is there already"):
            make(bag, bag, stub)
    assert content(bag) == before


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    bag = write_bag(tmp_path / "in", recorded(image))
    (tmp_path / "file").write_text("")
    with pytest.raises(DepthModelsError, match=r"file/out: cannot be written"):
        add_depth(bag, tmp_path / "file" / "out", stub)


# Bags that are refused


def cut(plugin, keep):
    def make(path):
        bag = write_bag(path / "in", recorded(image, RGBS.repeat(10, axis=0)), plugin)
        (file,) = (f for f in bag.iterdir() if f.name != "metadata.yaml")
        data = file.read_bytes()
        file.write_bytes(data[: int(len(data) * keep)])
        return bag

    return make


def lacking_messages(path):
    bag = write_bag(path / "in", recorded(image))
    (file,) = bag.glob("*.db3")
    with sqlite3.connect(file) as database:
        database.execute("DELETE FROM messages WHERE id > 8")
    database.close()
    return bag


def bag_of(*messages):
    return lambda path: write_bag(path / "in", messages)


def without_metadata(path):
    bag = write_bag(path / "in", recorded(image))
    (bag / "metadata.yaml").unlink()
    return bag


@pytest.mark.parametrize(
    ("make", "topics", "reason"),
    [
        (lambda path: path / "absent", Topics(), "no such bag; expected a rosbag2's folder"),
        (lambda path: path, Topics(), "cannot be read as a rosbag2 .*ros2 bag reindex"),
        (without_metadata, Topics(), "cannot be read as a rosbag2 .*ros2 bag reindex"),
        (bag_of(("/chatter", 0.0, text(0)), ("/b", 0.0, text(0))), Topics(), "no colour image topic.*are /b, /chatter"),
        (
            bag_of(("/d", 0.0, image(0, np.ones((2, 2), np.float32), "32FC1"))),
            Topics(),
            "/d: image of encoding '32FC1'",
        ),
        (bag_of(("/i", 0.0, image(0, RGBS[0]))), Topics("/cam"), "no topic '/cam' of type .* it has /i"),
        (
            bag_of(("/i", 0.0, image(0, RGBS[0]))),
            Topics(camera_info="/i"),
            "no topic '/i' of type .*CameraInfo; .* none",
        ),
        (bag_of(("/i", 0.0, image(0, RGBS[0]))), Topics(copied=["/x"]), "no topic /x in this bag; it has /i"),
        (
            bag_of(("/depth/image", 0.0, image(0, RGBS[0]))),
            Topics(),
            "has /depth/image already; name the topics to copy without",
        ),
        (
            bag_of(("/d", 0.0, image(0, np.ones((2, 2), np.float32), "32FC1"))),
            Topics("/d"),
            "no image of /d can be used .image of encoding '32FC1'",
        ),
        (cut(StoragePlugin.MCAP, 0.5), Topics(), "cannot be read as a rosbag2 .*mcap recover"),
        (cut(StoragePlugin.SQLITE3, 0.5), Topics(), "cannot be read as a rosbag2 .*is it damaged"),
        (lacking_messages, Topics(), "messages are promised and 8 can be read; is it damaged"),
    ],
)
def test_a_bag_that_cannot_be_used_is_refused_with_the_reason(tmp_path, make, topics, reason):
    bag = make(tmp_path)
    with pytest.raises(DepthModelsError, match=reason):
        add_depth(bag, tmp_path / "out", stub, topics)
    assert hidden(tmp_path) == []


def altered(bag, *changes):
    """A reader whose first connection is there once for each of these changes."""
    with Reader(bag) as reader:
        connections = [reader.connections[0]._replace(**change) for change in changes]
    return SimpleNamespace(path=bag, compression_mode=None, connections=connections)


def test_mcap_without_the_definition_of_a_type_is_refused(tmp_path):
    bag = write_bag(tmp_path / "in", [("/battery", 0.0, text(0))], StoragePlugin.MCAP)
    unknown = {"msgtype": "robot_msgs/msg/Battery", "msgdef": MessageDefinition(MessageDefinitionFormat.NONE, "")}
    with pytest.raises(DepthModelsError, match="/battery: the bag has no definition of robot_msgs/msg/Battery"):
        BagCopy(tmp_path / "out", altered(bag, unknown), ["/battery"]).__enter__()


def test_publishers_of_one_topic_that_are_alike_become_one(tmp_path):
    bag = write_bag(tmp_path / "in", [("/chatter", 0.0, text(0))])
    reader = altered(bag, {"id": 1}, {"id": 2})
    with BagCopy(tmp_path / "out", reader, ["/chatter"]) as copy:
        for time_ns, connection in enumerate(reader.connections):
            copy.message(connection, time_ns, b"bytes")
    messages, connections = content(tmp_path / "out")
    assert messages["/chatter"] == [(0, b"bytes"), (1, b"bytes")]
    assert len(connections) == 3


@pytest.mark.parametrize(
    "arguments", [["in"], ["in", "out", "--to", "folder"], ["in", "--to", "folder", "--topics", "/a"], []]
)
def test_bad_usage_ends_with_2(capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        main(["bag", *arguments])
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_without_rosbags_the_extra_that_brings_it_is_named(tmp_path, capsys, monkeypatch, weights):
    bag = write_bag(tmp_path / "in", recorded(image))
    for name in [name for name in sys.modules if name.split(".")[0] == "rosbags"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rosbags", None)  # as if it were not there
    assert main(["bag", str(bag), str(tmp_path / "out"), "--checkpoint", weights]) == 1
    assert "rosbags is not installed; pip install 'depth_estimation_ros[bag]'" in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["in"]
