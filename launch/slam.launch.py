"""ros2 launch depth_estimation_ros slam.launch.py slam:=rtabmap frame_id:=base_link model:=unet

Takes the arguments of depth.launch.py too, and hands all others to the SLAM's own launch file where it has one.
"""

import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from launch.actions import DeclareLaunchArgument, GroupAction, IncludeLaunchDescription, OpaqueFunction
from launch.conditions import IfCondition
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node, SetParameter

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Slam:
    """How a SLAM is started on the depth node's topics.

    Attributes:
        package: that must be installed.
        install: how.
        topics: {its name: the depth node's}. Names of launch arguments with a launch file, else topics to remap.
        parameters: {name: value, or the argument here}; as topics, launch arguments or the node's parameters.
        launch_file: in launch/ of the package; '' if it has none for any camera, and its node is started.
        executable: of the node.
        arguments: launch arguments here that the node takes on its command line; they must be given.
    """

    package: str
    install: str
    topics: dict[str, str]
    parameters: dict[str, Any] = field(default_factory=dict)
    launch_file: str = ""
    executable: str = ""
    arguments: tuple[str, ...] = ()


SLAMS = {
    # Names: rtabmap_launch 0.22.1, launch/rtabmap.launch.py. Stamps are equal, so approx_sync would only mispair.
    # qos 1 is reliable; its default 0 leaves that to the middleware, and Fast DDS then takes best effort.
    "rtabmap": Slam(
        package="rtabmap_launch",
        install="sudo apt install ros-$ROS_DISTRO-rtabmap-ros",
        launch_file="rtabmap.launch.py",
        topics={"rgb_topic": "rgb/image", "depth_topic": "depth/image", "camera_info_topic": "rgb/camera_info"},
        parameters={
            "frame_id": LaunchConfiguration("frame_id"),
            "approx_sync": "false",
            "qos": "1",
            "depth": "true",
            "subscribe_rgbd": "false",
        },
    ),
    # Names: package orbslam3 of github.com/zang09/ORB_SLAM3_ROS2, src/rgbd; it has no launch file.
    "orbslam3": Slam(
        package="orbslam3",
        install="build github.com/zang09/ORB_SLAM3_ROS2 with colcon in a workspace that is sourced",
        executable="rgbd",
        topics={"camera/rgb": "rgb/image", "camera/depth": "depth/image"},
        arguments=("vocabulary", "settings"),
    ),
    # Names: nvblox_ros 4.3 (nvblox_node.cpp, node_params.hpp); those without camera_0 are of 3.0 and before. Its launch
    # files are for a fixed list of cameras. QoS as with rtabmap.
    "nvblox": Slam(
        package="nvblox_ros",
        install="sudo apt install ros-$ROS_DISTRO-isaac-ros-nvblox (NVIDIA's package source, an NVIDIA GPU)",
        executable="nvblox_node",
        topics={
            f"{prefix}{theirs}/{name}": f"{ours}/{name}"
            for prefix in ("camera_0/", "")
            for theirs, ours in (("depth", "depth"), ("color", "rgb"))
            for name in ("image", "camera_info")
        },
        parameters={
            "global_frame": LaunchConfiguration("global_frame"),
            "num_cameras": 1,
            "use_lidar": False,
            "input_qos": "DEFAULT",
        },
    ),
}
# Of the ORB-SLAM3 settings file: depth is in metres (32FC1), and rgb/image is RGB.
ORBSLAM3_SETTINGS = {"DepthMapFactor": 1.0, "Camera.RGB": 1.0}

# A TERM or KILL ends `ros2 launch` before it can end the SLAM: the kernel ends it then.
WITH_LAUNCH = "setpriv --pdeathsig TERM"
ARGUMENTS = {  # name: (default, description, choices)
    "slam": ("rtabmap", "what reads the depth", list(SLAMS)),
    "frame_id": ("base_link", "rtabmap: the robot's frame; TF must have the camera's optical frame below it", None),
    "global_frame": ("odom", "nvblox: frame of the map; TF must have the camera's optical frame below it", None),
    "vocabulary": ("", "orbslam3: path of ORBvoc.txt", None),
    "settings": ("", "orbslam3: path of the camera's settings file", None),
    "namespace": ("", "namespace of the depth node, of the SLAM and of their topics", None),
}


def check(context: LaunchContext) -> None:
    """Is everything there? Before anything is started.

    Raises:
        RuntimeError: the package is not installed, an argument is missing, or a settings file does not fit the depth.
    """
    name = LaunchConfiguration("slam").perform(context)
    slam = SLAMS[name]
    try:
        get_package_share_directory(slam.package)
    except PackageNotFoundError:
        raise RuntimeError(f"slam:={name} needs the package {slam.package}: {slam.install}") from None
    for argument in slam.arguments:
        if not Path(path := LaunchConfiguration(argument).perform(context)).is_file():
            raise RuntimeError(f"slam:={name} needs {argument}:=FILE ({ARGUMENTS[argument][1]}); got {path!r}")
    if "settings" in slam.arguments:
        check_settings(Path(LaunchConfiguration("settings").perform(context)))


def check_settings(path: Path) -> None:
    """Does a settings file of ORB-SLAM3 fit the depth node's topics?

    Raises:
        RuntimeError: a value of `ORBSLAM3_SETTINGS` is another one, or missing.
    """
    for key, expected in ORBSLAM3_SETTINGS.items():
        # `RGBD.DepthMapFactor` in files of version 1.0. The format is OpenCV's, which YAML parsers refuse.
        found = re.search(rf"^(?:RGBD\.)?{re.escape(key)}: *([-+.\d]+)", path.read_text(), re.MULTILINE)
        if found is None or float(found[1]) != expected:
            got = "not set" if found is None else found[1]
            raise RuntimeError(f"{path}: {key} is {got}; the topics depth/image and rgb/image need {expected:g}")


def start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """The SLAM, with its topics and parameters."""
    slam = SLAMS[LaunchConfiguration("slam").perform(context)]
    namespace = LaunchConfiguration("namespace").perform(context).strip("/")
    root = f"/{namespace}/" if namespace else "/"
    topics = {theirs: root + ours for theirs, ours in slam.topics.items()}
    if slam.launch_file:
        path = Path(get_package_share_directory(slam.package)) / "launch" / slam.launch_file
        # Without a namespace of its own it would take the depth node's, as launch arguments are shared.
        arguments = {"namespace": f"{root}{slam.package.partition('_')[0]}", **topics, **slam.parameters}
        entity = IncludeLaunchDescription(
            PythonLaunchDescriptionSource(str(path)), launch_arguments=list(arguments.items())
        )
    else:
        entity = Node(
            package=slam.package,
            executable=slam.executable,
            exec_name=slam.executable,  # in the log; launch would take the prefix
            namespace=namespace,
            arguments=[LaunchConfiguration(name) for name in slam.arguments],
            parameters=[slam.parameters],
            remappings=list(topics.items()),
            prefix=WITH_LAUNCH if shutil.which("setpriv") else None,
            output="screen",
            emulate_tty=True,
        )
    sim_time = SetParameter("use_sim_time", True, condition=IfCondition(LaunchConfiguration("use_sim_time")))
    return [GroupAction([sim_time, entity])]


def generate_launch_description() -> LaunchDescription:
    """The depth node and a SLAM that reads it; nothing if the SLAM cannot be started."""
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=text, choices=choices)
        for name, (default, text, choices) in ARGUMENTS.items()
    ]
    depth = IncludeLaunchDescription(PythonLaunchDescriptionSource(str(HERE / "depth.launch.py")))
    return LaunchDescription([*arguments, OpaqueFunction(function=check), depth, OpaqueFunction(function=start)])
