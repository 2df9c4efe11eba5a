"""Small recorded bags, and what is in one."""

import cv2
import numpy as np
from rosbags.highlevel import AnyReader
from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import CompressionFormat, CompressionMode, Reader, StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from depth_models.types import Depth

STORE = get_typestore(Stores.ROS2_HUMBLE)
TYPES = STORE.types
PLUGINS = [StoragePlugin.SQLITE3, StoragePlugin.MCAP]
RGBS = np.random.default_rng(0).integers(0, 256, (4, 24, 32, 3), dtype=np.uint8)
LATCHED = Qos(
    QosHistory.KEEP_LAST, 1, QosReliability.RELIABLE, QosDurability.TRANSIENT_LOCAL, QosTime(0, 0), QosTime(0, 0),
    QosLiveliness.AUTOMATIC, QosTime(0, 0), False,
)  # fmt: skip
CUSTOM = get_types_from_msg("float32 volts\nstring[] cells", "robot_msgs/msg/Battery")


def stub(rgb, fx, fy):
    """Depth that tells red, green and the focal lengths apart, with invalid pixels."""
    metres = (rgb[..., 0] / 50 + rgb[..., 1] / 5000 + (fx or 0) + (fy or 0) / 7).astype(np.float32)
    metres[0], metres[1] = np.nan, 200.0  # metres: farther than depth is published
    return Depth(metres, np.isfinite(metres))


def header(number):
    stamp = TYPES["builtin_interfaces/msg/Time"](sec=1_700_000_000 + number, nanosec=123_456_789 + number)
    return TYPES["std_msgs/msg/Header"](stamp=stamp, frame_id=f"optical {number}")


def image(number, rgb, encoding="bgr8"):
    pixels = np.ascontiguousarray(rgb[..., ::-1] if encoding == "bgr8" else rgb)
    data = pixels.view(np.uint8).ravel()
    return TYPES["sensor_msgs/msg/Image"](
        header=header(number), height=len(pixels), width=pixels.shape[1], encoding=encoding, is_bigendian=0,
        step=data.size // len(pixels), data=data,
    )  # fmt: skip


def compressed(number, rgb, suffix=".png"):
    data = cv2.imencode(suffix, rgb[..., ::-1])[1].ravel()
    return TYPES["sensor_msgs/msg/CompressedImage"](header=header(number), format=suffix[1:], data=data)


def camera_info(number, width=64, height=48):
    roi = TYPES["sensor_msgs/msg/RegionOfInterest"](x_offset=0, y_offset=0, height=0, width=0, do_rectify=False)
    return TYPES["sensor_msgs/msg/CameraInfo"](
        header=header(number), height=height, width=width, distortion_model="plumb_bob",
        d=np.array([0.1, 0.2, 0, 0, 0]),
        k=np.array([60.0 + 2 * number, 0, 31.5, 0, 62, 23.5, 0, 0, 1]), r=np.eye(3).ravel(),
        p=np.array([60.0, 0, 31.5, 0, 0, 62, 23.5, 0, 0, 0, 1, 0]), binning_x=0, binning_y=0, roi=roi,
    )  # fmt: skip


def text(number):
    return TYPES["std_msgs/msg/String"](data=f"message {number}")


def write_bag(path, messages, plugin=StoragePlugin.SQLITE3, mode=CompressionMode.NONE, qos=()):
    """Messages are (topic, seconds, message) in order of time; `qos` is offered on every topic."""
    store = get_typestore(Stores.ROS2_HUMBLE)
    store.register(CUSTOM)
    writer = Writer(path, version=9, storage_plugin=plugin)
    writer.set_compression(mode, CompressionFormat.ZSTD)
    with writer:
        connections = {}
        for topic, seconds, message in messages:
            if topic not in connections:
                kind = message.__msgtype__
                connections[topic] = writer.add_connection(topic, kind, typestore=store, offered_qos_profiles=qos)
            data = store.serialize_cdr(message, message.__msgtype__)
            writer.write(connections[topic], 5_000_000_000 + round(seconds * 1e9), data)
    return path


def recorded(make_image, rgbs=RGBS, image_topic="/cam/image"):
    """Images at 10 Hz, each before its camera_info; another topic, another camera, a type that nobody knows."""
    battery = get_typestore(Stores.EMPTY)
    battery.register(CUSTOM)
    battery = battery.types["robot_msgs/msg/Battery"]
    depth_of_another = image(0, np.full((4, 4), 1000, np.uint16), "16UC1")
    messages = [("/a/depth", 0.0, depth_of_another)]
    for n, rgb in enumerate(rgbs):
        messages += [
            (image_topic, n / 10, make_image(n, rgb)),
            ("/cam/camera_info", n / 10 + 0.01, camera_info(n)),
            ("/chatter", n / 10 + 0.02, text(n)),
            ("/battery", n / 10 + 0.02, battery(volts=12.5 + n, cells=["a", "b"])),
        ]
    return messages


def content(path):
    """{topic: [(time, data), ...]} as stored, and {topic: (type, definition, hash, offered QoS)}."""
    messages, connections = {}, {}
    with Reader(path) as reader:
        for c in reader.connections:
            messages[c.topic] = []
            connections[c.topic] = (c.msgtype, c.msgdef, c.digest, c.ext)
        for connection, time_ns, data in reader.messages():
            messages[connection.topic].append((time_ns, bytes(data)))
    return messages, connections


def added(path):
    """[(time, depth image)], [(time, camera_info)] of a bag."""
    found = {"/depth/image": [], "/depth/camera_info": []}
    with AnyReader([path]) as reader:
        for connection, time_ns, data in reader.messages([c for c in reader.connections if c.topic in found]):
            found[connection.topic].append((time_ns, reader.deserialize(data, connection.msgtype)))
    return tuple(found.values())


def metres(message):
    assert (message.encoding, message.is_bigendian, message.step) == ("32FC1", 0, 4 * message.width)
    return message.data.view("<f4").reshape(message.height, message.width)
