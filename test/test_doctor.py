"""The doctor on a live graph, one fault or several at a time."""

import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: pip install 'depth_estimation_ros[ros]'")

import rclpy
from doctor_graph import BEST_EFFORT, RELIABLE, WIDTH, Camera, Depth, Graph
from ros_rig import GRAPH, PATIENCE_S, ROOT, isolated
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from depth_estimation_ros.doctor import run
from depth_estimation_ros.doctor.run import main
from depth_estimation_ros.fastdds import VARIABLES


@pytest.fixture
def graph(monkeypatch):
    monkeypatch.setattr(run, "DISCOVERY_S", PATIENCE_S)
    graph = Graph()
    yield graph
    graph.close()


@pytest.fixture
def another():
    graph = Graph()
    yield graph
    graph.close()


def test_nothing_is_said_of_a_graph_on_which_all_is_well(graph):
    Camera(graph)
    Depth(graph)
    names, text = graph.watched()
    assert names == [], text
    assert text.endswith("healthy")
    assert "watched /depth_estimator for 1 s" in text


def test_an_empty_graph(graph, monkeypatch):
    monkeypatch.setattr(run, "DISCOVERY_S", 0.1)
    names, text = graph.watched(0.1)
    assert names == ["no node", "no publisher", "no publisher"], text


def test_images_on_another_topic_are_offered_for_the_remapping(graph):
    node = graph.node("camera")
    node.create_publisher(Image, "front/image_raw", RELIABLE)
    node.create_publisher(CameraInfo, "front/camera_info", RELIABLE)
    Depth(graph)
    names, text = graph.watched(0.1)
    assert names == ["no publisher", "no publisher"], text
    assert "image:=/front/image_raw" in text
    assert "camera_info:=/front/camera_info" in text


def test_quality_of_service_that_cannot_match(graph):
    Camera(graph, BEST_EFFORT)
    Depth(graph, RELIABLE)
    names, text = graph.watched()
    assert names == ["qos", "qos", "no depth"], text
    assert "/image: /camera offers reliability best_effort and /depth_estimator requests reliable" in text


def test_a_camera_that_sends_nothing(graph):
    Camera(graph, is_silent=True)
    Depth(graph)
    names, text = graph.watched(0.2)
    assert names == ["silent"], text


def test_an_image_topic_of_another_type(graph, another):
    Camera(graph)
    Depth(another, image_type=CompressedImage)  # one context has one type for a topic
    another.start()
    names, text = graph.watched()
    assert names == ["type", "no depth"], text
    assert "/camera publishes sensor_msgs/msg/Image and /depth_estimator expects sensor_msgs/msg/Compressed" in text


def test_a_camera_info_of_another_size_stamp_and_frame_without_calibration(graph):
    camera = Camera(graph)
    camera.info.width, camera.info.header.frame_id, camera.info_delay_ns = 2 * WIDTH, "base_link", 1
    camera.info.k = np.zeros(9)
    Depth(graph)
    names, text = graph.watched()
    assert names == ["size", "frame", "stamp", "zero K"], text
    assert "64 x 48 pixels, and camera_info is of 128 x 48" in text


def test_a_distorted_image_of_an_encoding_that_is_refused(graph):
    camera = Camera(graph)
    camera.info.d, camera.image.encoding = [0.1, 0.0, 0.0, 0.0, 0.0], "bayer_rggb16"
    Depth(graph)
    names, text = graph.watched()
    assert names == ["refused", "distorted"], text
    assert "'bayer_rggb16'" in text


def test_distortion_is_well_where_the_node_rectifies(graph):
    camera = Camera(graph)
    camera.info.d = [0.1, 0.0, 0.0, 0.0, 0.0]
    Depth(graph).node.declare_parameter("rectify", True)
    names, text = graph.watched()
    assert names == [], text


@pytest.mark.parametrize(("value", "dtype", "meant"), [(2000.0, np.float32, "millimetres"), (2, np.uint16, "metres")])
def test_depth_in_the_unit_of_another_encoding(graph, value, dtype, meant):
    Camera(graph)
    Depth(graph, value=value, dtype=dtype)
    names, text = graph.watched()
    assert names == ["unit"], text
    assert f"these look like {meant}" in text


def test_a_network_too_slow_for_the_rate_and_a_consumer_that_forgets_the_image_meanwhile(graph):
    Camera(graph)
    Depth(graph, delay_s=0.5, every=4)
    slam = graph.node("slam")
    slam.declare_parameter("sync_queue_size", 3)
    for topic in ("image", "depth/image"):
        slam.create_subscription(Image, topic, lambda _: None, RELIABLE)
    names, text = graph.watched(1.5)
    assert names == ["slow", "queue"], text
    assert "/slam pairs /image with depth and keeps 3 images (sync_queue_size)" in text


CAMERA_WITHOUT_PROFILE = """
import numpy as np, rclpy
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image
from depth_estimation_ros.conversions import fill_image

rclpy.init()
node, qos = rclpy.create_node("camera"), QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
images, infos = node.create_publisher(Image, "image", qos), node.create_publisher(CameraInfo, "camera_info", 5)
image, info = Image(), CameraInfo(width=1280, height=720)
info.k[0] = info.k[4] = 900.0
fill_image(image, np.zeros((720, 1280, 3), np.uint8), "rgb8")
def publish():
    info.header.stamp = image.header.stamp = node.get_clock().now().to_msg()
    infos.publish(info)
    images.publish(image)
node.create_timer(0.05, publish)
rclpy.spin(node)
"""


def environment(**more):
    kept = {k: v for k, v in os.environ.items() if k not in ("_ROS_WHEELS_BOOTSTRAP_COMPLETE", *VARIABLES)}
    return kept | GRAPH | {"PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)} | more


def doctor(*arguments):
    command = [sys.executable, ROOT / "scripts" / "depth_doctor", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=120, check=False
    )


def test_images_lost_by_a_camera_without_the_profile():
    camera = subprocess.Popen([sys.executable, "-c", CAMERA_WITHOUT_PROFILE], cwd=ROOT, env=environment())
    try:
        result = doctor("--seconds", "4", "--node", "nobody")
    finally:
        camera.kill()
        camera.wait()
    assert result.returncode == 1, result.stderr
    assert "profile: /image: " in result.stdout, result.stdout
    assert "images were lost on their way" in result.stdout


def test_the_command_ends_with_0_where_all_is_well(graph):
    Camera(graph)
    Depth(graph)
    graph.start()
    result = doctor("--seconds", "2")
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.splitlines()[-1] == "healthy"


@pytest.mark.parametrize("arguments", [["--seconds", "0"], ["--seconds", "soon"], ["--dance"]])
def test_bad_usage_ends_with_2(capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: depth_doctor" in capsys.readouterr().err


@pytest.mark.parametrize(("enclaves", "reason"), [((), "ROS security: "), (("depth_doctor",), "cannot join ROS: ")])
def test_security_that_cannot_be_enforced_is_said(tmp_path, monkeypatch, enclaves, reason):
    for enclave in enclaves:  # without keys
        (tmp_path / "enclaves" / enclave).mkdir(parents=True)
    monkeypatch.setenv("ROS_SECURITY_KEYSTORE", str(tmp_path))
    monkeypatch.setenv("ROS_SECURITY_ENABLE", "true")
    monkeypatch.setenv("ROS_SECURITY_STRATEGY", "Enforce")
    monkeypatch.setenv("ROS_SECURITY_ENCLAVE_OVERRIDE", "/depth_doctor")
    result = doctor("--seconds", "0.1")
    assert result.returncode == 1, result.stderr
    assert f"depth_doctor: {reason}" in result.stderr
    assert "Traceback" not in result.stderr


def test_two_nodes_of_one_name_must_be_told_apart(graph):
    for namespace in ("/left", "/right"):
        with isolated():
            graph.executor.add_node(rclpy.create_node("depth_estimator", namespace=namespace, context=graph.context))
    with pytest.raises(run.DepthModelsError, match=r"/left/depth_estimator, /right/depth_estimator; choose one"):
        graph.watched()
