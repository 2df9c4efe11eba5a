"""Keeps the scale of the node's depth from frame to frame, and says how. Pure."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from depth_estimation_ros.calibration import focal_length
from depth_models.scale.steadying import SteadyScale
from depth_models.types import Camera

ASSUMED_FOV_DEG = 60.0  # horizontal, of a camera that nobody has calibrated; a change of scale hardly depends on it


class ScaleKeeper:
    """A `SteadyScale` that can be switched, reset and asked from other threads.

    Args:
        steady: keep the scale; otherwise depth passes as it is.

    Attributes:
        steady: as above; may be changed at any time.
    """

    def __init__(self, steady: bool) -> None:
        self.steady = steady
        self._scale, self._lock = SteadyScale(), threading.Lock()
        self._was_steady = steady

    def __call__(self, rgb: np.ndarray, metres: np.ndarray, camera_info: Any | None, stamp: Any) -> np.ndarray:
        """The depth of the next frame in the scale of those before.

        Args:
            rgb: (H, W, 3) uint8.
            metres: (H, W) float32, NaN where invalid.
            camera_info: of these pixels, or None.
            stamp: builtin_interfaces/Time, or anything with its attributes.
        """
        with self._lock:
            steady = self.steady
            if steady and not self._was_steady:
                self._scale.reset("switched on")
            self._was_steady = steady
            if not steady:
                return metres
            return self._scale(rgb, metres, _camera(camera_info, *metres.shape), stamp.sec + stamp.nanosec * 1e-9)

    def reset(self) -> None:
        """Begin anew with the next frame."""
        with self._lock:
            self._scale.reset("asked for")

    def facts(self) -> dict[str, str]:
        """How the scale is kept, for people."""
        with self._lock:
            state, steady = self._scale.state, self.steady
        facts = {"scale": "network prior", "scale steady": "yes" if steady else "no"}
        if steady:
            facts["scale factor"] = f"{state.factor:.3f}"
            facts["scale kept (frames)"] = str(state.since_reset)
            facts["scale resets"] = f"{state.resets} ({state.reason})" if state.resets else "0"
        return facts


def _camera(info: Any | None, height: int, width: int) -> Camera:
    if info is None or (focal := focal_length(info)) is None:
        return Camera.from_fov(width, height, ASSUMED_FOV_DEG)
    return Camera(*focal, float(info.k[2]), float(info.k[5]), width, height)
