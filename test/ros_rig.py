"""The other side of the node in tests: starts it as a process, publishes images, collects depth, calls services."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import rclpy
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import DescribeParameters, SetParameters
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image
from std_srvs.srv import Trigger

from depth_estimation_ros.fastdds import VARIABLES

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 120.0
_mine = socket.socket()  # its port holds the domain until this process ends


def _free_domain() -> int:
    """A domain that no other run of the tests on this machine is in: their nodes have the same names."""
    for domain in range(41, 61):
        try:
            _mine.bind(("127.0.0.1", 27_000 + domain))
        except OSError:
            continue
        return domain
    raise RuntimeError("20 runs of the tests are under way on this machine, and there is no ROS domain for another")


GRAPH = {"ROS_DOMAIN_ID": str(_free_domain()), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
TRANSITIONS = {"configure": 1, "cleanup": 2, "activate": 3, "deactivate": 4, "shutdown": 7}  # the last from active
SERVICES = {
    ChangeState: "change_state", SetParameters: "set_parameters", DescribeParameters: "describe_parameters",
    Trigger: "reset_scale", GetState: "get_state",
}  # fmt: skip


def until(condition: Callable, what: str, period_s: float = 0.05):
    """Poll until `condition()` is true, and return it."""
    deadline = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {PATIENCE_S:.0f} s in vain for {what}"
        time.sleep(period_s)
    return value


@contextmanager
def isolated() -> Iterator[None]:
    """Whoever joins the ROS graph in this block meets nobody but the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in GRAPH.items():
            patch.setenv(name, value)
        yield


def metres(message: Image) -> np.ndarray:
    return np.frombuffer(message.data, "<f4").reshape(message.height, message.width)


def camera_info(width: int, height: int) -> CameraInfo:
    info = CameraInfo(width=width, height=height, distortion_model="plumb_bob", d=[0.1, 0.2, 0.0, 0.0, 0.3])
    info.header.frame_id = "another frame"
    info.k = np.array([150.0, 0.0, 79.5, 0.0, 150.0, 59.5, 0.0, 0.0, 1.0])
    info.r = np.array([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0])
    info.p = np.array([140.0, 0.0, 80.0, -14.0, 0.0, 140.0, 60.0, 0.0, 0.0, 0.0, 1.0, 0.0])
    return info


class Process:
    """A child process that runs Python on the tests' graph; its log is in `log`."""

    def __init__(self, log: Path, *arguments: str) -> None:
        environment = os.environ | GRAPH | {"PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}
        for name in ("_ROS_WHEELS_BOOTSTRAP_COMPLETE", *VARIABLES):  # the ROS wheels' own; a child sets itself up again
            environment.pop(name, None)
        command = [sys.executable, *arguments]
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
        """End it kindly, so that no other test meets its ghost in the graph."""
        self.process.terminate()
        try:
            self.wait()
        finally:
            self.process.kill()


def ros_parameters(*parameters: str) -> list[str]:
    """Command line of "name:=value"."""
    return ["--ros-args", *(argument for parameter in parameters for argument in ("-p", parameter))]


class NodeProcess(Process):
    """The node."""

    def __init__(self, log: Path, *parameters: str) -> None:
        super().__init__(log, "-m", "depth_estimation_ros.depth_node", *ros_parameters(*parameters))


class StubProcess(Process):
    """The node with the network of stub_node.py."""

    def __init__(self, log: Path, *parameters: str) -> None:
        super().__init__(log, "test/stub_node.py", *ros_parameters(*parameters))


class Rig:
    """A node of its own context, spun by a thread; the node under test must be there already."""

    def __init__(self) -> None:
        self.context = Context()
        with isolated():
            rclpy.init(context=self.context)
            self.node = rclpy.create_node("rig", context=self.context)
        self.images = self.node.create_publisher(Image, "image", 1)
        self.infos = self.node.create_publisher(CameraInfo, "camera_info", 1)
        self.depth: deque[Image] = deque()
        self.depth_info: deque[CameraInfo] = deque()
        self.info: CameraInfo | None = None  # published before every image
        self._stamp = 0
        self._listeners: list = []
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self._thread = threading.Thread(target=self.executor.spin, daemon=True)
        self._thread.start()
        self._clients = {kind: self.node.create_client(kind, f"depth_estimator/{n}") for kind, n in SERVICES.items()}
        until(self._is_known, "the node to answer get_state")

    def _is_known(self) -> bool:
        """Does the node know the clients? It does if it knows the last. An answer to one that it does not is lost."""
        future = self._clients[GetState].call_async(GetState.Request())
        time.sleep(0.1)
        return future.done()

    def listen(self) -> None:
        node, qos = self.node, qos_profile_sensor_data
        self._listeners = [
            node.create_subscription(Image, "depth/image", lambda m: self.depth.append(m), qos),
            node.create_subscription(CameraInfo, "depth/camera_info", lambda m: self.depth_info.append(m), qos),
        ]
        for listener in self._listeners:
            until(lambda listener=listener: listener.get_publisher_count(), f"a publisher of {listener.topic_name}")

    def collect(self, topic: str, kind: type) -> deque:
        """Subscribe to a topic; what comes is in its inbox, which is returned."""
        inbox: deque = deque()
        listener = self.node.create_subscription(kind, topic, lambda m: inbox.append(m), qos_profile_sensor_data)
        self._listeners.append(listener)
        until(listener.get_publisher_count, f"a publisher of {topic}")
        return inbox

    def stop_listening(self) -> None:
        for listener in self._listeners:
            self.node.destroy_subscription(listener)
        self._listeners = []

    def image(self, rgb: np.ndarray, **fields) -> Image:
        """A message with a header that no other has."""
        self._stamp += 1
        message = Image(encoding="rgb8", height=rgb.shape[0], width=rgb.shape[1], step=rgb.shape[1] * 3)
        message.header.frame_id = f"camera {self._stamp}"
        message.header.stamp.sec, message.header.stamp.nanosec = 1_700_000_000 + self._stamp, 999_999_999
        message.data.frombytes(rgb.tobytes())
        for name, value in fields.items():
            setattr(message, name, value)
        return message

    def publish(self, message: Image) -> None:
        if self.info is not None:
            self.infos.publish(self.info)
        self.images.publish(message)

    def answer(self, message: Image) -> Image:
        """Publish until the depth of this very message arrives."""
        return self.answer_in(self.depth, message)

    def answer_info(self, message: Image) -> CameraInfo:
        """As `answer`, for depth/camera_info."""
        return self.answer_in(self.depth_info, message)

    def answer_in(self, inbox: deque, message: Image):
        """As `answer`, for an inbox of `collect`."""

        def mine():
            self.publish(message)
            time.sleep(0.1)
            return next((m for m in list(inbox) if m.header == message.header), None)

        return until(mine, f"the answer to {message.header}")

    def call(self, kind, request):
        future = self._clients[kind].call_async(request)
        until(future.done, SERVICES[kind])
        return future.result()

    def begin(self, label: str):
        """Ask for a transition and do not wait; returns the future of the answer."""
        request = ChangeState.Request()
        request.transition.id = TRANSITIONS[label]
        return self._clients[ChangeState].call_async(request)

    def transition(self, label: str) -> bool:
        future = self.begin(label)
        until(future.done, label)
        return future.result().success

    def start(self) -> None:
        """Bring an unconfigured node to work, and listen."""
        for label in ("configure", "activate"):
            assert self.transition(label), label
        self.listen()

    def restart(self) -> None:
        """Have an active node release everything and start again: it then has no camera_info."""
        for label in ("deactivate", "cleanup", "configure", "activate"):
            assert self.transition(label), label

    def set_parameter(self, name: str, **value):
        """e.g. set_parameter('model', string_value='fpn'); returns (successful, reason)."""
        ((field, content),) = value.items()
        kind = getattr(ParameterType, "PARAMETER_" + field.removesuffix("_value").upper())
        parameter = Parameter(name=name, value=ParameterValue(type=kind, **{field: content}))
        request = SetParameters.Request(parameters=[parameter])
        (result,) = self.call(SetParameters, request).results
        return result.successful, result.reason

    def close(self) -> None:
        self.executor.shutdown()
        self._thread.join(timeout=10)
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)
