"""The node as a process of its own, over real DDS, with a tiny random network."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: pip install 'depth_estimation_ros[ros]'")

import rclpy
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import DescribeParameters, SetParameters
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image

from depth_models import DepthPredictor

ROOT = Path(__file__).resolve().parent.parent
DOMAIN_ID = 41 + os.getpid() % 20
PATIENCE_S = 60.0
TRANSITIONS = {"configure": 1, "cleanup": 2, "activate": 3, "deactivate": 4}


def until(condition, what, period_s=0.05, timeout_s=PATIENCE_S):
    """Poll until `condition()` is true, and return it."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {timeout_s:.0f} s in vain for {what}"
        time.sleep(period_s)
    return value


class NodeProcess:
    """A child process that runs the node; its log is in `log`."""

    def __init__(self, log: Path, *parameters: str) -> None:
        environment = os.environ | {"PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}
        environment.pop("_ROS_WHEELS_BOOTSTRAP_COMPLETE", None)  # the ROS wheels' own; a child sets itself up again
        arguments = [argument for parameter in parameters for argument in ("-p", parameter)]
        command = [sys.executable, "-m", "depth_estimation_ros.depth_node", "--ros-args", *arguments]
        self._log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT)

    @property
    def log(self) -> str:
        return self._log.read_text()

    def wait_for(self, text: str) -> None:
        until(lambda: text in self.log or self.process.poll() is not None, f"{text!r} in the log:\n{self.log}")
        assert text in self.log, self.log

    def wait(self) -> int:
        return self.process.wait(timeout=PATIENCE_S)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


class Rig:
    """The other side: publishes images, collects depth, calls services."""

    def __init__(self) -> None:
        self.context = Context()
        rclpy.init(context=self.context, domain_id=DOMAIN_ID)
        self.node = rclpy.create_node("rig", context=self.context)
        self.images = self.node.create_publisher(Image, "image", 1)
        self.infos = self.node.create_publisher(CameraInfo, "camera_info", 1)
        self.depth: deque[Image] = deque()
        self.depth_info: deque[CameraInfo] = deque()
        self.info: CameraInfo | None = None  # published before every image
        self._stamp = 0
        self._listeners = []
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self._thread = threading.Thread(target=self.executor.spin, daemon=True)
        self._thread.start()

    def listen(self) -> None:
        node, qos = self.node, qos_profile_sensor_data
        self._listeners = [
            node.create_subscription(Image, "depth/image", lambda m: self.depth.append(m), qos),
            node.create_subscription(CameraInfo, "depth/camera_info", lambda m: self.depth_info.append(m), qos),
        ]
        for listener in self._listeners:
            until(lambda listener=listener: listener.get_publisher_count(), f"a publisher of {listener.topic_name}")

    def stop_listening(self) -> None:
        for listener in self._listeners:
            self.node.destroy_subscription(listener)
        self._listeners = []

    def image(self, rgb, **fields) -> Image:
        """A message with a header that no other has."""
        self._stamp += 1
        message = Image(encoding="rgb8", height=rgb.shape[0], width=rgb.shape[1], step=rgb.shape[1] * 3)
        message.header.frame_id = f"camera {self._stamp}"
        message.header.stamp.sec, message.header.stamp.nanosec = 1_700_000_000 + self._stamp, 999_999_999
        message.data.frombytes(rgb.tobytes())
        for name, value in fields.items():
            setattr(message, name, value)
        return message

    def answer(self, message: Image) -> Image:
        """Publish until the depth of this very message arrives."""
        return self._answer(message, self.depth)

    def answer_info(self, message: Image) -> CameraInfo:
        """As `answer`, for depth/camera_info."""
        return self._answer(message, self.depth_info)

    def _answer(self, message, inbox):
        def mine():
            if self.info is not None:
                self.infos.publish(self.info)
            self.images.publish(message)
            time.sleep(0.1)
            return next((m for m in list(inbox) if m.header == message.header), None)

        return until(mine, f"the answer to {message.header}")

    def call(self, service_type, name, request):
        client = self.node.create_client(service_type, name)
        assert client.wait_for_service(timeout_sec=PATIENCE_S)
        future = client.call_async(request)
        until(future.done, name)
        self.node.destroy_client(client)
        return future.result()

    def transition(self, label: str) -> bool:
        request = ChangeState.Request()
        request.transition.id = TRANSITIONS[label]
        return self.call(ChangeState, "depth_estimator/change_state", request).success

    def set_parameter(self, name: str, **value):
        """e.g. set_parameter('model', string_value='fpn'); returns (successful, reason)."""
        ((field, content),) = value.items()
        kind = getattr(ParameterType, "PARAMETER_" + field.removesuffix("_value").upper())
        parameter = Parameter(name=name, value=ParameterValue(type=kind, **{field: content}))
        request = SetParameters.Request(parameters=[parameter])
        (result,) = self.call(SetParameters, "depth_estimator/set_parameters", request).results
        return result.successful, result.reason

    def close(self) -> None:
        self.executor.shutdown()
        self._thread.join(timeout=10)
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)


@pytest.fixture(scope="module", autouse=True)
def _isolated():
    patch = pytest.MonkeyPatch()
    patch.setenv("ROS_DOMAIN_ID", str(DOMAIN_ID))
    patch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    patch.setenv("FASTDDS_DEFAULT_PROFILES_FILE", str(ROOT / "config" / "fastdds.xml"))
    patch.setenv("FASTRTPS_DEFAULT_PROFILES_FILE", str(ROOT / "config" / "fastdds.xml"))
    yield
    patch.undo()


@pytest.fixture(scope="module")
def started(weights, tmp_path_factory):
    """One node for most tests."""
    process = NodeProcess(tmp_path_factory.mktemp("node") / "log", f"weights:={weights}", "device:=cpu")
    process.wait_for("loaded unet")
    yield process
    process.close()


@pytest.fixture(scope="module")
def rig(started):
    rig = Rig()
    rig.listen()
    yield rig
    rig.close()


@pytest.fixture
def rgb():
    return np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)


def metres(message: Image) -> np.ndarray:
    return np.frombuffer(message.data, "<f4").reshape(message.height, message.width)


def camera_info(width, height) -> CameraInfo:
    info = CameraInfo(width=width, height=height, distortion_model="plumb_bob", d=[0.1, 0.2, 0.0, 0.0, 0.3])
    info.header.frame_id = "another frame"
    info.k = np.array([150.0, 0.0, 79.5, 0.0, 150.0, 59.5, 0.0, 0.0, 1.0])
    info.r = np.array([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0])
    info.p = np.array([140.0, 0.0, 80.0, -14.0, 0.0, 140.0, 60.0, 0.0, 0.0, 0.0, 1.0, 0.0])
    return info


def test_depth_without_camera_info_is_the_predictors_in_the_images_geometry(rig, weights, rgb):
    message = rig.image(rgb)
    depth = rig.answer(message)
    assert depth.header == message.header
    assert (depth.height, depth.width, depth.encoding) == (120, 160, "32FC1")
    assert (depth.step, depth.is_bigendian, len(depth.data)) == (640, 0, 120 * 640)
    values = metres(depth)
    assert not np.isinf(values).any()
    assert not (values <= 0).any()
    np.testing.assert_allclose(values, DepthPredictor.from_checkpoint(weights, "cpu")(rgb).metres, rtol=1e-4)
    assert not rig.depth_info


def test_bad_messages_are_named_in_the_log_and_the_next_good_one_is_answered(rig, started, rgb):
    for fields in ({"encoding": "jpeg"}, {"step": 1}, {"height": 0}, {"height": 119}, {"encoding": ""}):
        for _ in range(3):  # best effort: one may be lost
            rig.images.publish(rig.image(rgb, **fields))
            time.sleep(0.05)
    rig.answer(rig.image(rgb))
    assert "/image: image of encoding 'jpeg': not one of rgb8" in started.log
    assert started.process.poll() is None


def test_an_unpadded_and_a_padded_bgr_image_give_the_same_depth(rig, rgb):
    plain = metres(rig.answer(rig.image(rgb)))
    padded = np.zeros((120, 500), np.uint8)
    padded[:, :480] = rgb[..., ::-1].reshape(120, 480)
    message = rig.image(rgb, encoding="bgr8", step=500, data=padded.tobytes())
    np.testing.assert_array_equal(metres(rig.answer(message)), plain)


def test_camera_info_is_the_cameras_with_the_images_header_and_its_focal_length_counts(rig, weights, rgb):
    before = metres(rig.answer(rig.image(rgb)))
    rig.info = info = camera_info(160, 120)
    message = rig.image(rgb)
    out = rig.answer_info(message)
    assert out.header == message.header
    info.header = out.header
    assert out == info
    depth = metres(rig.answer(rig.image(rgb)))
    expected = DepthPredictor.from_checkpoint(weights, "cpu")(rgb, fx=150.0, fy=150.0).metres
    np.testing.assert_allclose(depth, expected, rtol=1e-4)
    on_canvas = 150.0 * np.sqrt(64 / 120 * 85 / 160)  # 120 x 160 pixels fit 64 x 96 as 64 x 85
    np.testing.assert_allclose(depth / before, on_canvas / 40.0, rtol=1e-4)


def test_camera_info_of_the_full_sensor_is_scaled_to_a_smaller_image(rig, rgb):
    rig.info = camera_info(160, 120)
    rig.answer_info(rig.image(rgb))
    out = rig.answer_info(rig.image(np.ascontiguousarray(rgb[::2, ::2])))
    assert (out.width, out.height) == (80, 60)
    np.testing.assert_allclose(out.k, [75, 0, 39.5, 0, 75, 29.5, 0, 0, 1])
    np.testing.assert_allclose(out.p, [70, 0, 39.75, -7, 0, 70, 29.75, 0, 0, 0, 1, 0])


def test_a_camera_info_that_does_not_fit_is_ignored_and_named(rig, started, rgb):
    rig.info = camera_info(160, 60)
    until(lambda: rig.answer(rig.image(rgb)) and "another aspect ratio" in started.log, "the warning")
    message = rig.image(rgb)
    rig.answer(message)
    assert all(m.header != message.header for m in list(rig.depth_info))
    rig.info = camera_info(160, 120)
    rig.answer_info(rig.image(rgb))


def test_max_depth_changes_live_and_other_parameters_do_not(rig, rgb):
    assert rig.set_parameter("max_depth", double_value=0.01) == (True, "")
    assert np.isnan(metres(rig.answer(rig.image(rgb)))).all()
    successful, reason = rig.set_parameter("max_depth", double_value=1e9)
    assert not successful
    assert "max_depth" in reason
    successful, reason = rig.set_parameter("depth_encoding", string_value="16UC1")
    assert not successful
    assert "cleanup" in reason
    assert rig.set_parameter("max_depth", double_value=100.0) == (True, "")
    assert np.isfinite(metres(rig.answer(rig.image(rgb)))).all()


def test_parameters_are_described_with_their_range(rig):
    request = DescribeParameters.Request(names=["max_depth", "precision"])
    depth, precision = rig.call(DescribeParameters, "depth_estimator/describe_parameters", request).descriptors
    assert (depth.floating_point_range[0].from_value, depth.floating_point_range[0].to_value) == (0.01, 1000.0)
    assert depth.description
    assert "bf16" in precision.additional_constraints


def test_nothing_is_predicted_while_nobody_listens(rig, started, rgb):
    rig.stop_listening()
    mark = len(started.log)

    def reported():
        rig.images.publish(rig.image(rgb))
        lines = [line for line in started.log[mark:].splitlines() if "frames:" in line]
        return next((line for line in lines if "unheard" in line and ", 0 published" in line), None)

    until(reported, "a statistics line with unheard frames only", period_s=0.2)
    rig.listen()
    rig.answer(rig.image(rgb))


def test_lifecycle_deactivate_stops_activate_resumes_and_a_new_configuration_counts(rig, rgb, weights):
    assert rig.transition("deactivate")
    message = rig.image(rgb)
    for _ in range(5):
        rig.images.publish(message)
        time.sleep(0.1)
    assert all(m.header != message.header for m in list(rig.depth))
    assert rig.transition("activate")
    rig.info = camera_info(160, 120)
    rig.answer_info(rig.image(rgb))  # from here on the focal length is known
    float_depth = metres(rig.answer(rig.image(rgb)))
    assert rig.transition("deactivate")
    assert rig.transition("cleanup")
    assert rig.set_parameter("weights", string_value="/no/such/file") == (True, "")
    assert not rig.transition("configure")
    assert rig.set_parameter("weights", string_value=weights) == (True, "")
    assert rig.set_parameter("depth_encoding", string_value="16UC1") == (True, "")
    assert rig.transition("configure")
    assert rig.transition("activate")
    rig.answer_info(rig.image(rgb))
    depth = rig.answer(rig.image(rgb))
    assert (depth.encoding, depth.step) == ("16UC1", 320)
    millimetres = np.frombuffer(depth.data, "<u2").reshape(120, 160)
    assert np.abs(millimetres - float_depth * 1000).max() <= 0.51


@pytest.mark.parametrize("signals", [[signal.SIGINT, signal.SIGINT], [signal.SIGTERM], [signal.SIGTERM, signal.SIGINT]])
def test_signals_end_the_node_cleanly(weights, tmp_path, signals):
    node = NodeProcess(tmp_path / "log", f"weights:={weights}", "device:=cpu")
    try:
        node.wait_for("loaded unet")
        for number in signals:
            node.process.send_signal(number)
        assert node.wait() == 0, node.log
        assert "Traceback" not in node.log
    finally:
        node.close()


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        (["modle:=unet"], "unknown parameter 'modle': did you mean 'model'?"),
        (["max_depth:=-1.0"], "parameter 'max_depth' is -1.0; expected 0.01 to 1000.0"),
        (["weights:=/no/such/file"], "'/no/such/file' is neither a file"),
        (["model:=fpn"], "no weights are bundled for 'fpn'"),
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
