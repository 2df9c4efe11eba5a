"""Which variable names the Fast DDS profile, and that a user's own stays."""

import os
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from depth_estimation_ros import fastdds
from depth_models import DepthModelsError

NEWER, OLDER = "FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE"
PROFILE = str(Path(__file__).resolve().parent.parent / "config" / "fastdds.xml")


@pytest.fixture
def named(monkeypatch):
    """Call it for what the environment names once `use_profile` has run, under a version of rclpy."""

    def after(rclpy_version, **environment):
        def version(name):
            assert name == "rclpy"
            if rclpy_version is None:
                raise PackageNotFoundError(name)
            return rclpy_version

        monkeypatch.setattr(os, "environ", environment)
        monkeypatch.setattr(fastdds, "version", version)
        fastdds.use_profile()
        return environment

    return after


@pytest.mark.parametrize(
    ("rclpy_version", "variables"),
    [
        ("3.3.16", [OLDER]),  # Humble
        ("7.1.6", [OLDER]),  # Jazzy
        ("9.1.2", [NEWER]),  # Kilted, which warns of the older name
        ("10.0.0", [NEWER]),
        (None, [NEWER, OLDER]),
    ],
)
def test_the_profile_is_named_as_the_distribution_reads_it(named, rclpy_version, variables):
    assert named(rclpy_version, HOME="/") == {"HOME": "/"} | dict.fromkeys(variables, PROFILE)
    assert Path(PROFILE).is_file()


@pytest.mark.parametrize("variable", [NEWER, OLDER])
def test_a_profile_of_the_users_own_is_left_alone(named, variable):
    own = {variable: "/my/profile.xml"}
    assert named("7.1.6", **own) == own
    assert named("9.1.2", **own) == own


def test_a_package_without_its_profile_ends_the_node_with_the_reason(monkeypatch, capsys):
    depth_node = pytest.importorskip("depth_estimation_ros.depth_node", reason="ROS 2 is not installed")
    monkeypatch.setattr("depth_estimation_ros.stopping.signal.signal", lambda *_: None)  # this process keeps its own

    def absent():
        raise DepthModelsError("the package's config folder was not found; reinstall it")

    monkeypatch.setattr("depth_estimation_ros.joining.use_profile", absent)
    assert depth_node.main([]) == 1
    assert capsys.readouterr().err == "depth_node: the package's config folder was not found; reinstall it\n"
