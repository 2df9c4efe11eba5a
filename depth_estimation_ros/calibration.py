"""What a camera_info says of an image: its size, its focal length, its distortion. Pure."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from depth_estimation_ros.conversions import MessageError


def camera_info_for(info: Any, width: int, height: int) -> Any:
    """The camera_info of an image of `width` x `height` pixels, given that of its camera.

    Binning and region of interest are worked into K and P, as not every reader of depth knows them, and a plain change
    of size is a scaling. The image may have the region's aspect ratio, or that of its binned pixels. Pixel centres are
    at integer coordinates: cx becomes (cx + 0.5) s - 0.5. Distortion and R do not depend on the size. An info that fits
    already comes back as an equal copy.

    Args:
        info: sensor_msgs/CameraInfo, or anything with its attributes. Not changed.

    Raises:
        MessageError: no size, or an aspect ratio that differs by more than 2 %: the info of another camera.
    """
    out = copy.deepcopy(info)
    if (info.width, info.height) == (width, height):
        return out
    roi = info.roi
    region_w, region_h = roi.width or info.width, roi.height or info.height
    if min(region_w, region_h, width, height) <= 0:
        raise MessageError(
            f"camera_info is {info.width} x {info.height} pixels; the camera driver must set its size", "camera_info"
        )
    scale_x, scale_y = width / region_w, height / region_h
    # Whole pixels alone can change the ratio of a very small image by more than 2 %.
    tolerance = max(0.02, 1.0 / min(width, height))
    stretch = scale_x / scale_y
    binned_stretch = stretch * max(1, info.binning_x) / max(1, info.binning_y)
    if min(abs(stretch - 1), abs(binned_stretch - 1)) > tolerance:
        raise MessageError(
            f"camera_info is of a {region_w} x {region_h} image and the image has {width} x {height} pixels: "
            "another aspect ratio, so another camera; remap camera_info to this camera's",
            "camera_info",
        )
    shift = np.array([[1, 0, -roi.x_offset], [0, 1, -roi.y_offset], [0, 0, 1]], np.float64)
    scale = np.array([[scale_x, 0, (scale_x - 1) / 2], [0, scale_y, (scale_y - 1) / 2], [0, 0, 1]])
    out.k = (scale @ shift @ np.reshape(info.k, (3, 3))).ravel()
    out.p = (scale @ shift @ np.reshape(info.p, (3, 4))).ravel()
    out.width, out.height, out.binning_x, out.binning_y = width, height, 0, 0
    out.roi.x_offset = out.roi.y_offset = out.roi.width = out.roi.height = 0
    out.roi.do_rectify = False
    return out


def focal_length(info: Any) -> tuple[float, float] | None:
    """(fx, fy) in pixels of the image that `info` describes, or None where K is not calibrated (zeros)."""
    fx, fy = float(info.k[0]), float(info.k[4])
    return (fx, fy) if 0 < fx < float("inf") and 0 < fy < float("inf") else None


def is_distorted(info: Any) -> bool:
    """Does a pinhole not describe the image? An equidistant lens is none even if its coefficients are zero."""
    return bool(np.any(info.d)) or info.distortion_model == "equidistant"
