"""Hundreds of broken messages over real DDS: the node lives on, holds no more memory, and answers the next good one."""

import random
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed: pip install 'depth_estimation_ros[ros]'")

from broken_messages import CODED, GOOD_INFO, broken_compressed, broken_info, broken_raw, good
from ros_rig import Rig, StubProcess
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

GOOD = {"raw": good(), "compressed": SimpleNamespace(header=good().header, format="jpeg", data=CODED[0])}
TOPICS = {"raw": "image", "compressed": "image/compressed"}
MESSAGES, PERIOD_S = 1000, 0.02
WARM_UP = 200  # until here caches may grow
GROWTH_BYTES = 8 << 20


def filled(message, fields):
    """A ROS message with these fields; its arrays are of the lengths that its type asks for."""
    for name, value in vars(fields).items():
        if name == "header":
            message.header.stamp.sec, message.header.stamp.nanosec = value.stamp.sec, value.stamp.nanosec
            message.header.frame_id = value.frame_id
        elif name == "roi":
            filled(message.roi, value or SimpleNamespace())
        elif name == "data":
            message.data.frombytes(value)
        else:
            setattr(message, name, np.array(value, np.float64) if name in "krp" else value)
    return message


@pytest.mark.slow
@pytest.mark.parametrize(
    ("transport", "kind", "broken"), [("raw", Image, broken_raw), ("compressed", CompressedImage, broken_compressed)]
)
def test_a_node_outlives_broken_messages(tmp_path, transport, kind, broken):
    rng, early = random.Random(0), 0
    node = StubProcess(tmp_path / "log", f"image_transport:={transport}", "rectify:=true")
    rig = Rig()
    try:
        rig.listen()
        images = rig.node.create_publisher(kind, TOPICS[transport], 1)
        memory = Path(f"/proc/{node.process.pid}/statm")
        for number in range(MESSAGES):
            if (info := broken_info(rng)) is not None:
                rig.infos.publish(filled(CameraInfo(), info))
            images.publish(filled(kind(), broken(rng)))
            time.sleep(PERIOD_S)
            if number == WARM_UP:
                early = int(memory.read_text().split()[1])
        grown = (int(memory.read_text().split()[1]) - early) * 4096
        assert node.process.poll() is None, node.log
        assert "Traceback" not in node.log
        rig.info = filled(CameraInfo(), GOOD_INFO)
        rig.images = images
        assert rig.answer(filled(kind(), GOOD[transport])).height == good().height
        assert grown < GROWTH_BYTES
        print(f"{MESSAGES} {transport} messages, grown by {grown / 1e6:.1f} MB; {node.log.count('WARN')} warnings")
    finally:
        rig.close()
        node.close()
