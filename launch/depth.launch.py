"""ros2 launch depth_estimation_ros depth.launch.py model:=unet image:=/camera/image_raw"""

import shutil
from pathlib import Path

from launch.actions import DeclareLaunchArgument, GroupAction, IncludeLaunchDescription
from launch.conditions import IfCondition
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node, SetParameter
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchDescription

HERE = Path(__file__).resolve().parent
CONFIG = HERE.parent / "config"  # beside launch/ in the source tree and in share/
ARGUMENTS = {  # name: (default, description)
    "model": ("unet", "bundled network to run; `depth-models networks` lists them"),
    "weights": ("", "checkpoint file to run instead of the bundled one"),
    "device": ("auto", "auto, cpu, cuda or cuda:N"),
    "image": ("/camera/image_raw", "topic of the camera's images"),
    "camera_info": ("/camera/camera_info", "topic of the camera's calibration"),
    "image_transport": ("raw", "raw, or compressed for JPEG or PNG on the topic of `image` with /compressed behind it"),
    "namespace": ("", "namespace of the node and of its topics, such as depth/image"),
    "use_sim_time": ("false", "true: ROS time is that of the topic /clock, as of a simulation or a recording"),
    "params_file": (str(CONFIG / "depth_node.yaml"), "YAML file with the node's other parameters"),
    "log_level": ("info", "debug, info, warn, error or fatal; or LOGGER:=LEVEL for one logger"),
}
# These arguments are parameters of the node, and win over params_file.
PARAMETERS = ("model", "weights", "device", "image_transport")
# A TERM or KILL ends `ros2 launch` before it can end the node, which would go on publishing: the kernel ends it then.
WITH_LAUNCH = "setpriv --pdeathsig TERM"


def generate_launch_description() -> LaunchDescription:
    """The node with its topics remapped."""
    value = {name: LaunchConfiguration(name) for name in ARGUMENTS}
    node = Node(
        package="depth_estimation_ros",
        executable="depth_node",
        namespace=value["namespace"],
        # As text: launch would read a model called `on` or a weights file called `1` as YAML.
        parameters=[{name: ParameterValue(value[name], value_type=str) for name in PARAMETERS}],
        remappings=[("image", value["image"]), ("camera_info", value["camera_info"])],
        # The file comes before `parameters`, which win. Among them launch would only warn of a file that is not there.
        ros_arguments=["--params-file", value["params_file"], "--log-level", value["log_level"]],
        prefix=WITH_LAUNCH if shutil.which("setpriv") else None,  # part of every Linux distribution's util-linux
        output="screen",
        emulate_tty=True,
    )
    arguments = [DeclareLaunchArgument(n, default_value=d, description=text) for n, (d, text) in ARGUMENTS.items()]
    profile = IncludeLaunchDescription(PythonLaunchDescriptionSource(str(HERE / "fastdds.launch.py")))
    # Not among the node's parameters, where a `false` would win over a SetParameter of who includes this file.
    sim_time = SetParameter("use_sim_time", True, condition=IfCondition(value["use_sim_time"]))
    return LaunchDescription([*arguments, profile, GroupAction([sim_time, node])])
