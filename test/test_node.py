"""The node as a process of its own, over real DDS, with a tiny random network."""

import re
import time

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: pip install 'depth_estimation_ros[ros]'")

from rcl_interfaces.srv import DescribeParameters
from ros_rig import NodeProcess, Rig, camera_info, metres, until
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from depth_estimation_ros.points import organised_points
from depth_estimation_ros.preview import preview
from depth_models import DepthPredictor

SHARED_MEMORY_BYTES = 64 << 20  # of config/fastdds.xml


@pytest.fixture(scope="module")
def started(weights, tmp_path_factory):
    """One node for all tests."""
    process = NodeProcess(tmp_path_factory.mktemp("node") / "log", f"weights:={weights}", "device:=cpu")
    try:
        process.wait_for("loaded unet")
        yield process
    finally:
        process.close()


@pytest.fixture(scope="module")
def shared_rig(started):
    rig = Rig()
    yield rig
    rig.close()


@pytest.fixture
def rig(shared_rig):
    """The other side of a node that has just started: it has no camera_info, and whatever it warned of is forgotten."""
    shared_rig.info = None
    shared_rig.restart()
    shared_rig.listen()
    yield shared_rig
    shared_rig.stop_listening()
    shared_rig.depth.clear()
    shared_rig.depth_info.clear()


@pytest.fixture(scope="module")
def predictor(weights):
    return DepthPredictor.from_checkpoint(weights, "cpu")


@pytest.fixture
def rgb():
    return np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)


def test_depth_without_camera_info_is_the_predictors_in_the_images_geometry(rig, predictor, rgb):
    message = rig.image(rgb)
    depth = rig.answer(message)
    assert depth.header == message.header
    assert (depth.height, depth.width, depth.encoding) == (120, 160, "32FC1")
    assert (depth.step, depth.is_bigendian, len(depth.data)) == (640, 0, 120 * 640)
    values = metres(depth)
    assert not np.isinf(values).any()
    assert not (values <= 0).any()
    np.testing.assert_allclose(values, predictor(rgb).metres, rtol=1e-4)
    assert not rig.depth_info


def test_an_image_of_one_pixel_has_a_depth_of_one_pixel(rig, predictor, rgb):
    depth = rig.answer(rig.image(rgb[:1, :1]))
    assert (depth.height, depth.width, depth.step) == (1, 1, 4)
    np.testing.assert_allclose(metres(depth), predictor(rgb[:1, :1]).metres, rtol=1e-4)
    assert np.isfinite(metres(depth)).all()


def test_bad_messages_are_counted_and_named_in_the_log_and_the_next_good_one_is_answered(rig, started, rgb):
    mark, jpegs = len(started.log), []

    def jpeg_is_named():
        jpegs.append(rig.image(rgb, encoding="jpeg"))
        rig.publish(jpegs[-1])
        return "/image: image of encoding 'jpeg': not one of rgb8" in started.log[mark:]

    def others_are_counted():
        for fields in ({"step": 1}, {"height": 0}, {"height": 119}, {"encoding": ""}):
            rig.publish(rig.image(rgb, **fields))
            time.sleep(0.05)  # or the newest alone would be taken
        counts = re.findall(r"(\d+) rejected", started.log[mark:])
        return sum(map(int, counts)) >= len(jpegs) + 4

    until(jpeg_is_named, "the reason against a jpeg image")
    until(others_are_counted, "statistics of rejected frames")
    rig.answer(rig.image(rgb))
    assert started.process.poll() is None


def test_an_unpadded_and_a_padded_bgr_image_give_the_same_depth(rig, rgb):
    plain = metres(rig.answer(rig.image(rgb)))
    padded = np.zeros((120, 500), np.uint8)
    padded[:, :480] = rgb[..., ::-1].reshape(120, 480)
    message = rig.image(rgb, encoding="bgr8", step=500, data=padded.tobytes())
    np.testing.assert_array_equal(metres(rig.answer(message)), plain)


def test_camera_info_is_the_cameras_with_the_images_header_and_its_focal_length_counts(rig, predictor, rgb):
    before = metres(rig.answer(rig.image(rgb)))
    rig.info = info = camera_info(160, 120)
    message = rig.image(rgb)
    out = rig.answer_info(message)
    assert out.header == message.header
    info.header = out.header
    assert out == info
    depth = metres(rig.answer(rig.image(rgb)))
    np.testing.assert_allclose(depth, predictor(rgb, fx=150.0, fy=150.0).metres, rtol=1e-4)
    on_canvas = 150.0 * np.sqrt(64 / 120 * 85 / 160)  # 120 x 160 pixels fit 64 x 96 as 64 x 85
    np.testing.assert_allclose(depth / before, on_canvas / 40.0, rtol=1e-4)


def test_camera_info_of_the_full_sensor_is_scaled_to_a_smaller_image(rig, rgb):
    rig.info = camera_info(160, 120)
    rig.answer_info(rig.image(rgb))
    out = rig.answer_info(rig.image(np.ascontiguousarray(rgb[::2, ::2])))
    assert (out.width, out.height) == (80, 60)
    np.testing.assert_allclose(out.k, [75, 0, 39.5, 0, 75, 29.5, 0, 0, 1])
    np.testing.assert_allclose(out.p, [70, 0, 39.75, -7, 0, 70, 29.75, 0, 0, 0, 1, 0])


def test_a_camera_info_that_does_not_fit_is_ignored_and_each_reason_is_named_once(rig, started, predictor, rgb):
    mark = len(started.log)

    def times_told(reason):
        return started.log[mark:].count(reason)

    misfit, uncalibrated = camera_info(160, 60), camera_info(160, 120)
    uncalibrated.k, uncalibrated.p = np.zeros(9), np.zeros(12)
    rig.info = misfit
    until(lambda: rig.answer(rig.image(rgb)) and times_told("another aspect ratio"), "the warning")
    message = rig.image(rgb)
    rig.answer(message)
    assert all(m.header != message.header for m in list(rig.depth_info))
    rig.info = uncalibrated
    assert not rig.answer_info(rig.image(rgb)).k.any()  # from here on the node has it
    np.testing.assert_allclose(metres(rig.answer(rig.image(rgb))), predictor(rgb).metres, rtol=1e-4)
    assert (times_told("another aspect ratio"), times_told("zero K")) == (1, 1)
    rig.restart()  # a new configuration is warned anew
    rig.answer_info(rig.image(rgb))
    assert (times_told("another aspect ratio"), times_told("zero K")) == (1, 2)


def test_the_four_topics_of_an_rgbd_reader_have_one_header_for_every_frame(rig, predictor, rgb):
    rig.info = camera_info(160, 120)
    inboxes = [rig.depth, rig.depth_info, rig.collect("rgb/image", Image), rig.collect("rgb/camera_info", CameraInfo)]
    rig.answer_info(rig.image(rgb))  # from here on there is a camera_info
    sent = []
    for i in range(5):
        sent.append(rig.image(np.roll(rgb, i, axis=1)))
        rig.answer(sent[-1])

    def by_header():
        """Per message sent, what came with its header: exactly, as a synchroniser of exact times compares."""
        return [[next((m for m in list(inbox) if m.header == s.header), None) for inbox in inboxes] for s in sent]

    until(lambda: all(m is not None for row in by_header() for m in row), "all four topics")
    for message, (depth, depth_info, image, image_info) in zip(sent, by_header(), strict=True):
        assert (image.encoding, image.height, image.width, image.step) == ("rgb8", 120, 160, 480)
        assert image.data == message.data
        assert (depth.height, depth.width) == (120, 160)
        assert depth_info == image_info
        pixels = np.frombuffer(message.data, np.uint8).reshape(120, 160, 3)
        np.testing.assert_allclose(metres(depth), predictor(pixels, fx=150.0, fy=150.0).metres, rtol=1e-4)


def test_points_and_preview_are_of_the_depth(rig, rgb):
    rig.info = camera_info(160, 120)
    clouds, previews = rig.collect("depth/points", PointCloud2), rig.collect("depth/preview", Image)
    rig.answer_info(rig.image(rgb))
    message = rig.image(rgb)
    depth = metres(rig.answer(message))
    cloud, picture = rig.answer_in(clouds, message), rig.answer_in(previews, message)
    assert [(f.name, f.offset, f.datatype, f.count) for f in cloud.fields] == [
        ("x", 0, 7, 1), ("y", 4, 7, 1), ("z", 8, 7, 1), ("rgb", 12, 7, 1)
    ]  # fmt: skip
    assert (cloud.height, cloud.width, cloud.point_step, cloud.row_step) == (120, 160, 16, 2560)
    assert (cloud.is_dense, cloud.is_bigendian) == (False, False)
    assert bytes(cloud.data) == organised_points(depth, rgb, rig.info.k).tobytes()
    assert (picture.encoding, picture.step) == ("rgb8", 480)
    assert bytes(picture.data) == preview(depth, 10.0).tobytes()


def test_live_parameters_change_at_once_and_others_say_why_not(rig, rgb):
    assert rig.set_parameter("max_depth", double_value=0.01) == (True, "")
    assert rig.set_parameter("depth_encoding", string_value="16UC1") == (True, "")
    try:
        depth = rig.answer(rig.image(rgb))
        assert depth.encoding == "16UC1"
        assert not np.frombuffer(depth.data, "<u2").any()
        successful, reason = rig.set_parameter("max_depth", double_value=1e9)
        assert not successful
        assert "max_depth" in reason
        assert rig.set_parameter("rectify", bool_value=False) == (True, "")  # as it is: what `ros2 param load` sets
        successful, reason = rig.set_parameter("rectify", bool_value=True)
        assert not successful
        assert "cleanup" in reason
    finally:
        assert rig.set_parameter("max_depth", double_value=100.0) == (True, "")
        assert rig.set_parameter("depth_encoding", string_value="32FC1") == (True, "")
    assert np.isfinite(metres(rig.answer(rig.image(rgb)))).all()


def test_parameters_are_described_with_their_range(rig):
    request = DescribeParameters.Request(names=["max_depth", "precision"])
    depth, precision = rig.call(DescribeParameters, request).descriptors
    assert (depth.floating_point_range[0].from_value, depth.floating_point_range[0].to_value) == (0.01, 1000.0)
    assert depth.description
    assert "bf16" in precision.additional_constraints


def test_nothing_is_predicted_while_nobody_listens(rig, started, rgb):
    rig.stop_listening()
    mark = len(started.log)

    def reported():
        rig.publish(rig.image(rgb))
        lines = [line for line in started.log[mark:].splitlines() if "frames:" in line]
        return next((line for line in lines if "unheard" in line and ", 0 published" in line), None)

    until(reported, "a statistics line with unheard frames only", period_s=0.2)
    rig.listen()
    rig.answer(rig.image(rgb))


def test_the_node_sends_through_the_shared_memory_of_the_packages_profile(started):
    segments = []
    with open(f"/proc/{started.process.pid}/maps") as file:
        for line in file:
            if "/dev/shm/fast" in line:  # fastdds_... or, on Jazzy, fastrtps_...
                start, end = (int(address, 16) for address in line.split()[0].split("-"))
                segments.append(end - start)
    assert max(segments) >= SHARED_MEMORY_BYTES
