"""Has every process started after it in the same launch read config/fastdds.xml, unless the user has a profile.

The package's own programs do this by themselves, and the other launch files here include it. Include it first in a
launch file that starts a camera: what a camera loses is lost before the node could see it.
"""

import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from launch.actions import SetEnvironmentVariable

from launch import LaunchDescription

PROFILE = Path(__file__).resolve().parent.parent / "config" / "fastdds.xml"
# As depth_estimation_ros.fastdds, which cannot be imported here: `ros2 launch` runs on the system's Python, while the
# package may be in a virtual environment. Kilted and later read the first name and warn of the second.
VARIABLES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
KILTED = 9  # major version of its rclpy


def understood() -> tuple[str, ...]:
    """The variables that this distribution of ROS reads."""
    try:
        major = int(version("rclpy").partition(".")[0])
    except PackageNotFoundError:  # a build of ROS that leaves Python's metadata out
        return VARIABLES
    return VARIABLES[:1] if major >= KILTED else VARIABLES[1:]


def generate_launch_description() -> LaunchDescription:
    """Set the variables, or nothing if one is set already."""
    if any(name in os.environ for name in VARIABLES):
        return LaunchDescription([])
    return LaunchDescription([SetEnvironmentVariable(name, str(PROFILE)) for name in understood()])
