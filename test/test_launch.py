"""The launch file, run against stand-ins for launch and launch_ros, which are on no package registry."""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from depth_estimation_ros.parameters import DEFAULTS, SPECS

ROOT = Path(__file__).resolve().parent.parent


def recorder(kind):
    """A stand-in for a class of launch: remembers what it was made with."""
    return lambda *args, **kwargs: SimpleNamespace(kind=kind, args=args, **kwargs)


@pytest.fixture
def description(monkeypatch):
    """Call it for the entities that the launch file describes, by kind."""
    modules = {
        "launch": ["LaunchDescription"],
        "launch.actions": ["DeclareLaunchArgument"],
        "launch.substitutions": ["LaunchConfiguration"],
        "launch_ros": [],
        "launch_ros.actions": ["Node"],
        "launch_ros.parameter_descriptions": ["ParameterValue"],
    }
    for module_name, names in modules.items():
        module = ModuleType(module_name)
        for name in names:
            setattr(module, name, recorder(name))
        monkeypatch.setitem(sys.modules, module_name, module)

    def entities():
        spec = importlib.util.spec_from_file_location("depth_launch", ROOT / "launch" / "depth.launch.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        by_kind: dict[str, list] = {}
        for entity in module.generate_launch_description().args[0]:
            by_kind.setdefault(entity.kind, []).append(entity)
        return by_kind

    return entities


def test_every_argument_is_declared_with_a_default_and_used(description):
    entities = description()
    defaults = {a.args[0]: a.default_value for a in entities["DeclareLaunchArgument"]}
    assert set(defaults) == {
        "model", "weights", "device", "image", "camera_info", "image_transport", "namespace", "params_file", "log_level"
    }  # fmt: skip
    (node,) = entities["Node"]
    assert node.ros_arguments[::2] == ["--params-file", "--log-level"]
    used = [node.namespace, *(to for _, to in node.remappings), *node.ros_arguments[1::2]]
    used += [value.args[0] for value in node.parameters[0].values()]
    assert {value.args[0] for value in used} == set(defaults)
    assert Path(defaults["params_file"]).is_file()


def test_arguments_become_parameters_that_the_node_has_with_the_same_defaults(description):
    entities = description()
    defaults = {a.args[0]: a.default_value for a in entities["DeclareLaunchArgument"]}
    (node,) = entities["Node"]
    for name, value in node.parameters[0].items():
        assert name in SPECS
        assert value.args[0].args == (name,)
        assert (value.value_type, defaults[name]) == (str, DEFAULTS[name])


def test_the_node_is_the_installed_executable_and_only_its_inputs_are_remapped(description):
    (node,) = description()["Node"]
    assert (node.package, node.executable) == ("depth_estimation_ros", "depth_node")
    assert (ROOT / "scripts" / node.executable).is_file()
    assert [(source, to.args[0]) for source, to in node.remappings] == [("image", "image"), ("camera_info",) * 2]


def test_without_setpriv_the_node_is_started_all_the_same(description, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    (node,) = description()["Node"]
    assert node.prefix is None


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="util-linux is not installed")
def test_the_node_ends_when_the_launch_process_is_killed(description):
    (node,) = description()["Node"]
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
