"""slam.launch.py: what it hands to each SLAM, against the depth node's topics and the SLAMs' own names."""

import pytest
from launch_standins import defaults, entities, included, load

PACKAGES = {"rtabmap": "rtabmap_launch", "orbslam3": "orbslam3", "nvblox": "nvblox_ros"}
SETTINGS = "%YAML:1.0\nCamera.RGB: 1\nDepthMapFactor: 1.0\n"


@pytest.fixture
def slam(monkeypatch):
    """The launch file, with all SLAMs installed."""
    return load(monkeypatch, "slam", PACKAGES.values())


@pytest.fixture
def context(slam, tmp_path):
    """Call it for a context: the launch file's defaults with those arguments; files for ORB-SLAM3 are there."""
    (tmp_path / "voc.txt").touch()
    (tmp_path / "settings.yaml").write_text(SETTINGS)
    files = {"vocabulary": str(tmp_path / "voc.txt"), "settings": str(tmp_path / "settings.yaml")}
    return lambda name, **arguments: defaults(slam) | files | {"slam": name} | arguments


@pytest.fixture
def started(slam, context):
    """Call it for the entity that starts a SLAM."""

    def entity(name, **arguments):
        slam.check(context(name, **arguments))
        (group,) = slam.start(context(name, **arguments))
        sim_time, entity = group.args[0]
        assert (sim_time.args, sim_time.condition.args[0].args) == (("use_sim_time", True), ("use_sim_time",))
        return entity

    return entity


def test_every_topic_is_one_that_the_depth_node_publishes_and_of_the_right_type(slam):
    pytest.importorskip("rclpy", reason="ROS 2 is not installed: pip install 'depth_estimation_ros[ros]'")
    from depth_estimation_ros.outputs import OUTPUTS

    published = {output.topic: output.message_type.__name__ for output in OUTPUTS}
    for entry in slam.SLAMS.values():
        for theirs, ours in entry.topics.items():
            assert published[ours] == ("CameraInfo" if "camera_info" in theirs else "Image")
            assert ours.partition("/")[0] == ("depth" if "depth" in theirs else "rgb")


def test_rtabmap_gets_its_launch_file_with_exact_reliable_synchronised_topics(started):
    include = started("rtabmap")
    assert include.args[0].args == ("/opt/rtabmap_launch/launch/rtabmap.launch.py",)
    arguments = dict(include.launch_arguments)
    assert arguments.pop("frame_id").args == ("frame_id",)
    assert arguments == {
        "namespace": "/rtabmap", "rgb_topic": "/rgb/image", "depth_topic": "/depth/image",
        "camera_info_topic": "/rgb/camera_info", "approx_sync": "false", "qos": "1", "depth": "true",
        "subscribe_rgbd": "false",
    }  # fmt: skip


def test_orbslam3_gets_its_rgbd_node_with_vocabulary_and_settings(started):
    node = started("orbslam3")
    assert (node.package, node.executable) == ("orbslam3", "rgbd")
    assert [a.args[0] for a in node.arguments] == ["vocabulary", "settings"]
    assert node.remappings == [("camera/rgb", "/rgb/image"), ("camera/depth", "/depth/image")]


def test_nvblox_gets_its_node_with_the_topics_of_its_older_and_newer_versions(started):
    node = started("nvblox")
    assert (node.package, node.executable) == ("nvblox_ros", "nvblox_node")
    newer = {
        "camera_0/depth/image": "/depth/image", "camera_0/depth/camera_info": "/depth/camera_info",
        "camera_0/color/image": "/rgb/image", "camera_0/color/camera_info": "/rgb/camera_info",
    }  # fmt: skip
    assert dict(node.remappings) == newer | {name.removeprefix("camera_0/"): topic for name, topic in newer.items()}
    (parameters,) = node.parameters
    assert parameters["global_frame"].args == ("global_frame",)
    assert (parameters["use_lidar"], parameters["num_cameras"], parameters["input_qos"]) == (False, 1, "DEFAULT")


@pytest.mark.parametrize("namespace", ["front", "/front/"])
def test_in_a_namespace_the_slam_reads_that_depth_node(started, namespace):
    arguments = dict(started("rtabmap", namespace=namespace).launch_arguments)
    assert (arguments["namespace"], arguments["depth_topic"]) == ("/front/rtabmap", "/front/depth/image")
    node = started("orbslam3", namespace=namespace)
    assert (node.namespace, dict(node.remappings)["camera/depth"]) == ("front", "/front/depth/image")


@pytest.mark.parametrize("name", PACKAGES)
def test_a_slam_that_is_not_installed_is_refused_with_what_to_install_before_anything_starts(monkeypatch, name):
    module = load(monkeypatch, "slam", set(PACKAGES.values()) - {PACKAGES[name]})
    with pytest.raises(RuntimeError, match=rf"slam:={name} needs the package {PACKAGES[name]}: (sudo apt|build) "):
        module.check(defaults(module) | {"slam": name})
    order = [e.function.__name__ if e.kind == "OpaqueFunction" else e.kind for e in entities(module)]
    assert order[-3:] == ["check", "IncludeLaunchDescription", "start"]
    assert included(module) == ["depth.launch.py"]


@pytest.mark.parametrize("argument", ["vocabulary", "settings"])
@pytest.mark.parametrize("path", ["", "/nowhere"])
def test_orbslam3_without_its_files_is_refused(slam, context, argument, path):
    with pytest.raises(RuntimeError, match=f"slam:=orbslam3 needs {argument}:=FILE .* got '{path}'"):
        slam.check(context("orbslam3", **{argument: path}))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (SETTINGS, None),
        (SETTINGS.replace("DepthMapFactor: 1.0", "RGBD.DepthMapFactor: 1"), None),
        (SETTINGS.replace("1.0\n", "5000.0\n").replace("%YAML:5000.0", "%YAML:1.0"), "DepthMapFactor is 5000.0"),
        ("%YAML:1.0\nCamera.RGB: 1\n", "DepthMapFactor is not set"),
        ("%YAML:1.0\nCamera.RGB: 1\n# DepthMapFactor: 1.0\n", "DepthMapFactor is not set"),
        (SETTINGS.replace("RGB: 1", "RGB: 0"), "Camera.RGB is 0"),
    ],
)
def test_orbslam3_settings_that_would_misread_the_depth_or_the_colours_are_refused(slam, tmp_path, text, complaint):
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    if complaint is None:
        slam.check_settings(path)
    else:
        with pytest.raises(RuntimeError, match=complaint):
            slam.check_settings(path)
