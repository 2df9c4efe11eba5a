"""camera.launch.py publishes where depth.launch.py listens, and the viewers show what the depth node publishes."""

import json

import pytest
import yaml
from launch_standins import LAUNCH, defaults, included, load

CONFIG = LAUNCH.parent / "config"
# What the drivers' nodes publish: image and calibration.
PUBLISHED = {
    "usb_cam": ("usb_cam", "image_raw", "camera_info"),
    "realsense": ("realsense2_camera", "~/color/image_raw", "~/color/camera_info"),
    "v4l2": ("v4l2_camera", "image_raw", "camera_info"),
}


@pytest.fixture
def camera(monkeypatch):
    """The launch file, with all drivers installed."""
    return load(monkeypatch, "camera", [package for package, *_ in PUBLISHED.values()])


@pytest.fixture
def node(camera):
    """Call it for the node of a driver."""

    def started(name, **arguments):
        (node,) = camera.start(defaults(camera) | {"camera": name} | arguments)
        return node

    return started


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_driver_publishes_on_the_topics_that_the_depth_node_reads_by_default(monkeypatch, camera, node, name):
    package, *topics = PUBLISHED[name]
    driver = node(name)
    assert driver.package == package
    assert driver.namespace.args == ("camera_name",)
    remapped = [dict(driver.remappings).get(topic, topic) for topic in topics]
    resolved = [f"/{defaults(camera)['camera_name']}/{topic}" for topic in remapped]
    depth = defaults(load(monkeypatch, "depth"))
    assert resolved == [depth["image"], depth["camera_info"]]


def test_options_become_the_drivers_own_parameters_as_text(node):
    (parameters,) = node("realsense", video_device="0123").parameters
    assert (parameters["serial_no"].args, parameters["serial_no"].value_type) == (("0123",), str)
    assert parameters["enable_depth"] is False
    (parameters,) = node("v4l2", video_device="/dev/video2", camera_frame_id="left_optical").parameters
    assert {name: value.args for name, value in parameters.items()} == {
        "video_device": ("/dev/video2",), "camera_frame_id": ("left_optical",)
    }  # fmt: skip


def test_an_option_that_is_not_given_is_left_to_the_driver_but_for_the_optical_frame(camera, node):
    assert node("usb_cam").parameters == [{"frame_id": camera.OPTICAL_FRAME}]
    assert node("usb_cam").ros_arguments == []
    assert node("usb_cam", camera_params_file="mine.yaml").ros_arguments == ["--params-file", "mine.yaml"]


def test_an_option_that_the_driver_does_not_have_is_refused(node):
    with pytest.raises(RuntimeError, match="camera:=realsense takes no camera_info_url; it has video_device"):
        node("realsense", camera_info_url="file:///calibration.yaml")


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_driver_that_is_not_installed_is_refused_with_what_to_install(monkeypatch, name):
    module = load(monkeypatch, "camera")
    package = PUBLISHED[name][0]
    debian = package.replace("_", "-")
    with pytest.raises(RuntimeError, match=rf"camera:={name} needs the package {package}: .*-{debian}$"):
        module.start(defaults(module) | {"camera": name})


def test_the_camera_runs_under_the_profile_too(camera):
    assert included(camera) == ["fastdds.launch.py"]


def test_a_launch_that_includes_a_camera_and_a_slam_gives_neither_the_others_arguments(monkeypatch, camera):
    others = [defaults(load(monkeypatch, name, ())) for name in ("depth", "slam")]
    assert not set(defaults(camera)) & set().union(*others)


@pytest.fixture
def published():
    """{topic: message type} of the depth node."""
    pytest.importorskip("rclpy", reason="ROS 2 is not installed: pip install 'depth_estimation_ros[ros]'")
    from depth_estimation_ros.diagnostics import TOPIC
    from depth_estimation_ros.outputs import OUTPUTS

    return {f"/{output.topic}": output.message_type.__name__ for output in OUTPUTS} | {TOPIC: "DiagnosticArray"}


def test_rviz_shows_image_depth_and_points_in_the_cameras_frame(camera, published):
    manager = yaml.safe_load((CONFIG / "depth.rviz").read_text())["Visualization Manager"]
    shown = {d["Topic"]["Value"]: d["Class"].rpartition("/")[2] for d in manager["Displays"] if "Topic" in d}
    assert shown == {"/rgb/image": "Image", "/depth/image": "Image", "/depth/points": "PointCloud2"}
    assert all(published[topic] == kind for topic, kind in shown.items())
    assert manager["Global Options"]["Fixed Frame"] == camera.OPTICAL_FRAME


def test_foxglove_shows_image_depth_points_and_diagnostics(camera, published):
    layout = json.loads((CONFIG / "foxglove.json").read_text())
    panels = layout["configById"]
    images = [panel["imageMode"] for name, panel in panels.items() if name.startswith("Image!")]
    assert [i["imageTopic"] for i in images] == ["/rgb/image", "/depth/image"]
    assert all(published[i["imageTopic"]] == "Image" for i in images)
    assert all(published[i["calibrationTopic"]] == "CameraInfo" for i in images)
    points = panels["3D!points"]
    assert [published[topic] for topic in points["topics"]] == ["PointCloud2"]
    assert points["followTf"] == camera.OPTICAL_FRAME
    assert published[panels["DiagnosticSummary!diagnostics"]["topicToRender"]] == "DiagnosticArray"

    def leaves(node):
        return [node] if isinstance(node, str) else leaves(node["first"]) + leaves(node["second"])

    assert sorted(leaves(layout["layout"])) == sorted(panels)
