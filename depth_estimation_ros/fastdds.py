"""Makes Fast DDS, the usual middleware, read the package's profile: with its defaults most images are lost on the way.

Each process does it for itself, so that it does not matter who starts it: `ros2 launch`, `ros2 run` or the demo.
"""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version

from depth_models.files import share_folder

# Kilted and later read the first and warn of the second; earlier distributions know only the second.
VARIABLES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
KILTED = 9  # major version of its rclpy


def use_profile() -> None:
    """Name config/fastdds.xml in this process's environment, unless the user has named a profile. Before `rclpy.init`.

    Raises:
        DepthModelsError: the package's config folder is not there.
    """
    if not any(name in os.environ for name in VARIABLES):
        os.environ |= dict.fromkeys(_understood(), str(share_folder("config") / "fastdds.xml"))


def _understood() -> tuple[str, ...]:
    try:
        major = int(version("rclpy").partition(".")[0])
    except PackageNotFoundError:  # a build of ROS that leaves Python's metadata out
        return VARIABLES
    return VARIABLES[:1] if major >= KILTED else VARIABLES[1:]
