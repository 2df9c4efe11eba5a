"""ros2 launch depth_estimation_ros camera.launch.py camera:=usb_cam camera_info_url:=file:///path/calibration.yaml

A camera on the topics that depth.launch.py reads by default: /camera/image_raw and /camera/camera_info.
"""

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Driver:
    """A package that publishes a camera's images.

    Attributes:
        package, executable: of its node.
        install: how to get it.
        options: {launch argument here: its parameter}; others are refused.
        parameters: fixed ones; an option that is given wins.
        topics: {its topic: the one here}, where they differ.
    """

    package: str
    executable: str
    install: str
    options: dict[str, str]
    parameters: dict[str, str | bool] = field(default_factory=dict)
    topics: dict[str, str] = field(default_factory=dict)


# A TERM or KILL ends `ros2 launch` before it can end the driver, which would go on holding the camera: the kernel ends
# it then.
WITH_LAUNCH = "setpriv --pdeathsig TERM"
OPTICAL_FRAME = "camera_optical_frame"  # also that of config/depth.rviz
DRIVERS = {
    # Names: usb_cam, src/usb_cam_node.cpp.
    "usb_cam": Driver(
        package="usb_cam",
        executable="usb_cam_node_exe",
        install="sudo apt install ros-$ROS_DISTRO-usb-cam",
        options={"video_device": "video_device", "camera_info_url": "camera_info_url", "camera_frame_id": "frame_id"},
        parameters={"frame_id": OPTICAL_FRAME},
    ),
    # Names: realsense2_camera 4, launch/rs_launch.py and src/rs_node_setup.cpp; calibration and frame are the device's.
    "realsense": Driver(
        package="realsense2_camera",
        executable="realsense2_camera_node",
        install="sudo apt install ros-$ROS_DISTRO-realsense2-camera",
        options={"video_device": "serial_no"},
        parameters={"enable_depth": False},
        topics={"~/color/image_raw": "image_raw", "~/color/camera_info": "camera_info"},
    ),
    # Names: v4l2_camera, src/v4l2_camera.cpp and its README.
    "v4l2": Driver(
        package="v4l2_camera",
        executable="v4l2_camera_node",
        install="sudo apt install ros-$ROS_DISTRO-v4l2-camera",
        options={name: name for name in ("video_device", "camera_info_url", "camera_frame_id")},
        parameters={"camera_frame_id": OPTICAL_FRAME},
    ),
}
# Launch arguments are shared by all files that a launch includes, so none is called as one of depth.launch.py.
OPTIONS = {  # name: description; each defaults to the driver's own choice
    "video_device": "path such as /dev/video0; with realsense the serial number",
    "camera_info_url": "calibration file, as file:///path/calibration.yaml; without it depth cannot know the lens",
    "camera_frame_id": f"the camera's optical frame; {OPTICAL_FRAME} if not given",
}


def start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """The driver's node.

    Raises:
        RuntimeError: its package is not installed, or it has no such option.
    """
    name = LaunchConfiguration("camera").perform(context)
    driver = DRIVERS[name]
    try:
        get_package_share_directory(driver.package)
    except PackageNotFoundError:
        raise RuntimeError(f"camera:={name} needs the package {driver.package}: {driver.install}") from None
    parameters = dict(driver.parameters)
    for option in OPTIONS:
        if value := LaunchConfiguration(option).perform(context):
            if option not in driver.options:
                raise RuntimeError(f"camera:={name} takes no {option}; it has {', '.join(driver.options)}")
            # As text: launch would read a serial number as a number.
            parameters[driver.options[option]] = ParameterValue(value, value_type=str)
    file = LaunchConfiguration("camera_params_file").perform(context)
    node = Node(
        package=driver.package,
        executable=driver.executable,
        exec_name=driver.executable,  # in the log; launch would take the prefix
        name=name,
        namespace=LaunchConfiguration("camera_name"),
        parameters=[parameters],
        remappings=list(driver.topics.items()),
        ros_arguments=["--params-file", file] if file else [],
        prefix=WITH_LAUNCH if shutil.which("setpriv") else None,
        output="screen",
        emulate_tty=True,
    )
    return [node]


def generate_launch_description() -> LaunchDescription:
    """The camera, under the Fast DDS profile: what it loses is lost before the depth node could see it."""
    arguments = [
        DeclareLaunchArgument(
            "camera", default_value="usb_cam", description="driver of the camera", choices=list(DRIVERS)
        ),
        DeclareLaunchArgument(
            "camera_name", default_value="camera", description="namespace of the node and its topics"
        ),
        *(DeclareLaunchArgument(n, default_value="", description=text) for n, text in OPTIONS.items()),
        DeclareLaunchArgument(
            "camera_params_file", default_value="", description="YAML file with the driver's other parameters"
        ),
    ]
    profile = IncludeLaunchDescription(PythonLaunchDescriptionSource(str(HERE / "fastdds.launch.py")))
    return LaunchDescription([*arguments, profile, OpaqueFunction(function=start)])
