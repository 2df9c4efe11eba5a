"""Depth for recorded bags: whole or not at all, and what is refused."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from bag_files import PLUGINS, RGBS, added, content, image, recorded, stub, text, write_bag
from rosbags.interfaces import (
    MessageDefinition,
    MessageDefinitionFormat,
)
from rosbags.rosbag2 import Reader, StoragePlugin

from depth_estimation_ros.bag import Topics, add_depth, write_files
from depth_estimation_ros.bag.copying import BagCopy
from depth_models import DepthModelsError
from depth_models.cli import main

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


def test_a_bad_bag_is_told_before_the_network_is_loaded(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("depth_models.DepthPredictor.from_checkpoint", lambda *_: pytest.fail("it loads the network"))
    assert main(["bag", str(tmp_path / "absent"), str(tmp_path / "out")]) == 1
    assert "no such bag" in capsys.readouterr().err


def test_a_bad_checkpoint_is_told_and_leaves_nothing(tmp_path, capsys):
    bag = write_bag(tmp_path / "in", recorded(image))
    assert main(["bag", str(bag), str(tmp_path / "out"), "--checkpoint", "/no/such/file"]) == 1
    assert "'/no/such/file' is neither a file" in capsys.readouterr().err
    assert hidden(tmp_path) == []
