"""The node for minutes: what it holds does not grow, and under overload its depth is not late.

SOAK_SECONDS in the environment sets the length.
"""

import os
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: pip install 'depth_estimation_ros[ros]'")

from ros_rig import PATIENCE_S, Process, StubProcess

SOAK_S = float(os.environ.get("SOAK_SECONDS", "600"))
OVERLOAD_S = 60.0
SAMPLE_S = 0.5
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
GROWTH_BYTES = 8 << 20  # nine VGA images


class Sampler:
    """What a process holds, a row per sample: bytes in memory, file descriptors, threads."""

    def __init__(self, process):
        self._proc = Path("/proc") / str(process.process.pid)
        self.rows = []

    def sample(self, seconds):
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            pages = int((self._proc / "statm").read_text().split()[1])
            files, threads = (len(list((self._proc / name).iterdir())) for name in ("fd", "task"))
            self.rows.append((pages * PAGE_BYTES, files, threads))
            time.sleep(SAMPLE_S)

    def growth(self):
        """From the second fifth of the time, after the warm-up, to the last: bytes, file descriptors, threads."""
        fifth = len(self.rows) // 5
        rows = np.array(self.rows, np.float64)
        return np.median(rows[-fifth:], axis=0) - np.median(rows[fifth : 2 * fifth], axis=0)


def run(tmp_path, monkeypatch, inference_s, rate_hz, patience_s, seconds):
    """A node and a camera for so long: the node's growth, and the ages of its depth in seconds."""
    monkeypatch.setenv("STUB_SECONDS", str(inference_s))
    node = StubProcess(tmp_path / "node", "steady_scale:=false")  # each depth is compared with its own image
    camera = Process(tmp_path / "camera", "test/dds_peer.py", "1000000", str(rate_hz), str(patience_s))
    try:
        camera.wait_for("ready")
        sampler = Sampler(node)
        sampler.sample(seconds)
        assert node.process.poll() is None, node.log
        assert camera.process.poll() is None, camera.log
        lines = [line.split() for line in camera.log.splitlines() if line.startswith("set ")]
        assert "Traceback" not in node.log
    finally:
        camera.close()
        node.close()
    ages_s = np.array([float(line[3]) for line in lines if line[1] != "0"])
    p50, p95, p99, most = np.percentile(ages_s, [50, 95, 99, 100]) * 1e3
    growth = sampler.growth()
    print(
        f"{len(ages_s)} frames in {seconds:.0f} s, sent to received p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f}"
        f" ms, at most {most:.0f} ms; from {sampler.rows[0]} grown by {growth}, "
        f"{growth[0] / 1e6 / (seconds * 0.6 / 60):.3f} MB a minute"
    )
    return growth, ages_s


@pytest.mark.slow
def test_a_node_at_work_for_long_holds_no_more_memory_files_or_threads(tmp_path, monkeypatch):
    (memory, files, threads), ages_s = run(tmp_path, monkeypatch, 0.01, 30, PATIENCE_S, SOAK_S)
    assert len(ages_s) > SOAK_S  # one a second, even on a busy machine
    assert memory < GROWTH_BYTES
    assert (files, threads) == (0, 0)


@pytest.mark.slow
def test_under_three_times_overload_depth_is_younger_than_two_inferences_and_memory_is_flat(tmp_path, monkeypatch):
    inference_s = 1.0  # so long that a busy machine's pauses count little
    (memory, files, threads), ages_s = run(tmp_path, monkeypatch, inference_s, 3 / inference_s, 0, OVERLOAD_S)
    assert len(ages_s) > OVERLOAD_S / 2
    assert np.percentile(ages_s, 95) < 2 * inference_s
    assert memory < GROWTH_BYTES
    assert (files, threads) == (0, 0)
