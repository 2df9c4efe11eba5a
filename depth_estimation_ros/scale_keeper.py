"""Keeps the scale of the node's depth from frame to frame, and says how. Pure."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from depth_estimation_ros.anchors import Anchors
from depth_estimation_ros.calibration import focal_length
from depth_models.scale.steadying import SteadyScale
from depth_models.types import Camera

ASSUMED_FOV_DEG = 60.0  # horizontal, of a camera that nobody has calibrated; a change of scale hardly depends on it


class ScaleKeeper:
    """A `SteadyScale` that can be switched, reset and asked from other threads.

    Args:
        steady: keep the scale; otherwise depth passes as it is.
        anchors: what may tell metres, while the scale is kept.

    Attributes:
        steady: as above; may be changed at any time.
    """

    def __init__(self, steady: bool, anchors: Anchors) -> None:
        self.steady, self._anchors = steady, anchors
        self._scale, self._lock = SteadyScale(), threading.Lock()
        self._was_steady = steady

    def __call__(self, rgb: np.ndarray, metres: np.ndarray, camera_info: Any | None, header: Any) -> np.ndarray:
        """The depth of the next frame in the scale of those before.

        Args:
            rgb: (H, W, 3) uint8.
            metres: (H, W) float32, NaN where invalid.
            camera_info: of these pixels, or None.
            header: of the image: std_msgs/Header, or anything with its attributes.
        """
        with self._lock:
            steady = self.steady
            if steady and not self._was_steady:
                self._scale.reset("switched on")
            self._was_steady = steady
            if not steady:
                return metres
            camera = _camera(camera_info, *metres.shape)
            is_calibrated = camera is not None
            camera = camera or Camera.from_fov(metres.shape[1], metres.shape[0], ASSUMED_FOV_DEG)
            readings = self._anchors.readings(header, metres, camera, is_calibrated)
            return self._scale(rgb, metres, camera, header.stamp.sec + header.stamp.nanosec * 1e-9, readings)

    def reset(self) -> None:
        """Begin anew with the next frame."""
        with self._lock:
            self._scale.reset("asked for")

    def facts(self) -> dict[str, str]:
        """How the scale is kept, for people."""
        with self._lock:
            state, steady = self._scale.state, self.steady
        source = "network prior"
        if steady and state.anchors:
            source = ", ".join(state.anchors)
        elif steady and state.learned_from:
            source += f", as corrected by {', '.join(state.learned_from)} before"
        facts = {"scale": source, "scale steady": "yes" if steady else "no"}
        if steady:
            facts["shape"] = ", ".join(state.shaped_by) or "network"
            facts["scale uncertainty (%)"] = f"{100 * state.sigma:.1f}"
            facts["anchors refused"] = str(self._anchors.refused)
            facts["scale factor"] = f"{state.factor:.3f}"
            facts["scale kept (frames)"] = str(state.since_reset)
            facts["scale resets"] = f"{state.resets} ({state.reason})" if state.resets else "0"
        return facts


def _camera(info: Any | None, height: int, width: int) -> Camera | None:
    if info is None or (focal := focal_length(info)) is None:
        return None
    return Camera(*focal, float(info.k[2]), float(info.k[5]), width, height)
