"""The node keeps the scale of its depth, over DDS: with a network whose scale jumps."""

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: pip install 'depth_estimation_ros[ros]'")

from box_room import CAMERA, pose, see
from diagnostic_msgs.msg import DiagnosticArray
from ros_rig import Rig, StubProcess, camera_info, metres, until
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


def pictures(n):
    """A still camera's, in which red is depth, and every second has another scale."""
    rgb, depth = see(pose())
    for i in range(n):
        rgb[..., 0] = np.rint(10 * depth * (1 + JUMP * (i % 2)) - 1)
        yield rgb.copy()


def depths(rig, n):
    """Median of the depth of each of n images that are a tenth of a second apart."""
    medians = []
    for i, rgb in enumerate(pictures(n)):
        message = rig.image(rgb)
        message.header.stamp.sec, message.header.stamp.nanosec = 1_700_000_000 + i // 10, i % 10 * 100_000_000
        medians.append(float(np.median(metres(rig.answer(message)))))
    return np.array(medians)


def test_the_scale_is_steady_until_that_is_switched_off_or_reset(rig):
    raw = np.array([np.median(rgb[..., 0] + 1) / 10 for rgb in pictures(2)])
    jumps = np.abs(np.diff(np.log(depths(rig, 8))))
    assert jumps.max() < np.diff(np.log(raw)) / 3
    response = rig.call(Trigger, Trigger.Request())
    assert (response.success, response.message) == (True, "the scale begins anew with the next image")
    facts = rig.collect("/diagnostics", DiagnosticArray)

    def told(key):
        return [v.value for m in list(facts) for s in m.status for v in s.values if v.key == key]

    until(lambda: "1 (asked for)" in told("scale resets") or "2 (asked for)" in told("scale resets"), "the reset")
    assert set(told("scale")) == {"network prior"}
    assert rig.set_parameter("steady_scale", bool_value=False) == (True, "")
    np.testing.assert_allclose(depths(rig, 4), np.tile(raw, 2), rtol=1e-5)
    until(lambda: "no" in told("scale steady"), "what steady_scale is")
    assert rig.set_parameter("steady_scale", bool_value=True) == (True, "")
