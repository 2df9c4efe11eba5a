"""Images between processes over real DDS with the shipped profile: none lost, and what happens when a process dies."""

import re
import signal

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: pip install 'depth_estimation_ros[ros]'")

from ros_rig import PATIENCE_S, Process, StubProcess, until

FRAMES, RATE_HZ = 150, 30
STEADY_OFF = "steady_scale:=false"  # each depth is compared with its own image


@pytest.fixture
def start(tmp_path):
    """Start processes: of a class, with its arguments; they end with the test."""
    processes = []

    def started(kind, *arguments):
        processes.append(kind(tmp_path / f"log{len(processes)}", *map(str, arguments)))
        return processes[-1]

    yield started
    for process in reversed(processes):
        process.close()


def peer(start, frames=1_000_000, patience_s=PATIENCE_S):
    return start(Process, "test/dds_peer.py", frames, RATE_HZ, patience_s)


def sets(peer):
    return peer.log.count("\nset ")


def goes_on(peer, number=5):
    """Does it get more sets of four?"""
    before = sets(peer)
    until(lambda: sets(peer) >= before + number or peer.process.poll() is not None, f"sets of four:\n{peer.log}")
    assert peer.process.poll() is None, peer.log


def kill(process):
    process.process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def test_no_vga_image_is_lost_and_each_gives_four_topics_of_one_stamp(start):
    start(StubProcess, STEADY_OFF)
    camera = peer(start, FRAMES)
    assert camera.wait() == 0, camera.log
    assert f"sent {FRAMES}, answered {FRAMES}" in camera.log


def test_a_reader_that_comes_late_gets_what_is_sent_from_then_on_and_may_be_killed(start):
    node = start(StubProcess, STEADY_OFF)
    camera = peer(start)
    goes_on(camera)
    late = peer(start, 0)
    goes_on(late)
    kill(late)
    goes_on(camera, 60)  # more than any queue holds for the dead one
    assert node.process.poll() is None
    goes_on(peer(start, 0))


def test_a_camera_that_is_killed_and_comes_back_is_answered(start):
    node = start(StubProcess, STEADY_OFF)
    camera = peer(start)
    goes_on(camera)
    kill(camera)
    goes_on(peer(start))
    assert node.process.poll() is None
    assert not re.search("Traceback|ERROR", node.log)


def test_a_node_that_is_killed_and_starts_again_goes_on_with_the_same_camera(start):
    node = start(StubProcess, STEADY_OFF)
    camera = peer(start, patience_s=0.5)  # it goes on while nobody answers
    goes_on(camera)
    kill(node)
    start(StubProcess, STEADY_OFF)
    goes_on(camera)
