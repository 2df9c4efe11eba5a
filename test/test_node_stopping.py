"""How the node's process ends: with the reason where it cannot start; on signals cleanly, and whatever hangs."""

import signal
import time

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: pip install 'depth_estimation_ros[ros]'")

from ros_rig import NodeProcess, Process, Rig, StubProcess, ros_parameters


@pytest.mark.parametrize("signals", [[signal.SIGINT, signal.SIGINT], [signal.SIGTERM], [signal.SIGTERM, signal.SIGINT]])
def test_signals_end_the_node_cleanly(tmp_path, signals):
    node = StubProcess(tmp_path / "log")
    try:
        node.wait_for("loaded stub")
        for number in signals:
            node.process.send_signal(number)
        assert node.wait() == 0, node.log
        assert "Traceback" not in node.log
    finally:
        node.close()


HANGING = """
import ctypes
from depth_estimation_ros import depth_node, stopping

def hang(self):
    print("hangs", flush=True)
    while True:
        ctypes.PyDLL(None).sleep(1000)  # a C function that keeps the interpreter's lock, as middleware did

stopping.LAST_RESORT_S = 1.0
depth_node.DepthNode.start = lambda self: False  # so the node ends
depth_node.DepthNode.destroy_node = hang
raise SystemExit(depth_node.main())
"""


def test_a_node_that_hangs_in_the_middleware_ends_all_the_same(tmp_path):
    (tmp_path / "hanging.py").write_text(HANGING)
    node = Process(tmp_path / "log", str(tmp_path / "hanging.py"), *ros_parameters("autostart:=true"))
    try:
        node.wait_for("hangs")
        assert node.wait() == -signal.SIGALRM
    finally:
        node.close()


def test_signals_that_come_while_the_node_exits_do_not_make_it_a_crash(weights, tmp_path):
    node = NodeProcess(tmp_path / "log", f"weights:={weights}", "device:=cpu")
    try:
        node.wait_for("loaded unet")
        while node.process.poll() is None:
            node.process.send_signal(signal.SIGINT)
            time.sleep(0.01)
        assert node.wait() == 0, node.log
    finally:
        node.close()


LOADING = """
import time
from depth_estimation_ros.depth_node import main
from depth_estimation_ros.model import Model

def load(cls, parameters):
    print("loads", flush=True)
    try:
        time.sleep(1000)
    finally:
        print("gives up", flush=True)

Model.load = classmethod(load)
raise SystemExit(main())
"""


@pytest.mark.parametrize(("autostart", "signals"), [(True, [signal.SIGINT] * 2), (False, [signal.SIGTERM])])
def test_a_signal_while_the_network_loads_ends_the_node_at_once(tmp_path, autostart, signals):
    """Loaded when it starts, or when a service asks for it."""
    (tmp_path / "loading.py").write_text(LOADING)
    parameters = ros_parameters(f"autostart:={autostart}".lower())
    node, rig = Process(tmp_path / "log", str(tmp_path / "loading.py"), *parameters), None
    try:
        if not autostart:
            rig = Rig()
            rig.begin("configure")
        node.wait_for("loads")
        for number in signals:
            node.process.send_signal(number)
        assert node.wait() == 0, node.log
        assert "gives up" in node.log
        assert "Traceback" not in node.log
    finally:
        node.close()
        if rig is not None:
            rig.close()


@pytest.mark.parametrize(
    ("parameter", "reason"),
    [
        ("modle:=unet", "unknown parameter 'modle': did you mean 'model'?"),
        ("weights:=/no/such/file", "'/no/such/file' is neither a file"),
    ],
)
def test_a_start_that_cannot_work_ends_with_the_reason(tmp_path, parameter, reason):
    node = NodeProcess(tmp_path / "log", parameter)
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
