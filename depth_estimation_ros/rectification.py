"""Undistorts images as their camera_info says, with maps that are made once. Pure.

It is the image that is rectified, before the network sees it. Depth is never: means across an edge are no depth.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from depth_estimation_ros.calibration import is_distorted
from depth_estimation_ros.conversions import MessageError

# Coefficients that each model of REP 104 may have; none at all is all zero.
_COEFFICIENTS = {"plumb_bob": (4, 5), "rational_polynomial": (8,), "equidistant": (4,)}


@dataclass(frozen=True)
class Rectified:
    """A rectified image.

    Attributes:
        rgb: (H, W, 3) uint8, black where the camera saw nothing.
        info: its camera_info: D = 0, R = I, K = P[:, :3].
        seen: (H, W) bool, where the camera saw something.
    """

    rgb: np.ndarray
    info: Any
    seen: np.ndarray


@dataclass(frozen=True)
class _Maps:
    """Where each rectified pixel lies in the camera's image, as `cv2.remap` wants it; `seen` as in `Rectified`."""

    whole: np.ndarray  # (H, W, 2) int16
    fraction: np.ndarray  # (H, W) uint16
    seen: np.ndarray


class Rectifier:
    """Rectifies the images of one camera; the maps are made anew when its calibration changes."""

    def __init__(self) -> None:
        self._key: tuple[Any, ...] = ()
        self._maps: _Maps | None = None

    def __call__(self, rgb: np.ndarray, info: Any) -> Rectified:
        """Rectify.

        Args:
            rgb: (H, W, 3) uint8.
            info: sensor_msgs/CameraInfo of (W, H), or anything with its attributes. Not changed.

        Raises:
            MessageError: the camera is not calibrated, or its distortion model is unknown.
        """
        key = (info.width, info.height, info.distortion_model, *map(tuple, (info.d, info.k, info.r, info.p)))
        if key != self._key:
            self._maps, self._key = _maps(info), key
        maps = self._maps
        if maps is None:
            return Rectified(rgb, _pinhole(info), np.ones(rgb.shape[:2], bool))
        out = cv2.remap(rgb, maps.whole, maps.fraction, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        out[~maps.seen] = 0
        return Rectified(out, _pinhole(info), maps.seen)


def _maps(info: Any) -> _Maps | None:
    """None where the image is a pinhole's already."""
    k, r, p = np.reshape(info.k, (3, 3)), np.reshape(info.r, (3, 3)), np.reshape(info.p, (3, 4))[:, :3]
    if not all(0 < f < np.inf for f in (k[0, 0], k[1, 1], p[0, 0], p[1, 1])):
        raise MessageError(
            "camera_info has a zero K or P (not calibrated): an image cannot be rectified by it", "camera_info"
        )
    r = r if r.any() else np.eye(3)  # drivers of one camera leave it out
    size, model, d = (info.width, info.height), info.distortion_model, np.array(info.d, np.float64)
    if not is_distorted(info):
        if np.array_equal(r, np.eye(3)) and np.array_equal(k, p):
            return None
        model, d = "plumb_bob", np.zeros(5)
    elif not len(d):
        d = np.zeros(4)
    if len(d) not in _COEFFICIENTS.get(model, ()):
        known = ", ".join(f"{name} ({' or '.join(map(str, n))})" for name, n in _COEFFICIENTS.items())
        raise MessageError(
            f"camera_info has the distortion model {model!r} with {len(d)} coefficients; known are {known}",
            "camera_info",
        )
    make = cv2.fisheye.initUndistortRectifyMap if model == "equidistant" else cv2.initUndistortRectifyMap
    x, y = make(k, d, r, p, size, cv2.CV_32FC1)
    # Half a pixel beyond the outer centres is still the outer pixel's own.
    seen = (x >= -0.5) & (x <= size[0] - 0.5) & (y >= -0.5) & (y <= size[1] - 0.5)
    return _Maps(*cv2.convertMaps(x, y, cv2.CV_16SC2), seen)


def _pinhole(info: Any) -> Any:
    out = copy.copy(info)
    out.distortion_model, out.d = "plumb_bob", [0.0] * 5  # an equidistant lens without coefficients is no pinhole
    out.k = np.reshape(info.p, (3, 4))[:, :3].ravel()
    out.r = np.eye(3).ravel()
    return out
