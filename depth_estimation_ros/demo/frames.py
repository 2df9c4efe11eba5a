"""What a source of the demo's frames offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from depth_models.types import Camera

RATE_HZ = 10.0  # at which the camera plays


@dataclass(frozen=True)
class Calibration:
    """The content of a camera_info for its image's size, without binning or region of interest.

    Attributes:
        width, height: pixels.
        k, r, p: (9,), (9,), (12,) float64 row by row, as sensor_msgs/CameraInfo has them.
        d: distortion coefficients of `distortion_model`.
    """

    width: int
    height: int
    k: np.ndarray
    d: np.ndarray
    r: np.ndarray
    p: np.ndarray
    distortion_model: str = "plumb_bob"

    @classmethod
    def pinhole(cls, camera: Camera) -> Calibration:
        """Of a camera without distortion."""
        p = np.hstack([camera.K, np.zeros((3, 1))])
        return cls(camera.width, camera.height, camera.K.ravel(), np.zeros(5), np.eye(3).ravel(), p.ravel())

    @classmethod
    def of_message(cls, info: Any) -> Calibration:
        """Of a sensor_msgs/CameraInfo, or anything with its attributes."""
        return cls(info.width, info.height, info.k, info.d, info.r, info.p, info.distortion_model)


@dataclass(frozen=True)
class CameraFrame:
    """One picture to play.

    Attributes:
        rgb: (H, W, 3) uint8.
        truth: (H, W) float32 metres, NaN where unknown; None where there is no truth.
        calibration: for (W, H); None where it is unknown.
    """

    rgb: np.ndarray
    truth: np.ndarray | None = None
    calibration: Calibration | None = None


class Source(ABC):
    """Frames to play.

    Attributes:
        has_truth: whether its frames have `truth`.
        description: what it is, for the user.
    """

    has_truth: ClassVar[bool] = False
    description: str

    @abstractmethod
    def frames(self) -> Iterator[CameraFrame]:
        """All frames once, one or more, for `RATE_HZ`.

        Raises:
            DepthModelsError: a frame cannot be read, or there is none.
        """
