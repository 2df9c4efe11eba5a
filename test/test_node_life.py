"""How the node changes its state, and what it says of it: in this process."""

import threading

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: pip install 'depth_estimation_ros[ros]'")

from diagnostic_msgs.msg import DiagnosticArray
from own_node import node_in_this_process
from ros_rig import PATIENCE_S, Rig, camera_info, metres, until
from rosgraph_msgs.msg import Clock as ClockMessage

from depth_estimation_ros.health import Level
from depth_estimation_ros.pipeline import Pipeline
from depth_estimation_ros.scheduling import Mailbox
from depth_models import DepthPredictor
from depth_models.types import Depth

RGB = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)


@pytest.fixture
def node(weights):
    """An unconfigured node in this process."""
    with node_in_this_process(f"weights:={weights}", "device:=cpu") as node:
        yield node


@pytest.fixture
def rig(node):
    rig = Rig()
    yield rig
    rig.close()


def topics_of_the_node(rig):
    """How many times the node is subscribed to images, and publishes depth."""
    return rig.node.count_subscribers("/image"), rig.node.count_publishers("/depth/image")


def test_deactivate_stops_activate_resumes_and_a_new_configuration_counts(rig, weights):
    rig.start()
    rig.answer(rig.image(RGB))
    assert rig.transition("deactivate")
    message = rig.image(RGB)
    for _ in range(5):
        rig.publish(message)
    assert rig.transition("activate")
    rig.info = camera_info(160, 120)
    rig.answer_info(rig.image(RGB))  # from here on the focal length is known
    assert all(m.header != message.header for m in list(rig.depth))
    float_depth = metres(rig.answer(rig.image(RGB)))
    assert rig.transition("deactivate")
    assert rig.transition("cleanup")
    assert rig.set_parameter("weights", string_value="/no/such/file") == (True, "")
    assert not rig.transition("configure")
    assert rig.set_parameter("weights", string_value=weights) == (True, "")
    assert rig.set_parameter("depth_encoding", string_value="16UC1") == (True, "")
    assert rig.transition("configure")
    assert rig.transition("activate")
    rig.answer_info(rig.image(RGB))
    depth = rig.answer(rig.image(RGB))
    assert (depth.encoding, depth.step) == ("16UC1", 320)
    millimetres = np.frombuffer(depth.data, "<u2").reshape(120, 160)
    assert np.abs(millimetres - float_depth * 1000).max() <= 0.51


def test_a_transition_that_raises_is_told_and_leaves_nothing_behind_and_the_node_can_start_again(
    rig, node, monkeypatch, capfd
):
    def no_thread(self):
        raise RuntimeError("can't start new thread")

    assert rig.transition("configure")
    until(lambda: topics_of_the_node(rig) == (1, 1), "the node's topics")
    with monkeypatch.context() as broken:
        broken.setattr(threading.Thread, "start", no_thread)
        assert not rig.transition("activate")
    reason = "cannot activate: RuntimeError: can't start new thread"
    assert reason in capfd.readouterr().err
    assert (node._health().level, node._health().message) == (Level.ERROR, reason)
    until(lambda: topics_of_the_node(rig) == (0, 0), "the end of the node's topics")
    rig.start()
    rig.answer(rig.image(RGB))
    assert topics_of_the_node(rig) == (1, 1)


@pytest.mark.parametrize("transition", ["deactivate", "shutdown"])
def test_a_transition_lets_the_frame_in_work_be_answered(rig, monkeypatch, transition):
    working, closed = threading.Event(), threading.Event()
    work, close = Pipeline.__call__, Mailbox.close

    def work_until_closed(*arguments):
        working.set()
        assert closed.wait(PATIENCE_S)
        return work(*arguments)

    def close_and_tell(mailbox):
        close(mailbox)
        closed.set()

    monkeypatch.setattr(Pipeline, "__call__", work_until_closed)
    monkeypatch.setattr(Mailbox, "close", close_and_tell)
    rig.start()
    message = rig.image(RGB)
    until(lambda: rig.publish(message) or working.is_set(), "a frame in work")
    assert rig.transition(transition)
    until(lambda: any(m.header == message.header for m in list(rig.depth)), "the depth of the frame in work")


def test_shutdown_of_an_active_node_takes_its_topics_away_for_good(rig, node):
    rig.start()
    rig.answer(rig.image(RGB))
    assert rig.transition("shutdown")
    until(lambda: topics_of_the_node(rig) == (0, 0), "the end of the node's topics")
    assert not rig.transition("configure")
    assert node._health().facts["state"] == "finalized"


def test_ros_time_that_jumps_back_stalls_nothing_and_stale_images_are_dropped(rig, node):
    clock = rig.node.create_publisher(ClockMessage, "/clock", 1)

    def set_clock(sec):
        message = ClockMessage()
        message.clock.sec = sec
        until(lambda: clock.publish(message) or node.get_clock().now().nanoseconds == sec * 10**9, "the clock")

    def image(sec):
        message = rig.image(RGB)
        message.header.stamp.sec, message.header.stamp.nanosec = sec, 5
        return message

    assert rig.set_parameter("use_sim_time", bool_value=True) == (True, "")
    assert rig.set_parameter("max_age", double_value=2.0) == (True, "")
    rig.start()
    set_clock(1000)
    assert rig.answer(image(999)).header.stamp.sec == 999
    stale = image(990)
    statistics = node._session._statistics
    until(lambda: rig.publish(stale) or statistics.snapshot().totals.get(("dropped", "stale")), "a stale image")
    assert all(m.header != stale.header for m in list(rig.depth))
    set_clock(10)  # the recording starts again
    assert rig.answer(image(9)).header.stamp.sec == 9
    assert rig.answer(image(990)).header.stamp.sec == 990  # still on its way when the clock jumped: in the future now


def test_diagnostics_follow_the_life_of_the_node(rig, node, weights, monkeypatch):
    inbox = rig.collect("/diagnostics", DiagnosticArray)

    def status(level, text, value=""):
        """The next of this level, with a text in its message and a value of this name."""
        inbox.clear()

        def matching():
            found = [s for m in list(inbox) for s in m.status if s.level == bytes([level]) and text in s.message]
            return next((s for s in found if not value or value in [v.key for v in s.values]), None)

        return until(matching, f"diagnostics with {text!r}")

    for threshold in ("warn_latency", "error_latency", "warn_silence", "error_silence"):  # of a machine at work
        assert rig.set_parameter(threshold, double_value=0.0) == (True, "")
    assert status(0, "unconfigured").name == "depth_estimator: depth"
    assert rig.set_parameter("weights", string_value="/no/such/file") == (True, "")
    assert not rig.transition("configure")
    status(2, "cannot configure: '/no/such/file'")
    assert rig.set_parameter("weights", string_value=weights) == (True, "")
    rig.start()
    rig.answer(rig.image(RGB))
    values = {v.key: v.value for v in status(0, "depth at", "published").values}
    assert values["state"] == "active"
    assert (values["model"], values["device"], values["precision"]) == ("unet", "cpu", "fp32")
    assert float(values["latency p50 (ms)"]) > 0
    assert int(values["published"]) >= 1
    with monkeypatch.context() as broken:
        nothing = Depth(np.full((120, 160), np.nan, np.float32), np.zeros((120, 160), bool))
        broken.setattr(DepthPredictor, "__call__", lambda *_, **__: nothing)
        statistics = node._session._statistics
        until(lambda: rig.publish(rig.image(RGB)) or statistics.snapshot().is_failing, "a failure")
        values = {v.key: v.value for v in status(2, "no finite depth").values}
        assert int(values["failed (nan)"]) >= 1
    rig.answer(rig.image(RGB))
    assert rig.transition("deactivate")
    status(0, "inactive")
