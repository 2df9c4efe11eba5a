"""The demo's supervisor: starts camera, node and viewer, reports while they run, and judges what came of it."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from depth_estimation_ros.demo.interrupts import Interrupted, Interrupts
from depth_estimation_ros.demo.processes import NAMESPACE, Child, Crew, crew
from depth_estimation_ros.demo.room import RoomTour
from depth_estimation_ros.demo.sources import open_source
from depth_estimation_ros.demo.tally import PICTURES_AT, implausible, picture_path
from depth_models.cli.arguments import positive
from depth_models.errors import DepthModelsError

START_TIMEOUT_S = 180.0
RENDER_TIMEOUT_S = 600.0
END_TIMEOUT_S = 60.0  # beyond the time of playing
MOST_WORKERS = 4  # of half a gigabyte each
LINE_PERIOD_S = 3.0  # where the output is no terminal


class LiveLine:
    """One line that is written over again on a terminal, or a line every few seconds elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()
        self._last, self._time_s = "", -LINE_PERIOD_S

    def show(self, text: str) -> None:
        """Show the newest state."""
        now_s = time.monotonic()
        if text == self._last or (not self._terminal and now_s - self._time_s < LINE_PERIOD_S):
            return
        self._last, self._time_s = text, now_s
        print(f"\r{text}\x1b[K" if self._terminal else text, end="" if self._terminal else "\n", flush=True)

    def end(self) -> None:
        """Keep the last state."""
        if self._terminal and self._last:
            print(flush=True)


def main(interrupts: Interrupts) -> int:
    """Run the demo as the command line says.

    Returns:
        0; 1 if it could not run or its result is implausible; 128 + N after signal N. Bad usage exits with 2.
    """
    options = _parser().parse_args()
    try:
        return _run(options, interrupts)
    except Interrupted as signal:
        print(f"\ndemo: stopped by {signal}", file=sys.stderr)
        return 128 + signal.number
    except DepthModelsError as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m depth_estimation_ros.demo", description="Camera, node and viewer over real ROS 2."
    )
    parser.add_argument("--model", default="unet", help="bundled weights to run (default: unet)")
    parser.add_argument("--weights", type=Path, help="checkpoint file to run instead")
    parser.add_argument(
        "--input", type=Path, help="folder of images, image, video or rosbag2; default: a rendered room"
    )
    parser.add_argument("--seconds", type=positive, default=15.0, help="how long the camera plays (default: 15)")
    parser.add_argument("--out", type=Path, default=Path("demo"), help="folder of pictures and logs (default: demo)")
    return parser


def _run(options: argparse.Namespace, interrupts: Interrupts) -> int:
    start_s = time.monotonic()
    _prepare(options.out)
    source = open_source(options.input)
    print(f"demo: {source.description}, for {options.seconds:g} s", flush=True)
    if not isinstance(source, RoomTour):
        next(source.frames())  # an input that cannot be played is said at once
    line = LiveLine()
    with crew(interrupts, options.out) as members:
        node = members.start("node", "depth_node", _node_arguments(options))
        if isinstance(source, RoomTour):
            _render(source, members, line)
        camera, viewer = _play(options, source.has_truth, members, line)
    score = viewer.report
    print(_summary(camera.report.get("sent", 0), score, node))
    print(f"  time      {time.monotonic() - start_s:.0f} s")
    if reason := implausible(score, source.has_truth):
        raise DepthModelsError(f"FAILED: {reason}. The node's log {node.log} ends:\n{node.log_tail}")
    return 0


def _prepare(out: Path) -> None:
    """An output folder without the pictures of an earlier run."""
    if importlib.util.find_spec("rclpy") is None:
        raise DepthModelsError(
            "ROS 2 is not installed here: pip install 'depth_estimation_ros[ros]', or source a ROS 2"
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
        for number in range(1, len(PICTURES_AT) + 1):
            picture_path(out, number).unlink(missing_ok=True)
    except OSError as error:
        raise DepthModelsError(
            f"{out}: cannot be written to ({error.strerror}); name another folder with --out"
        ) from error


def _node_arguments(options: argparse.Namespace) -> list[str]:
    # JSON's quotes are YAML's: a name such as 1 or a: b stays a text.
    parameters = [f"model:={json.dumps(options.model)}"]
    if options.weights is not None:
        parameters.append(f"weights:={json.dumps(str(options.weights))}")
    flags = [flag for parameter in parameters for flag in ("-p", parameter)]
    return ["--ros-args", "-r", f"__ns:={NAMESPACE}", *flags]


def _render(tour: RoomTour, members: Crew, line: LiveLine) -> None:
    """Render what the cache lacks, by some processes."""
    if not tour.missing():
        return
    workers = min(MOST_WORKERS, os.cpu_count() or 1)
    for worker in range(workers):
        members.start(f"renderer_{worker}", "demo.room", [str(worker), str(workers)])

    def rendered() -> bool:
        missing = len(tour.missing())
        line.show(f"rendering, this once: {tour.length - missing} of {tour.length} frames")
        return not missing

    members.wait(rendered, "the room's frames", RENDER_TIMEOUT_S)
    line.end()


def _play(options: argparse.Namespace, has_truth: bool, members: Crew, line: LiveLine) -> tuple[Child, Child]:
    """Start camera and viewer, and wait until both have done their work."""
    seconds = ["--seconds", str(options.seconds)]
    truth = ["--truth"] if has_truth else []
    viewer = members.start("viewer", "demo.viewer", [*seconds, "--out", str(options.out), *truth])
    source = ["--input", str(options.input)] if options.input is not None else []
    camera = members.start("camera", "demo.camera", [*seconds, *source])

    def playing() -> bool:
        line.show("node, camera and viewer start")
        return "sent" in camera.report or not camera.running

    def done() -> bool:
        line.show(_live(camera.report.get("sent", 0), viewer.report))
        return not viewer.running

    members.wait(playing, "node, camera and viewer to find each other", START_TIMEOUT_S)
    members.wait(done, "the viewer to end", options.seconds + END_TIMEOUT_S)
    line.end()
    viewer.check()
    return camera, viewer


def _live(sent: int, score: Mapping[str, Any]) -> str:
    parts = [f"sent {sent}", f"depths {score.get('depths', 0)}", f"skipped {score.get('skipped', 0)}"]
    if score.get("latency_ms"):
        p50, p95 = score["latency_ms"]
        parts.append(f"latency p50 {p50:.0f} ms, p95 {p95:.0f} ms")
    if score.get("abs_rel") is not None:
        parts.append(f"AbsRel {score['abs_rel']:.3f}")
    return " | ".join(parts)


def _summary(sent: int, score: Mapping[str, Any], node: Child) -> str:
    """What came of it, for people."""
    loaded = re.search(r"loaded (.*?); images", node.log.read_text(errors="replace"))
    lines = [
        f"  network   {loaded[1] if loaded else 'not loaded'}; the machine has {os.cpu_count()} CPU cores",
        f"  frames    {sent} sent, {score.get('depths', 0)} depths, {score.get('skipped', 0)} skipped by the node "
        f"(the newest image wins), {sent - score.get('images', 0)} lost on the way to the viewer",
    ]
    if score.get("latency_ms"):
        p50, p95 = score["latency_ms"]
        lines.append(f"  latency   p50 {p50:.0f} ms, p95 {p95:.0f} ms, from the image's stamp to the depth's arrival")
    if score.get("abs_rel") is not None:
        lines.append(f"  accuracy  AbsRel {score['abs_rel']:.3f}, delta1 {score['delta1']:.3f} against the truth")
    lines += [f"  picture   {path}" for path in score.get("pictures", [])]
    return "\n".join([*lines, f"  logs      {node.log.parent}/*.log"])
