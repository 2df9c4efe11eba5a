"""What the node's process loads until it is ready: nothing that its back-end does not need."""

import os
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: pip install 'depth_estimation_ros[ros]'")

from ros_rig import NodeProcess

from depth_models import DepthPredictor
from depth_models.backends import BACKENDS


def libraries(pid):
    """Names of the shared libraries that a process has loaded."""
    return {Path(line.split()[-1]).name for line in Path(f"/proc/{pid}/maps").read_text().splitlines() if ".so" in line}


@pytest.mark.skipif(sys.platform != "linux", reason="the libraries of a process are read from /proc")
@pytest.mark.parametrize("backend", ["onnxruntime", pytest.param("openvino", marks=pytest.mark.slow)])
def test_with_a_compiled_network_the_nodes_process_never_loads_torch(backend, weights, tmp_path):
    if not BACKENDS[backend].is_installed():
        pytest.skip(f"{backend} is not installed")
    DepthPredictor.from_checkpoint(weights, "cpu", backend)  # compiles it, with torch
    assert any("torch" in name for name in libraries(os.getpid()))
    process = NodeProcess(tmp_path / "log", f"weights:={weights}", "device:=auto", f"backend:={backend}")
    try:
        process.wait_for(f"({backend}, fp32); images come from")  # a first depth has been predicted by then
        loaded = libraries(process.process.pid)
    finally:
        process.close()
    assert any(backend in name for name in loaded)
    assert not [name for name in loaded if "torch" in name]
