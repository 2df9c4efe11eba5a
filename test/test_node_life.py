"""How the node starts, changes its state and ends: transitions in this process, starts and ends as processes."""

import threading

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: pip install 'depth_estimation_ros[ros]'")

import rclpy
import torch
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions
from ros_rig import PATIENCE_S, NodeProcess, Rig, camera_info, isolated, metres, until
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import CompressedImage, Image

from depth_estimation_ros import outputs
from depth_estimation_ros.depth_node import DepthNode
from depth_estimation_ros.health import Level
from depth_estimation_ros.pipeline import Pipeline
from depth_estimation_ros.scheduling import Mailbox
from depth_models import Checkpoint, DepthPredictor, Preprocess, create_network
from depth_models.types import Depth

RGB = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)


@pytest.fixture
def node(weights):
    """An unconfigured node in this process, spun by a thread."""
    arguments = ["--ros-args", "-p", f"weights:={weights}", "-p", "device:=cpu"]
    with isolated():
        rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
        node = DepthNode()
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    thread = threading.Thread(target=executor.spin)
    thread.start()
    yield node
    executor.shutdown()
    thread.join()
    node.destroy_node()
    rclpy.shutdown()


@pytest.fixture
def rig(node):
    rig = Rig()
    yield rig
    rig.close()


def topics_of_the_node(rig):
    """How many times the node is subscribed to images, and publishes depth."""
    return rig.node.count_subscribers("/image"), rig.node.count_publishers("/depth/image")


def start(rig):
    assert rig.transition("configure")
    assert rig.transition("activate")
    rig.listen()


def test_deactivate_stops_activate_resumes_and_a_new_configuration_counts(rig, weights):
    start(rig)
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
    start(rig)
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
    start(rig)
    message = rig.image(RGB)
    until(lambda: rig.publish(message) or working.is_set(), "a frame in work")
    assert rig.transition(transition)
    until(lambda: any(m.header == message.header for m in list(rig.depth)), "the depth of the frame in work")


def test_shutdown_of_an_active_node_takes_its_topics_away_for_good(rig, node):
    start(rig)
    rig.answer(rig.image(RGB))
    assert rig.transition("shutdown")
    until(lambda: topics_of_the_node(rig) == (0, 0), "the end of the node's topics")
    assert not rig.transition("configure")
    assert node._health().facts["state"] == "finalized"


def test_a_compressed_image_is_rectified_and_its_pinhole_goes_with_it(rig, weights):
    assert rig.set_parameter("image_transport", string_value="compressed") == (True, "")
    assert rig.set_parameter("rectify", bool_value=True) == (True, "")
    start(rig)
    rig.images = rig.node.create_publisher(CompressedImage, "image/compressed", 1)
    until(rig.images.get_subscription_count, "a subscription to image/compressed")
    rig.info = info = camera_info(160, 120)
    info.d = np.zeros(5)
    info.p = np.array([150.0, 0, 84.5, -15, 0, 150.0, 59.5, 0, 0, 0, 1, 0])  # 5 columns to the right of K's
    raw = rig.image(RGB)
    message = CompressedImage(header=raw.header, format="rgb8; png compressed bgr8")
    message.data.frombytes(cv2.imencode(".png", RGB[..., ::-1])[1].tobytes())
    relayed = rig.collect("rgb/image", Image)
    picture, out, depth = rig.answer_in(relayed, message), rig.answer_info(message), metres(rig.answer(message))
    moved = np.zeros_like(RGB)
    moved[:, 5:] = RGB[:, :-5]
    assert bytes(picture.data) == moved.tobytes()
    expected = DepthPredictor.from_checkpoint(weights, "cpu")(moved, fx=150.0, fy=150.0).metres
    np.testing.assert_allclose(depth[:, 5:], expected[:, 5:], rtol=1e-4)
    assert np.isnan(depth[:, :5]).all()
    assert out.header == picture.header == message.header
    np.testing.assert_array_equal(out.k, [150, 0, 84.5, 0, 150, 59.5, 0, 0, 1])
    np.testing.assert_array_equal(out.p, info.p)
    assert not np.any(out.d)


def test_what_nobody_subscribes_to_is_never_made(rig, monkeypatch):
    made = []
    for output in outputs.OUTPUTS:
        original = output.message
        monkeypatch.setattr(
            output, "message", lambda self, frame, original=original: made.append(self.topic) or original(self, frame)
        )
    start(rig)
    rig.answer(rig.image(RGB))
    rig.collect("depth/preview", Image)
    until(lambda: rig.answer(rig.image(RGB)) and "depth/preview" in made, "a preview")
    assert set(made) == {"depth/image", "depth/camera_info", "depth/preview"}


def test_sigma_is_published_beside_its_depth_and_doubtful_pixels_become_invalid_while_the_node_runs(rig, tmp_path):
    torch.manual_seed(0)
    network = create_network("unet", encoder="resnet18", decoder_channels=(32, 16, 16, 8, 8), sigma=True)
    sure = str(tmp_path / "sure.safetensors")
    Checkpoint.of(network, Preprocess(64, 96, (0.5,) * 3, (0.25,) * 3, focal_px=40.0)).save(sure)
    assert rig.set_parameter("weights", string_value=sure) == (True, "")
    start(rig)
    inbox, message = rig.collect("depth/sigma", Image), rig.image(RGB)
    sigma, depth = rig.answer_in(inbox, message), rig.answer(message)
    assert (sigma.encoding, sigma.header) == ("32FC1", message.header)
    expected = DepthPredictor.from_checkpoint(sure, "cpu")(RGB)
    np.testing.assert_allclose(metres(sigma), expected.sigma_metres, rtol=1e-3)
    threshold = float(np.median(expected.sigma_metres / expected.metres))
    assert rig.set_parameter("max_relative_sigma", double_value=threshold) == (True, "")
    message = rig.image(RGB)
    masked = metres(rig.answer(message))
    assert 0.3 < np.isnan(masked).mean() < 0.7
    assert np.array_equal(np.isnan(metres(rig.answer_in(inbox, message))), np.isnan(masked))
    np.testing.assert_array_equal(masked[~np.isnan(masked)], metres(depth)[~np.isnan(masked)])


def test_a_model_that_tells_no_sigma_leaves_the_topic_silent_and_the_depth_whole(rig, node):
    assert rig.set_parameter("max_relative_sigma", double_value=0.01) == (True, "")
    start(rig)
    inbox, diagnostics = rig.collect("depth/sigma", Image), rig.collect("/diagnostics", DiagnosticArray)
    assert np.isfinite(metres(rig.answer(rig.image(RGB)))).all()
    assert not inbox
    facts = until(
        lambda: [v for m in list(diagnostics) for s in m.status for v in s.values if v.key == "sigma"], "facts"
    )
    assert facts[-1].value.startswith("no")


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
    start(rig)
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
    start(rig)
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


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        (["modle:=unet"], "unknown parameter 'modle': did you mean 'model'?"),
        (["max_depth:=-1.0"], "parameter 'max_depth' is -1.0; expected 0.01 to 1000.0"),
        (["weights:=/no/such/file"], "'/no/such/file' is neither a file"),
        (["model:=multiscale"], "no weights are bundled for 'multiscale'"),
        (["device:=cuda"], "device 'cuda' was asked for"),
    ],
)
def test_a_start_that_cannot_work_ends_with_the_reason(weights, tmp_path, monkeypatch, parameters, reason):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # on a machine with a GPU too
    if "device" in parameters[0]:
        parameters = [*parameters, f"weights:={weights}"]
    node = NodeProcess(tmp_path / "log", *parameters)
    try:
        assert node.wait() == 1, node.log
        assert reason in node.log
        assert "Traceback" not in node.log
    finally:
        node.close()


def test_ros_arguments_that_cannot_be_read_are_bad_usage(tmp_path):
    node = NodeProcess(tmp_path / "log", "no_value")
    try:
        assert node.wait() == 2, node.log
        assert "bad ROS arguments" in node.log
    finally:
        node.close()


@pytest.mark.parametrize(("enclaves", "reason"), [((), "ROS security: "), (("depth_estimator",), "cannot join ROS: ")])
def test_security_that_cannot_be_enforced_ends_the_node_with_the_reason(tmp_path, monkeypatch, enclaves, reason):
    for enclave in enclaves:  # without keys
        (tmp_path / "enclaves" / enclave).mkdir(parents=True)
    monkeypatch.setenv("ROS_SECURITY_KEYSTORE", str(tmp_path))
    monkeypatch.setenv("ROS_SECURITY_ENABLE", "true")
    monkeypatch.setenv("ROS_SECURITY_STRATEGY", "Enforce")
    monkeypatch.setenv("ROS_SECURITY_ENCLAVE_OVERRIDE", "/depth_estimator")
    node = NodeProcess(tmp_path / "log", "autostart:=false")
    try:
        assert node.wait() == 1, node.log
        assert reason in node.log
        assert "Traceback" not in node.log
    finally:
        node.close()
