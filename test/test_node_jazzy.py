"""The node on ROS 2 Jazzy: its tests once more, in a virtual environment with Jazzy's wheels.

What does not belong to ROS (torch, OpenCV, pytest ...) comes from the environment that runs this test.
"""

import os
import subprocess
import sys
import sysconfig
import venv

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: pip install 'depth_estimation_ros[ros]'")

from ros_rig import ROOT

from depth_estimation_ros.fastdds import VARIABLES

JAZZY = ["ros-rclpy==7.1.6", "ros-rmw-fastrtps-cpp", "ros-sensor-msgs", "ros-common-interfaces"]
INSTALL_S, TEST_S = 300, 1800
# Each of these would lead the other Python to this one's libraries or profile.
OWN = ("_ROS_WHEELS_BOOTSTRAP_COMPLETE", "LD_LIBRARY_PATH", "PYTHONPATH", "AMENT_PREFIX_PATH", *VARIABLES)


@pytest.fixture(scope="module")
def jazzy(tmp_path_factory):
    """A Python with Jazzy's rclpy, and a function that runs it."""
    folder = tmp_path_factory.mktemp("jazzy")
    venv.create(folder, with_pip=True)
    environment = {name: value for name, value in os.environ.items() if name not in OWN}

    def run(*arguments, timeout):
        command = [folder / "bin" / "python", *arguments]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=timeout)

    try:
        done = run("-m", "pip", "install", "-q", "--disable-pip-version-check", *JAZZY, timeout=INSTALL_S)
    except subprocess.TimeoutExpired:
        pytest.skip(f"Jazzy's wheels did not come in {INSTALL_S} s")
    if done.returncode != 0:
        pytest.skip(f"Jazzy's wheels cannot be had: {done.stderr.strip().splitlines()[-1]}")
    packages = next(folder.glob("lib/python*/site-packages"))
    # A folder that a .pth file names comes after the environment's own, so what both have is Jazzy's.
    (packages / "others.pth").write_text(f"{sysconfig.get_path('purelib')}\n{ROOT}\n")
    return run


@pytest.mark.slow
def test_the_nodes_tests_pass_on_jazzy(jazzy):
    check = "import rclpy; from importlib.metadata import version; print(version('ros-rclpy'), rclpy.__file__)"
    number, path = jazzy("-c", check, timeout=INSTALL_S).stdout.split()
    assert number == "7.1.6"
    assert not path.startswith(sys.prefix)
    tests = [f"test/test_node{name}.py" for name in ("", "_life", "_outputs", "_stopping", "_dds", "_dds_fuzz")]
    done = jazzy("-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, timeout=TEST_S)
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr[-2_000:]
    assert "skipped" not in done.stdout.splitlines()[-1]
