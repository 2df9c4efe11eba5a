"""Adds depth to a bag, or writes a bag's images and their depth as files.

A bag is read and written message by message, so its length does not matter. What is made appears whole or not at all.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from depth_estimation_ros.bag.copying import BagCopy
from depth_estimation_ros.bag.recording import Recording, Topics
from depth_estimation_ros.bag.tum import TumFolder
from depth_estimation_ros.conversions import MessageError
from depth_estimation_ros.parameters import NodeParameters
from depth_estimation_ros.pipeline import DepthFrame, Pipeline
from depth_models.errors import DepthModelsError
from depth_models.files import new_folder
from depth_models.types import Depth

Predictor = Callable[..., Depth]
Progress = Callable[[int, int], None]
ALL_OF_THE_BAG = Topics()


@dataclass
class Report:
    """What became of a bag.

    Attributes:
        image_topic, camera_info_topic: what was used; None where there is no camera_info.
        images: messages of the image topic.
        depths: of them with depth.
        refused: why others have none, and how many.
        warnings: why a camera_info was not used, each once.
    """

    image_topic: str
    camera_info_topic: str | None
    images: int = 0
    depths: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)


class Sink(Protocol):
    """Where messages and depth go."""

    def message(self, connection: Any, time_ns: int, data: bytes) -> None:
        """Take a recorded message."""

    def depth(self, frame: DepthFrame, time_ns: int) -> None:
        """Take the depth of an image; the image itself came just before.

        Raises:
            MessageError: this frame cannot be taken.
        """


def _silent(done: int, images: int) -> None:
    pass


def add_depth(
    source: Path, out: Path, predictor: Predictor, topics: Topics = ALL_OF_THE_BAG, progress: Progress = _silent
) -> Report:
    """Copy a bag and add `/depth/image` (32FC1, metres) and `/depth/camera_info`, with the images' own headers.

    Args:
        source: a rosbag2's folder, or its .mcap or .db3 file.
        out: folder of the new bag, which is stored as the old one is (mcap or sqlite3, compressed or not).
        predictor: called as `predictor(rgb, fx=..., fy=...) -> Depth`.
        topics: which to use.
        progress: called with images done and images in all.

    Raises:
        DepthModelsError: the bag cannot be read whole, has no such topic or no usable image, or `out` is there already
            or cannot be written.
    """
    with (
        Recording.opened(source, topics) as recording,
        _new_folder(out) as folder,
        BagCopy(folder, recording.reader, recording.copied) as sink,
    ):
        return _run(recording, recording.copied, predictor, sink, progress)


def write_files(
    source: Path, out: Path, predictor: Predictor, topics: Topics = ALL_OF_THE_BAG, progress: Progress = _silent
) -> Report:
    """Write images and depth in the TUM RGB-D benchmark's layout; see `TumFolder`. Otherwise as `add_depth`."""
    with Recording.opened(source, topics) as recording, _new_folder(out) as folder, TumFolder(folder) as sink:
        return _run(recording, (), predictor, sink, progress)


def _run(recording: Recording, copied: Collection[str], predictor: Predictor, sink: Sink, progress: Progress) -> Report:
    worker, camera_info = _Worker(recording, predictor, sink), recording.camera_info
    if camera_info:  # its first may have been recorded after the first images
        for connection, _, data in recording.messages([camera_info]):
            worker.camera_info(connection, data)
            break
    report, images = worker.report, recording.count(recording.image)
    used = {recording.image, *([camera_info] if camera_info else [])}
    for connection, time_ns, data in recording.messages(used | set(copied)):
        if connection.topic in copied:
            sink.message(connection, time_ns, data)
        if connection.topic == camera_info:
            worker.camera_info(connection, data)
        elif connection.topic == recording.image:
            worker.image(connection, time_ns, data)
            progress(report.images, images)
    if not report.depths:
        reasons = "; ".join(report.refused) or "it has no message"
        raise DepthModelsError(f"no image of {recording.image} can be used ({reasons})")
    return report


class _Worker:
    """Turns the camera's messages into depth."""

    def __init__(self, recording: Recording, predictor: Predictor, sink: Sink) -> None:
        self.report = Report(recording.image, recording.camera_info)
        self._recording, self._sink = recording, sink
        self._info: Any | None = None
        self._pipeline = Pipeline(predictor, "32FC1", NodeParameters().max_depth, self._warn)

    def _warn(self, reason: str) -> None:
        if reason not in self.report.warnings:
            self.report.warnings.append(reason)

    def camera_info(self, connection: Any, data: bytes) -> None:
        """Take the calibration for the images that follow."""
        try:
            self._info = self._recording.message(connection, data)
        except MessageError as error:
            self._warn(f"{connection.topic}: {error}")

    def image(self, connection: Any, time_ns: int, data: bytes) -> None:
        """Predict."""
        self.report.images += 1
        try:
            self._sink.depth(self._pipeline(self._recording.message(connection, data), self._info), time_ns)
            self.report.depths += 1
        except MessageError as error:
            self.report.refused[str(error)] += 1


@contextmanager
def _new_folder(out: Path) -> Iterator[Path]:
    """`new_folder`, for the errors of sqlite3 too."""
    try:
        with new_folder(out) as folder:
            yield folder
    except sqlite3.Error as error:
        raise DepthModelsError(f"{out}: cannot be written ({error}); nothing was left there") from error
