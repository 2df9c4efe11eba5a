"""A camera and an RGB-D reader in one process: sends VGA images, and pairs what comes back by exact times.

python test/dds_peer.py FRAMES RATE_HZ PATIENCE_S

Every frame is sent once, no faster than the rate; the next one follows when the four topics of this one are complete
and right, or after PATIENCE_S. 0 frames: only reads. Prints "ready" when the first set of four has come, "set N" for
each one after that (N is 0 while it only reads), "age SECONDS" since the frame was sent, and "sent N, answered M".
"""

import sys
import time

import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image

from depth_estimation_ros.conversions import fill_image
from depth_estimation_ros.fastdds import use_profile

WIDTH, HEIGHT = 640, 480
TOPICS = {"depth/image": Image, "depth/camera_info": CameraInfo, "rgb/image": Image, "rgb/camera_info": CameraInfo}
PENDING = 20  # stamps that an incomplete set may wait for


class Peer:
    def __init__(self):
        self.node = rclpy.create_node("peer")
        self.images = self.node.create_publisher(Image, "image", 1)
        self.infos = self.node.create_publisher(CameraInfo, "camera_info", 1)
        for topic, kind in TOPICS.items():
            self.node.create_subscription(kind, topic, lambda m, topic=topic: self.pair(topic, m), QoSProfile(depth=10))
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.pending: dict[tuple, dict] = {}
        self.sent: dict[tuple, tuple[int, float]] = {}  # stamp -> number and monotonic time
        self.complete: set[tuple] = set()
        self.pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)

    def pair(self, topic, message):
        """A synchroniser of exact times."""
        key = (message.header.stamp.sec, message.header.stamp.nanosec)
        parts = self.pending.setdefault(key, {})
        parts[topic] = message
        if len(parts) == len(TOPICS):
            del self.pending[key]
            self.check(parts)
            self.complete.add(key)
            number, time_s = self.sent.get(key, (0, time.monotonic()))
            print("set", number, "age", round(time.monotonic() - time_s, 4), flush=True)
        while len(self.pending) > PENDING:
            del self.pending[next(iter(self.pending))]

    def check(self, parts):
        depth, depth_info, rgb, rgb_info = (parts[topic] for topic in TOPICS)
        assert depth.header == depth_info.header == rgb.header == rgb_info.header
        assert depth_info == rgb_info
        assert (depth_info.width, depth_info.height) == (depth.width, depth.height) == (rgb.width, rgb.height)
        metres = np.frombuffer(depth.data, "<f4").reshape(depth.height, depth.width)
        red = np.frombuffer(rgb.data, np.uint8).reshape(rgb.height, rgb.width, 3)[..., 0]
        assert np.array_equal(metres, (red.astype(np.float32) + 1) / 10), "depth of another image"

    def send(self, number):
        self.pixels[..., 0] = number % 200
        image, info = Image(), CameraInfo(width=WIDTH, height=HEIGHT, distortion_model="plumb_bob")
        image.header.stamp = self.node.get_clock().now().to_msg()
        image.header.frame_id = info.header.frame_id = "camera"
        fill_image(image, self.pixels, "rgb8")
        info.k = np.array([500.0, 0, 319.5, 0, 500.0, 239.5, 0, 0, 1])
        key = (image.header.stamp.sec, image.header.stamp.nanosec)
        self.sent[key] = number, time.monotonic()
        self.infos.publish(info)
        self.images.publish(image)
        return key

    def spin(self, until_s, is_done=lambda: False):
        while time.monotonic() < until_s and not is_done():
            self.executor.spin_once(timeout_sec=max(0.0, min(0.1, until_s - time.monotonic())))


def main(frames, rate_hz, patience_s):
    use_profile()
    rclpy.init()
    peer = Peer()
    while not peer.complete:  # until everybody knows everybody
        if frames:
            peer.send(0)
        peer.spin(time.monotonic() + 1.0, lambda: peer.complete)
    print("ready", flush=True)
    while not frames:
        peer.spin(time.monotonic() + 1.0)
    keys = []
    for number in range(1, frames + 1):
        start_s = time.monotonic()
        keys.append(key := peer.send(number))
        peer.spin(start_s + patience_s, lambda key=key: key in peer.complete)
        peer.spin(start_s + 1 / rate_hz)
    peer.spin(time.monotonic() + patience_s, lambda: peer.complete.issuperset(keys))
    print(f"sent {frames}, answered {len(peer.complete.intersection(keys))}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]))
