"""The node with a stopwatch in it, for node_cost.py: on its end it writes what each step of each image took.

python benchmarks/timed_node.py TIMES ANSWERS [NODE'S ARGUMENTS]

TIMES is a JSON file to write: [wall, CPU of the thread] milliseconds of every image by the name of the step. ANSWERS
are a network's own, which are then played back instead of running it; '' runs it.
"""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from depth_estimation_ros import depth_node, outputs, pipeline, worker
from depth_estimation_ros.scale_keeper import ScaleKeeper
from depth_models import predictor, preprocess
from depth_models.backends.base import Outputs

times_ms: dict[str, list[tuple[float, float]]] = defaultdict(list)


def picture_key(canvas: np.ndarray) -> bytes:
    """Tells the pictures of a sequence apart by a few pixels of (height, width, 3) uint8."""
    return canvas[::24, ::24].tobytes()


class Playback:
    """A back-end that knows the answers, and takes no time."""

    name = "playback"

    def __init__(self, path: str) -> None:
        with np.load(path) as file:
            keys, depths, sigmas = file["keys"], file["depth"], file["sigma"]
        self._answers = {
            key.tobytes(): Outputs(d[None], s[None] if s.size else None)
            for key, d, s in zip(keys, depths, sigmas, strict=True)
        }
        self._first = next(iter(self._answers.values()))  # of what is no picture of the sequence: the first, black one

    def __call__(self, canvases: np.ndarray) -> Outputs:
        return self._answers.get(picture_key(canvases[0]), self._first)


def timed(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
    """The same, and what it takes is noted."""

    def run(*arguments: Any, **options: Any) -> Any:
        wall_s, cpu_s = time.perf_counter(), time.thread_time()
        try:
            return work(*arguments, **options)
        finally:
            times_ms[name].append(((time.perf_counter() - wall_s) * 1e3, (time.thread_time() - cpu_s) * 1e3))

    return run


def install_stopwatch(answers: str) -> None:
    """Into the classes and modules, as the node makes their instances itself."""

    def loaded(*arguments: Any) -> Any:
        backend = Playback(answers) if answers else load(*arguments)
        run = timed("network", backend.__call__)
        return type("Timed", (), {"name": backend.name, "__call__": staticmethod(run)})()

    load, predictor.load = predictor.load, loaded  # type: ignore[assignment]
    pipeline.image_to_rgb = timed("decode", pipeline.image_to_rgb)
    pipeline.camera_info_for = timed("fit camera_info", pipeline.camera_info_for)
    pipeline.depth_to_image = timed("depth for its message", pipeline.depth_to_image)
    for kind, step, name in (
        (preprocess.Preprocess, "canvas", "resize to the network"),
        (preprocess.Preprocess, "restore", "depth in the image's size"),
        (ScaleKeeper, "__call__", "steady scale"),
        (worker.Worker, "_answer", "whole"),
    ):
        setattr(kind, step, timed(name, getattr(kind, step)))
    publish = outputs.Output.publish
    for output in outputs.OUTPUTS:
        output.publish = timed(output.topic, publish)  # type: ignore[method-assign]


def main() -> int:
    """Run the node until it is ended, and write the times."""
    path, answers = Path(sys.argv.pop(1)), sys.argv.pop(1)
    install_stopwatch(answers)
    try:
        return depth_node.main()
    finally:
        path.write_text(json.dumps(times_ms))


if __name__ == "__main__":
    raise SystemExit(main())
