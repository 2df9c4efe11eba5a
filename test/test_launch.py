"""depth.launch.py and fastdds.launch.py, run against stand-ins; and all launch files with real launch, where it is."""

import os
import shutil
import signal
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from launch_standins import LAUNCH, defaults, entities, included, load, of_kind

from depth_estimation_ros import fastdds
from depth_estimation_ros.parameters import DEFAULTS, SPECS

ROOT = LAUNCH.parent


@pytest.fixture
def depth(monkeypatch):
    return load(monkeypatch, "depth")


@pytest.fixture
def node(depth):
    (node,) = of_kind(depth, "Node")
    return node


def test_every_argument_is_declared_with_a_default_and_used(depth, node):
    names = {
        "model", "weights", "device", "image", "camera_info", "image_transport", "namespace", "use_sim_time",
        "params_file", "log_level",
    }  # fmt: skip
    assert set(defaults(depth)) == names
    assert node.ros_arguments[::2] == ["--params-file", "--log-level"]
    (sim_time,) = of_kind(depth, "SetParameter")
    used = [node.namespace, *(to for _, to in node.remappings), *node.ros_arguments[1::2], *sim_time.condition.args]
    used += [value.args[0] for value in node.parameters[0].values()]
    assert {value.args[0] for value in used} == names
    assert Path(defaults(depth)["params_file"]).is_file()


def test_arguments_become_parameters_that_the_node_has_with_the_same_defaults(depth, node):
    for name, value in node.parameters[0].items():
        assert name in SPECS
        assert value.args[0].args == (name,)
        assert (value.value_type, defaults(depth)[name]) == (str, DEFAULTS[name])


def test_the_node_is_the_installed_executable_and_only_its_inputs_are_remapped(node):
    assert (node.package, node.executable) == ("depth_estimation_ros", "depth_node")
    assert (ROOT / "scripts" / node.executable).is_file()
    assert [(source, to.args[0]) for source, to in node.remappings] == [("image", "image"), ("camera_info",) * 2]


def test_sim_time_is_set_for_the_node_only_and_only_when_asked_for(depth):
    (sim_time,) = of_kind(depth, "SetParameter")
    assert (sim_time.args, sim_time.condition.kind) == (("use_sim_time", True), "IfCondition")
    assert defaults(depth)["use_sim_time"] == "false"
    *_, group = depth.generate_launch_description().args[0]
    assert (group.kind, [e.kind for e in group.args[0]]) == ("GroupAction", ["SetParameter", "Node"])


def test_the_profile_is_named_before_the_node_is_started_and_outside_its_group(depth):
    kinds = [entity.kind for entity in depth.generate_launch_description().args[0]]
    assert included(depth) == ["fastdds.launch.py"]
    assert kinds.index("IncludeLaunchDescription") < kinds.index("GroupAction")


@pytest.mark.parametrize("version", ["7.1.6", "9.1.2", "10.0.0", None])
@pytest.mark.parametrize("own", [{}, *({name: "/my/profile.xml"} for name in fastdds.VARIABLES)])
def test_the_launch_file_names_the_profile_as_the_node_does_by_itself(monkeypatch, version, own):
    def found(name):
        if version is None:
            raise PackageNotFoundError(name)
        return version

    launch_file = load(monkeypatch, "fastdds")
    for module in (launch_file, fastdds):
        monkeypatch.setattr(module, "version", found)
    environment = dict(own)
    monkeypatch.setattr(os, "environ", environment)
    launched = own | dict(e.args for e in entities(launch_file))
    fastdds.use_profile()
    assert launched == environment


def test_real_launch_takes_every_launch_file(monkeypatch):
    pytest.importorskip("launch_ros.actions", reason="launch is on no package registry; a ROS installation has it")
    from launch.launch_description_sources import get_launch_description_from_python_launch_file

    found = {}
    for path in LAUNCH.glob("*.launch.py"):
        arguments = get_launch_description_from_python_launch_file(str(path)).get_launch_arguments()
        found[path.name.partition(".")[0]] = {argument.name for argument in arguments}
    expected = {name: set(defaults(load(monkeypatch, name))) for name in found}
    expected["slam"] |= expected["depth"]  # which it includes
    assert found == expected


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="util-linux is not installed")
def test_a_camera_and_a_slam_end_with_launch_as_the_node_does(monkeypatch, node):
    camera = load(monkeypatch, "camera", ["usb_cam"])
    (driver,) = camera.start(defaults(camera))
    slam = load(monkeypatch, "slam", ["nvblox_ros"])
    (group,) = slam.start(defaults(slam) | {"slam": "nvblox"})
    assert driver.prefix == group.args[0][-1].prefix == node.prefix


def test_without_setpriv_the_node_is_started_all_the_same(depth, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    (node,) = of_kind(depth, "Node")
    assert node.prefix is None


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="util-linux is not installed")
def test_the_node_ends_when_the_launch_process_is_killed(node):
    code = "import subprocess, sys; print(subprocess.Popen(sys.argv[1:]).pid, flush=True); input()"
    command = [sys.executable, "-c", code, *node.prefix.split(), "sleep", "60"]
    launch = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    pid = int(launch.stdout.readline())
    try:
        assert becomes(pid, "sleep")  # past setpriv
        launch.kill()
        launch.wait()  # not communicate(), which would wait for the child too
        assert becomes(pid, None), "the child outlived its parent"
    finally:
        if command_of(pid):
            os.kill(pid, signal.SIGKILL)
        launch.communicate()


def command_of(pid):
    """The name of a running process, or None."""
    try:
        name, _, rest = Path(f"/proc/{pid}/stat").read_text().partition("(")[2].rpartition(")")
    except FileNotFoundError:
        return None
    return None if rest.split()[0] == "Z" else name


def becomes(pid, command):
    deadline = time.monotonic() + 10
    while (found := command_of(pid)) != command and time.monotonic() < deadline:
        time.sleep(0.01)
    return found == command
