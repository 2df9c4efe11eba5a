"""ros2 launch depth_estimation_ros depth.launch.py model:=unet image:=/camera/image_raw"""

import json
import shutil
from pathlib import Path

from launch.actions import DeclareLaunchArgument, GroupAction, IncludeLaunchDescription, OpaqueFunction
from launch.conditions import IfCondition
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node, SetParameter
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity

HERE = Path(__file__).resolve().parent
CONFIG = HERE.parent / "config"  # beside launch/ in the source tree and in share/
ARGUMENTS = {  # name: (default, description)
    "image": ("/camera/image_raw", "topic of the camera's images"),
    "camera_info": ("/camera/camera_info", "topic of the camera's calibration"),
    "namespace": ("", "namespace of the node and of its topics, such as depth/image"),
    "use_sim_time": ("false", "true: ROS time is that of the topic /clock, as of a simulation or a recording"),
    "params_file": (str(CONFIG / "depth_node.yaml"), "YAML file with the node's other parameters"),
    "log_level": ("info", "debug, info, warn, error or fatal; or LOGGER:=LEVEL for one logger"),
}
# Parameters of the node that are arguments too. They are not set unless given, or defaults would win over params_file.
PARAMETERS = {  # name: (type, the node's default, description)
    "model": (str, "unet", "bundled weights to run; `depth-models networks` lists them"),
    "weights": (str, "", "checkpoint file to run instead of the bundled one"),
    "device": (str, "auto", "auto, cpu, cuda or cuda:N"),
    "backend": (str, "auto", "what runs the network, such as torch, openvino or tensorrt; auto measures"),
    "precision": (str, "auto", "auto, fp32, fp16, bf16 or int8"),
    "threads": (int, 0, "CPU threads that the network runs on at most; 0: one a core"),
    "image_transport": (str, "raw", "raw, or compressed for JPEG or PNG on the topic of `image` + /compressed"),
    "rectify": (bool, False, "true: undistort the image first, as camera_info says"),
    "depth_encoding": (str, "32FC1", "32FC1: metres, NaN invalid; 16UC1: millimetres, 0 invalid"),
    "edge_filter": (float, 0.0, "0.1: make depths invalid that float between two surfaces 10 % apart; 0: off"),
    "max_rate": (float, 0.0, "images that come faster are dropped, Hz; 0: none"),
    "autostart": (bool, True, "false: a lifecycle manager configures and activates the node"),
}
# A TERM or KILL ends `ros2 launch` before it can end the node, which would go on publishing: the kernel ends it then.
WITH_LAUNCH = "setpriv --pdeathsig TERM"


def start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """The node, with its topics remapped and the parameters that were given."""
    value = {name: LaunchConfiguration(name) for name in (*ARGUMENTS, *PARAMETERS)}
    # Typed, as launch would read a model called `on` or a weights file called `1` as YAML.
    given = {
        name: ParameterValue(value[name], value_type=kind)
        for name, (kind, *_) in PARAMETERS.items()
        if value[name].perform(context)
    }
    node = Node(
        package="depth_estimation_ros",
        executable="depth_node",
        exec_name="depth_node",  # before its lines in the log; launch would name it after the prefix
        namespace=value["namespace"],
        parameters=[given] if given else [],
        remappings=[("image", value["image"]), ("camera_info", value["camera_info"])],
        # The file comes before `parameters`, which win. Among them launch would only warn of a file that is not there.
        ros_arguments=["--params-file", value["params_file"], "--log-level", value["log_level"]],
        prefix=WITH_LAUNCH if shutil.which("setpriv") else None,  # part of every Linux distribution's util-linux
        output="screen",
        emulate_tty=True,
    )
    # Not among the node's parameters, where a `false` would win over a SetParameter of who includes this file.
    sim_time = SetParameter("use_sim_time", True, condition=IfCondition(value["use_sim_time"]))
    return [GroupAction([sim_time, node])]


def generate_launch_description() -> LaunchDescription:
    """The arguments, the Fast DDS profile, and the node."""
    texts = dict(ARGUMENTS)
    for name, (_, default, text) in PARAMETERS.items():
        texts[name] = ("", f"{text} (if not given: as params_file says, else {json.dumps(default)})")
    arguments = [DeclareLaunchArgument(n, default_value=d, description=text) for n, (d, text) in texts.items()]
    profile = IncludeLaunchDescription(PythonLaunchDescriptionSource(str(HERE / "fastdds.launch.py")))
    return LaunchDescription([*arguments, profile, OpaqueFunction(function=start)])
