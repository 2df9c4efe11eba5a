"""depth.launch.py and fastdds.launch.py, run against stand-ins; and all launch files with real launch, where it is."""

import os
import re
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
from depth_estimation_ros.parameters import DEFAULTS

ROOT = LAUNCH.parent


@pytest.fixture
def depth(monkeypatch):
    return load(monkeypatch, "depth")


@pytest.fixture
def started(depth):
    """Call it for what is started with those arguments: sim time and the node."""

    def entities_of_the_group(**arguments):
        (group,) = depth.start(defaults(depth) | arguments)
        assert group.kind == "GroupAction"  # beyond which sim time is not set
        return group.args[0]

    return entities_of_the_group


@pytest.fixture
def node(started):
    return started()[-1]


def test_every_argument_that_is_no_parameter_is_used(depth, started):
    sim_time, node = started()
    assert node.ros_arguments[::2] == ["--params-file", "--log-level"]
    used = [node.namespace, *(to for _, to in node.remappings), *node.ros_arguments[1::2], *sim_time.condition.args]
    assert {value.args[0] for value in used} == set(defaults(depth)) - set(DEFAULTS)
    assert Path(defaults(depth)["params_file"]).is_file()


def test_an_argument_for_a_parameter_that_is_not_given_leaves_it_to_the_parameter_file(depth, started, node):
    assert node.parameters == []
    assert {name for name, value in defaults(depth).items() if not value} == {*depth.PARAMETERS, "namespace"}
    (given,) = started(model="fpn", rectify="true")[-1].parameters
    assert {name: (value.args[0].args, value.value_type) for name, value in given.items()} == {
        "model": (("model",), str), "rectify": (("rectify",), bool)
    }  # fmt: skip


def test_arguments_for_parameters_have_the_nodes_types_and_tell_its_defaults(depth):
    texts = {a.args[0]: a.description for a in of_kind(depth, "DeclareLaunchArgument")}
    for name, (kind, default, _) in depth.PARAMETERS.items():
        assert (kind, default) == (type(DEFAULTS[name]), DEFAULTS[name])
        assert name in texts
    assert 'if not given: as params_file says, else "unet"' in texts["model"]
    assert "else true" in texts["autostart"]


def test_the_readme_names_every_argument(depth):
    _, _, after = (ROOT / "README.md").read_text().partition("\nArguments of the launch file: ")
    assert set(re.findall(r"`(\w+)`", after.partition("\n\n")[0])) == set(defaults(depth))


def test_the_node_is_the_installed_executable_and_only_its_inputs_are_remapped(node):
    assert (node.package, node.executable) == ("depth_estimation_ros", "depth_node")
    assert (ROOT / "scripts" / node.executable).is_file()
    assert [(source, to.args[0]) for source, to in node.remappings] == [("image", "image"), ("camera_info",) * 2]


def test_sim_time_is_set_for_the_node_only_and_only_when_asked_for(depth, started):
    sim_time, _ = started()
    assert (sim_time.args, sim_time.condition.kind) == (("use_sim_time", True), "IfCondition")
    assert defaults(depth)["use_sim_time"] == "false"


def test_the_profile_is_named_before_the_node_is_started_and_outside_its_group(depth):
    *_, profile, start = depth.generate_launch_description().args[0]
    assert included(depth) == ["fastdds.launch.py"]
    assert (profile.kind, start.function) == ("IncludeLaunchDescription", depth.start)


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


def test_the_log_names_programs_and_not_the_prefix_that_starts_them(monkeypatch, node):
    camera = load(monkeypatch, "camera", ["usb_cam"])
    (driver,) = camera.start(defaults(camera))
    slam = load(monkeypatch, "slam", ["nvblox_ros"])
    (group,) = slam.start(defaults(slam) | {"slam": "nvblox"})
    for started in (node, driver, group.args[0][-1]):
        assert started.exec_name == started.executable


def test_without_setpriv_the_node_is_started_all_the_same(started, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert started()[-1].prefix is None


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
