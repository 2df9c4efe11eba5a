"""What the running node costs, and how fresh its depth is, over real DDS.

python benchmarks/node_cost.py [--network] [--size 1280x720] [--topics rgbd] [--rate 30] [--set NAME:=VALUE ...]

A camera, the node and a reader are a process each, through the package's Fast DDS profile, on a ROS domain of their
own; the camera plays the demo's walk through a rendered room. The network's answers are known beforehand and only
played back, so that what is seen is all the rest; with --network it runs.

A row is milliseconds of a step in the node: wall time, and in the last column CPU time of the thread, which other work
on the machine disturbs less. A topic's row is making its message and publishing it, and "beside the network" is all of
the worker's work on an image but the network. Age is from the image's stamp, which it gets when it is sent, to the
reader's callback. The first depth is timed from the start of the node's process, while the camera is running already.
Cores and memory are of the node's process.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
os.environ.setdefault("ROS_DOMAIN_ID", "97")

import cv2
import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from timed_node import picture_key

from depth_estimation_ros.conversions import fill_image
from depth_estimation_ros.demo.room import RoomTour
from depth_estimation_ros.fastdds import use_profile
from depth_estimation_ros.outputs import OUTPUTS
from depth_models import DepthPredictor

HERE = Path(__file__).parent
TOPICS = {
    "depth": ("depth/image", "depth/camera_info"),
    "rgbd": ("depth/image", "depth/camera_info", "rgb/image", "rgb/camera_info"),
    "points": ("depth/image", "depth/camera_info", "depth/points"),
    "all": tuple(output.topic for output in OUTPUTS),
}
STEPS = 40  # of the walk
PATIENCE_S, WARM_UP_S = 200.0, 2.0
TICKS_PER_S, PAGE_MB = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE") / 2**20


def walk(width: int, height: int) -> tuple[list[np.ndarray], np.ndarray]:
    """The pictures, (height, width, 3) uint8 each, and (3, 3) K of its camera."""
    tour = RoomTour()
    tour.render(tour.missing())
    frames = list(islice(tour.frames(), STEPS))
    frames += frames[-2:0:-1]  # and back
    k = np.reshape(frames[0].calibration.k, (3, 3)) * (width / frames[0].rgb.shape[1])  # type: ignore[union-attr]
    k[:2, 2], k[2, 2] = ((width - 1) / 2, (height - 1) / 2), 1
    return [cv2.resize(f.rgb, (width, height), interpolation=cv2.INTER_CUBIC) for f in frames], k


def image_message(rgb: np.ndarray, encoding: str) -> Any:
    """Of a picture; 'jpeg' is a compressed one."""
    if encoding == "jpeg":
        message = CompressedImage(format="jpeg")
        message.data.frombytes(cv2.imencode(".jpg", rgb[..., ::-1])[1].tobytes())
        return message
    message = Image()
    pixels = {"rgb8": rgb, "bgr8": rgb[..., ::-1], "yuyv": rgb[..., :2], "mono8": rgb[..., 0]}[encoding]
    fill_image(message, pixels, encoding)
    return message


def play(folder: Path, rate_hz: float, encoding: str) -> None:
    """The camera's process: publishes until it is ended."""
    use_profile()
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node("camera")
    k = np.load(folder / "k.npy")
    messages = [image_message(rgb, encoding) for rgb in np.load(folder / "pictures.npy", mmap_mode="r")]
    height, width = np.load(folder / "pictures.npy", mmap_mode="r").shape[1:3]
    info = CameraInfo(width=width, height=height, distortion_model="plumb_bob", d=[0.0] * 5, k=k.ravel())
    info.r, info.p = np.eye(3).ravel(), np.hstack([k, np.zeros((3, 1))]).ravel()
    images = node.create_publisher(type(messages[0]), "image/compressed" if encoding == "jpeg" else "image", 1)
    infos = node.create_publisher(CameraInfo, "camera_info", 1)
    due, number = time.monotonic(), 0
    while True:
        time.sleep(max(0.0, due - time.monotonic()))
        message = messages[number % len(messages)]
        header = message.header
        header.frame_id = "camera"
        header.stamp.sec, header.stamp.nanosec = divmod(time.time_ns(), 1_000_000_000)
        info.header = header
        infos.publish(info)
        images.publish(message)
        due, number = max(due + 1 / rate_hz, time.monotonic()), number + 1


def write_answers(path: Path, shown: list[np.ndarray], predictor: DepthPredictor) -> None:
    """What the network says of the pictures, for `timed_node.Playback`; of a black one first."""
    pre = predictor.checkpoint.preprocess
    canvases = [np.zeros((pre.height, pre.width, 3), np.uint8), *map(pre.canvas, shown)]
    answers = [predictor._backend(canvas[None]) for canvas in canvases]
    sigmas = [a.sigma[0] if a.sigma is not None else np.empty(0) for a in answers]
    keys = np.stack([np.frombuffer(picture_key(canvas), np.uint8) for canvas in canvases])
    np.savez(path, keys=keys, depth=np.stack([a.depth[0] for a in answers]), sigma=np.stack(sigmas))


class Reader:
    """Subscribes to the topics and notes the ages of `depth/image`, milliseconds."""

    def __init__(self, topics: tuple[str, ...]) -> None:
        use_profile()
        rclpy.init(args=[])
        self.node = rclpy.create_node("reader")
        self.ages_ms: list[float] = []
        self.first_s = math.nan  # monotonic time of the first depth
        kinds = {output.topic: output.message_type for output in OUTPUTS}
        for topic in topics:
            take = self._note if topic == "depth/image" else lambda message: None
            self.node.create_subscription(kinds[topic], topic, take, 5)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)

    def _note(self, message: Image) -> None:
        if math.isnan(self.first_s):
            self.first_s = time.monotonic()
        stamp = message.header.stamp
        self.ages_ms.append(time.time() * 1e3 - stamp.sec * 1e3 - stamp.nanosec / 1e6)

    def read(self, seconds: float) -> None:
        """Take what comes for so long."""
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=left_s)

    def wait(self, condition: Callable[[], bool], process: subprocess.Popen) -> None:
        """Until something is so, while the process runs."""
        end_s = time.monotonic() + PATIENCE_S
        while not condition():
            if process.poll() is not None or time.monotonic() > end_s:
                raise SystemExit("there is no depth; see the log above")
            self.read(0.1)


def cpu_s(pid: int) -> float:
    """That a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def prepare(args: argparse.Namespace, folder: Path) -> str:
    """Write what camera and node read; returns the path of the network's answers, '' where it runs."""
    width, height = map(int, args.size.split("x"))
    shown, k = walk(width, height)
    np.save(folder / "pictures.npy", np.stack(shown))
    np.save(folder / "k.npy", k)
    if args.network:
        return ""
    write_answers(folder / "answers.npz", shown, DepthPredictor.from_checkpoint(args.model, "cpu"))
    return str(folder / "answers.npz")


def measure(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run the three processes and report."""
    answers, reader = prepare(args, folder), Reader(TOPICS[args.topics])
    environment = {name: value for name, value in os.environ.items() if name != "_ROS_WHEELS_BOOTSTRAP_COMPLETE"}
    command = [sys.executable, __file__, "--camera", str(folder), "--rate", str(args.rate), "--encoding", args.encoding]
    camera = subprocess.Popen(command, env=environment)
    reader.wait(lambda: reader.node.count_publishers("camera_info") > 0, camera)
    parameters = [f"model:={args.model}", *args.set, *(["image_transport:=compressed"] * (args.encoding == "jpeg"))]
    ros = ["--ros-args", *(word for parameter in parameters for word in ("-p", parameter))]
    command = [sys.executable, str(HERE / "timed_node.py"), str(folder / "times.json"), answers, *ros]
    begin_s = time.monotonic()
    node = subprocess.Popen(command, env=environment, stdout=sys.stderr)
    try:
        reader.wait(lambda: bool(reader.ages_ms), node)
        reader.read(WARM_UP_S)
        reader.ages_ms.clear()
        start_s, start_cpu_s = time.monotonic(), cpu_s(node.pid)
        reader.read(args.seconds)
        span_s, span_cpu_s = time.monotonic() - start_s, cpu_s(node.pid) - start_cpu_s
        memory_kb = int(Path(f"/proc/{node.pid}/status").read_text().split("VmHWM:")[1].split()[0])
    finally:
        for process in (camera, node):
            process.terminate()
            process.wait()
    return {
        "model": args.model, "network": "played back" if answers else "runs", "size": args.size,
        "encoding": args.encoding, "topics": TOPICS[args.topics], "parameters": args.set, "rate_hz": args.rate,
        "first_depth_s": reader.first_s - begin_s, "depth_rate_hz": len(reader.ages_ms) / span_s,
        "cores": span_cpu_s / span_s, "peak_memory_mb": memory_kb / 1024,
        "age_ms": percentiles(np.array(reader.ages_ms)),
        "steps_ms": steps_ms(json.loads((folder / "times.json").read_text()), len(reader.ages_ms)),
    }  # fmt: skip


def steps_ms(times: dict[str, list[list[float]]], count: int) -> dict[str, dict[str, float]]:
    """Percentiles of the last so many images."""
    count = min(count, len(times["whole"]))
    steps = {name: np.array(values[-count:]) for name, values in times.items()}
    steps["beside the network"] = steps["whole"] - steps["network"]
    return {
        name: percentiles(values[:, 0]) | {"cpu_p50": round(float(np.median(values[:, 1])), 3)}
        for name, values in steps.items()
    }


def percentiles(values: np.ndarray) -> dict[str, float]:
    """p50, p95 and p99."""
    return {f"p{p}": round(float(np.percentile(values, p)), 3) for p in (50, 95, 99)}


def tell(report: dict[str, Any]) -> None:
    """As a table."""
    print(
        f"{report['model']} ({report['network']}), {report['size']} {report['encoding']} at {report['rate_hz']:g} Hz\n"
        f"first depth after {report['first_depth_s']:.2f} s, then {report['depth_rate_hz']:.1f} Hz, "
        f"{report['cores']:.2f} cores, {report['peak_memory_mb']:.0f} MB\n"
        f"{'ms':<28}{'p50':>9}{'p95':>9}{'p99':>9}{'CPU p50':>9}"
    )
    for name, row in (report["steps_ms"] | {"age": report["age_ms"]}).items():
        print(f"{name:<28}" + "".join(f"{value:>9.2f}" for value in row.values()))


def main() -> None:
    """Measure, or be the camera."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="unet")
    parser.add_argument("--network", action="store_true", help="run the network")
    parser.add_argument("--size", default="640x480", help="of the camera's images (default: %(default)s)")
    parser.add_argument("--encoding", default="rgb8", choices=("rgb8", "bgr8", "yuyv", "mono8", "jpeg"))
    parser.add_argument("--topics", default="depth", choices=TOPICS, help="that are read (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=30.0, metavar="HZ")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME:=VALUE", help="parameters of the node")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--camera", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.camera:
        return play(args.camera, args.rate, args.encoding)
    with tempfile.TemporaryDirectory() as folder:
        report = measure(args, Path(folder))
    print(json.dumps(report, indent=2)) if args.json else tell(report)
    return None


if __name__ == "__main__":
    main()
