"""The node keeps the scale of its depth and takes it from anchors, over DDS: with a network whose scale jumps."""

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: pip install 'depth_estimation_ros[ros]'")

from box_room import CAMERA, HALF_M, pose, see
from diagnostic_msgs.msg import DiagnosticArray
from ros_rig import Rig, StubProcess, camera_info, metres, until
from sensor_msgs.msg import Image, PointCloud2, PointField, Range
from std_srvs.srv import Trigger

JUMP = 0.2


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """A node whose network reads a tenth of a metre from a unit of red."""
    process = StubProcess(tmp_path_factory.mktemp("node") / "log")
    try:
        process.wait_for("loaded stub")
        yield process
    finally:
        process.close()


@pytest.fixture
def rig(started):
    rig = Rig()
    rig.info = camera_info(CAMERA.width, CAMERA.height)
    rig.info.k = CAMERA.K.ravel()
    rig.listen()
    yield rig
    rig.close()


def pictures(n, scales=(1.0, 1.0 + JUMP), pitch=0.0):
    """A still camera's, in which red is depth, whose scales take turns."""
    rgb, depth = see(pose(pitch=-pitch))
    for i in range(n):
        rgb[..., 0] = np.rint(10 * depth * scales[i % len(scales)] - 1)
        yield rgb.copy()


def stamped(message, second, tenth):
    message.header.stamp.sec, message.header.stamp.nanosec = second + tenth // 10, tenth % 10 * 100_000_000
    return message


def depths(rig, images, second=1_700_000_000, before=lambda image, i: None):
    """Median of the depth of images that are a tenth of a second apart; `before` may publish what belongs to one."""
    medians = []
    for i, rgb in enumerate(images):
        message = stamped(rig.image(rgb), second, i)
        message.header.frame_id = "camera"
        before(message, i)
        medians.append(float(np.median(metres(rig.answer(message)))))
    return np.array(medians)


def told(facts, key):
    return [v.value for m in list(facts) for s in m.status for v in s.values if v.key == key]


def test_the_scale_is_steady_until_that_is_switched_off_or_reset(rig):
    raw = np.array([np.median(rgb[..., 0] + 1) / 10 for rgb in pictures(2)])
    jumps = np.abs(np.diff(np.log(depths(rig, pictures(8)))))
    assert jumps.max() < np.diff(np.log(raw)) / 3
    response = rig.call(Trigger, Trigger.Request())
    assert (response.success, response.message) == (True, "the scale begins anew with the next image")
    facts = rig.collect("/diagnostics", DiagnosticArray)
    until(lambda: any("(asked for)" in resets for resets in told(facts, "scale resets")), "the reset")
    assert set(told(facts, "scale")) == {"network prior"}
    assert rig.set_parameter("steady_scale", bool_value=False) == (True, "")
    np.testing.assert_allclose(depths(rig, pictures(4), 1_700_000_100), np.tile(raw, 2), rtol=1e-5)
    until(lambda: "no" in told(facts, "scale steady"), "what steady_scale is")
    assert rig.set_parameter("steady_scale", bool_value=True) == (True, "")


def distances():
    """True ones with a sensor's noise."""
    return HALF_M[2] * np.random.default_rng(0).normal(1, 0.01, 100)


def ranges(image, i):
    message = Range(radiation_type=1, field_of_view=0.1, min_range=0.1, max_range=5.0)
    message.range = float(distances()[i])
    return message


def cloud(image, i):
    """Four points of the wall ahead, after a field of another kind."""
    z = np.float32(distances()[i])
    rows = np.zeros(4, [("intensity", "<u2"), ("x", "<f4"), ("y", "<f4"), ("z", "<f4")])
    rows["x"], rows["y"], rows["z"] = (-0.5, 0.5, -0.5, 0.5), (-0.5, -0.5, 0.5, 0.5), z
    message = PointCloud2(height=1, width=4, point_step=14, row_step=56)
    kinds = (("intensity", 0, 4), ("x", 2, 7), ("y", 6, 7), ("z", 10, 7))
    message.fields = [PointField(name=name, offset=at, datatype=kind, count=1) for name, at, kind in kinds]
    message.data.frombytes(rows.tobytes())
    message.header.frame_id = image.header.frame_id
    return message


def millimetres(image, cells, known_m):
    """A depth image of a quarter of the image's size with a depth in some of its pixels."""
    known = np.zeros((CAMERA.height // 4, CAMERA.width // 4), "<u2")
    known[cells] = np.rint(1000 * known_m)
    message = Image(encoding="16UC1", height=known.shape[0], width=known.shape[1], step=known.strides[0])
    message.data.frombytes(known.tobytes())
    message.header.frame_id = image.header.frame_id
    return message


def depth_image(image, i):
    return millimetres(image, np.s_[14:17, 19:22], distances()[i])


@pytest.mark.parametrize(
    ("name", "kind", "make", "second"),
    [
        ("range", Range, ranges, 1_700_001_000),
        ("points", PointCloud2, cloud, 1_700_002_000),
        ("depth", Image, depth_image, 1_700_003_000),
    ],
)
def test_an_anchor_makes_the_metres_true(rig, name, kind, make, second):
    publisher = rig.node.create_publisher(kind, f"anchor/{name}", 10)
    until(publisher.get_subscription_count, "the node's subscription")
    rig.call(Trigger, Trigger.Request())
    facts = rig.collect("/diagnostics", DiagnosticArray)
    medians = depths(
        rig, pictures(24, (1.4,)), second,
        lambda image, i: publisher.publish(stamped(make(image, i), second, i)),
    )  # fmt: skip
    true = np.median(see(pose())[1])
    assert medians[0] == pytest.approx(1.4 * true, rel=0.03)
    assert medians[-1] == pytest.approx(true, rel=0.03)
    until(lambda: name in told(facts, "scale"), "the scale's source")
    rig.node.destroy_publisher(publisher)


def test_a_coarse_depth_image_corrects_the_depth_from_place_to_place(rig):
    true = see(pose())[1]
    wrong = 1.1 + 0.15 * np.sin(np.linspace(-3, 3, CAMERA.width))
    noise = np.random.default_rng(0).normal(1, 0.01, 16)

    publisher = rig.node.create_publisher(Image, "anchor/depth", 10)
    until(publisher.get_subscription_count, "the node's subscription")
    rig.call(Trigger, Trigger.Request())
    facts = rig.collect("/diagnostics", DiagnosticArray)
    errors = []
    for i, rgb in enumerate(pictures(16, (wrong,))):
        message = stamped(rig.image(rgb), 1_700_020_000, i)
        message.header.frame_id = "camera"
        known = millimetres(message, np.s_[1::3, 1::3], noise[i] * true[4::12, 4::12])
        publisher.publish(stamped(known, 1_700_020_000, i))
        errors.append(float(np.abs(np.log(metres(rig.answer(message)) / true)).mean()))
    by_scale_alone = float(np.abs(np.log(wrong / np.median(wrong))).mean())
    assert errors[0] == pytest.approx(float(np.abs(np.log(wrong)).mean()), abs=0.02)
    assert errors[-1] < 0.4 * by_scale_alone
    until(lambda: "depth" in told(facts, "shape"), "what shapes the depth")
    rig.node.destroy_publisher(publisher)


def test_the_cameras_height_makes_the_metres_true(rig):
    pitch = 0.35
    assert rig.set_parameter("camera_pitch", double_value=pitch) == (True, "")
    assert rig.set_parameter("camera_height", double_value=float(HALF_M[1])) == (True, "")
    rig.call(Trigger, Trigger.Request())
    medians = depths(rig, pictures(16, (0.7,), pitch), 1_700_009_000)
    assert medians[-1] == pytest.approx(np.median(see(pose(pitch=-pitch))[1]), rel=0.03)
    assert rig.set_parameter("camera_height", double_value=0.0) == (True, "")


def test_old_messages_and_those_of_another_frame_do_nothing_and_are_named(rig, started):
    publisher = rig.node.create_publisher(PointCloud2, "anchor/points", 10)
    until(publisher.get_subscription_count, "the node's subscription")
    rig.call(Trigger, Trigger.Request())
    raw = 1.4 * np.median(see(pose())[1])
    old = depths(
        rig, pictures(14, (1.4,)), 1_700_010_000,
        lambda image, i: publisher.publish(stamped(cloud(image, i), 1_700_010_000 - 5, i)),
    )  # fmt: skip
    np.testing.assert_allclose(old, raw, rtol=0.02)

    def elsewhere(image, i):
        message = stamped(cloud(image, i), 1_700_011_000, i)
        message.header.frame_id = "lidar"
        publisher.publish(message)

    np.testing.assert_allclose(depths(rig, pictures(14, (1.4,)), 1_700_011_000, elsewhere), raw, rtol=0.02)
    until(lambda: "anchor/points: is in the frame 'lidar'" in started.log, "the reason in the log")
    rig.node.destroy_publisher(publisher)
