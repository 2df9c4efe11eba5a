"""Frames from a user's images, video or recorded bag."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from depth_estimation_ros.bag import Topics
from depth_estimation_ros.bag.recording import Recording
from depth_estimation_ros.calibration import camera_info_for
from depth_estimation_ros.conversions import MessageError, image_to_rgb
from depth_estimation_ros.demo.frames import RATE_HZ, Calibration, CameraFrame, Source
from depth_estimation_ros.demo.room import RoomTour
from depth_models.errors import DepthModelsError
from depth_models.images import SUFFIXES, find_images, read_image

LONGEST_SIDE_PX = 1280  # larger pictures are reduced: none of the networks sees more
_EXPECTED = "expected a folder of images, an image, a video, or a rosbag2 (its folder, .mcap or .db3)"


def open_source(path: Path | None) -> Source:
    """The source that a path stands for; the rendered room for None.

    Raises:
        DepthModelsError: there is nothing, or nothing that can be played.
    """
    if path is None:
        return RoomTour()
    if not path.exists():
        raise DepthModelsError(f"{path}: no such file or folder; {_EXPECTED}")
    if path.suffix.lower() in (".mcap", ".db3") or (path / "metadata.yaml").is_file():
        return Bag(path)
    if path.is_dir() or path.suffix.lower() in SUFFIXES:
        return Images(path)
    return Video(path)


class Images(Source):
    """One image, or the images of a folder in name order."""

    def __init__(self, path: Path) -> None:
        self._paths = find_images(path)
        self.description = f"{len(self._paths)} images of {path}" if path.is_dir() else f"image {path}"

    def frames(self) -> Iterator[CameraFrame]:
        """See `Source`."""
        for path in self._paths:
            yield CameraFrame(_reduced(read_image(path)))


class Video(Source):
    """What OpenCV can decode; frames are left out where it has more than `RATE_HZ`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.description = f"video {path}"

    def frames(self) -> Iterator[CameraFrame]:
        """See `Source`."""
        capture = cv2.VideoCapture(str(self._path))
        try:
            rate_hz = capture.get(cv2.CAP_PROP_FPS)
            step = max(1, round(rate_hz / RATE_HZ)) if np.isfinite(rate_hz) else 1
            number = 0
            while capture.grab():
                if number % step == 0:
                    yield CameraFrame(_reduced(cv2.cvtColor(self._decoded(capture), cv2.COLOR_BGR2RGB)))
                number += 1
        finally:
            capture.release()
        if not number:
            raise DepthModelsError(f"{self._path}: not an image, nor a video that OpenCV can decode; {_EXPECTED}")

    def _decoded(self, capture: cv2.VideoCapture) -> np.ndarray:
        decoded, frame = capture.retrieve()
        if not decoded:
            raise DepthModelsError(f"{self._path}: a frame of this video cannot be decoded; is it damaged?")
        return frame


class Bag(Source):
    """The first colour image topic of a rosbag2, with the camera_info beside it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.description = f"bag {path}"

    def frames(self) -> Iterator[CameraFrame]:
        """See `Source`."""
        due_ns = 0
        with Recording.opened(self._path, Topics()) as recording:
            info = None
            for connection, time_ns, data in recording.messages({recording.image, recording.camera_info}):
                try:
                    message = recording.message(connection, data)
                    if connection.topic == recording.camera_info:
                        info = message
                    elif time_ns >= due_ns:
                        due_ns = time_ns + round(0.9e9 / RATE_HZ)  # somewhat less, as recorded times jitter
                        rgb = _reduced(image_to_rgb(message))
                        yield CameraFrame(rgb, calibration=_calibration(info, rgb))
                except MessageError as error:
                    raise DepthModelsError(f"{self._path}: {connection.topic}: {error}") from error


def _calibration(info: Any | None, rgb: np.ndarray) -> Calibration | None:
    if info is None:
        return None
    try:
        return Calibration.of_message(camera_info_for(info, rgb.shape[1], rgb.shape[0]))
    except MessageError:  # another camera's: the node, too, does without
        return None


def _reduced(rgb: np.ndarray) -> np.ndarray:
    scale = LONGEST_SIDE_PX / max(rgb.shape)
    if scale >= 1:
        return rgb
    size = max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale))
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
