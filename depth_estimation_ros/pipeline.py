"""From an image message to what is published, without ROS: decoding, rectification, prediction, filtering."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from depth_estimation_ros.calibration import camera_info_for, focal_length, is_distorted
from depth_estimation_ros.conversions import MessageError, depth_to_image, image_to_rgb
from depth_estimation_ros.edge_filter import without_flying_pixels
from depth_estimation_ros.rectification import Rectifier
from depth_estimation_ros.scale_keeper import ScaleKeeper
from depth_models.types import Depth

NO_SIGMA = "the model tells no standard deviation; `depth-models confidence` adds it to unet and fpn"
_MOST_16UC1_M = 65.5355  # rounds to 65535 mm


@dataclass(frozen=True)
class DepthFrame:
    """Everything about one image that an output may publish.

    Attributes:
        image: the input message.
        rgb: (H, W, 3) uint8, the image decoded, and rectified where that was asked for.
        depth: (H, W) float32 metres or uint16 millimetres, as `encoding` says.
        encoding: '32FC1' or '16UC1'.
        camera_info: that of `rgb`, its header still the camera's; None where there is none that fits.
        clipped_pixels: how many depths are invalid only since they do not fit 16UC1.
        predicted: what the model said of `rgb`, before its scale was corrected and anything else made invalid.
    """

    image: Any
    rgb: np.ndarray
    depth: np.ndarray
    encoding: str
    camera_info: Any | None
    clipped_pixels: int
    predicted: Depth

    @property
    def metres(self) -> np.ndarray:
        """(H, W) float32, NaN where invalid: what a reader of `depth` gets, whatever its encoding."""
        if self.encoding == "32FC1":
            return self.depth
        return np.where(self.depth > 0, self.depth / np.float32(1000), np.float32(np.nan))

    @property
    def sigma(self) -> np.ndarray | None:
        """(H, W) float32 metres, standard deviation of `metres`, NaN where that is; None where the model has none."""
        sigma = self.predicted.sigma_metres
        return None if sigma is None else sigma / self.predicted.metres * self.metres


class Pipeline:
    """One image message to a `DepthFrame`.

    Args:
        predictor: called as `predictor(rgb, fx=..., fy=...) -> Depth`.
        encoding: '32FC1' or '16UC1'.
        max_depth: metres.
        warn: called with a reason when a camera_info cannot be used as it should be.
        edge_filter: see `without_flying_pixels`; 0 for none.
        rectify: undistort the image first; an image without a usable camera_info is then refused.
        max_relative_sigma: depths whose standard deviation is a larger part of them become invalid; 0 for none. Without
            effect where the predictor tells no standard deviation.
        scale: keeps the scale of the depth from image to image; None leaves every image its own.

    Attributes:
        encoding, max_depth, edge_filter, max_relative_sigma: as above; may be changed at any time.
    """

    def __init__(
        self,
        predictor: Callable[..., Depth],
        encoding: str,
        max_depth: float,
        warn: Callable[[str], None],
        edge_filter: float = 0.0,
        rectify: bool = False,
        max_relative_sigma: float = 0.0,
        scale: ScaleKeeper | None = None,
    ) -> None:
        self.encoding, self.max_depth, self.edge_filter = encoding, max_depth, edge_filter
        self.max_relative_sigma = max_relative_sigma
        self._predictor, self._warn, self._scale = predictor, warn, scale
        self._rectifier = Rectifier() if rectify else None

    def __call__(self, image: Any, camera_info: Any | None) -> DepthFrame:
        """Predict.

        Raises:
            MessageError: the image cannot be decoded, or not be rectified.
        """
        encoding, max_depth, edge_filter = self.encoding, self.max_depth, self.edge_filter
        max_relative_sigma = self.max_relative_sigma
        rgb = image_to_rgb(image)
        info = self._fitted(camera_info, *rgb.shape[:2])
        seen = None
        if self._rectifier is not None:
            if info is None:
                raise MessageError("rectify is on, and there is no camera_info that fits the image", "camera_info")
            rectified = self._rectifier(rgb, info)
            rgb, info, seen = rectified.rgb, rectified.info, rectified.seen
        fx, fy = (focal_length(info) if info is not None else None) or (None, None)
        predicted = self._predictor(rgb, fx=fx, fy=fy)
        metres, sigma = predicted.metres, predicted.sigma_metres
        if self._scale is not None:
            metres = self._scale(rgb, metres, info, image.header)
        if seen is not None:
            metres = np.where(seen, metres, np.float32(np.nan))
        if edge_filter > 0:
            metres = without_flying_pixels(metres, edge_filter)
        if sigma is not None and max_relative_sigma > 0:
            metres = np.where(sigma <= max_relative_sigma * predicted.metres, metres, np.float32(np.nan))
        clipped = 0
        if encoding == "16UC1" and max_depth > _MOST_16UC1_M:
            clipped = int(np.count_nonzero((metres > _MOST_16UC1_M) & (metres <= max_depth)))
        return DepthFrame(image, rgb, depth_to_image(metres, encoding, max_depth), encoding, info, clipped, predicted)

    def _fitted(self, camera_info: Any | None, height: int, width: int) -> Any | None:
        if camera_info is None:
            return None
        try:
            info = camera_info_for(camera_info, width, height)
        except MessageError as error:
            self._warn(f"{error}. It is ignored: depth has no camera_info, and assumes the network's focal length")
            return None
        if focal_length(info) is None:
            self._warn("camera_info has a zero K (not calibrated): depth assumes the network's focal length")
        elif self._rectifier is None and is_distorted(info):
            self._warn(
                f"camera_info has lens distortion ({info.distortion_model}) and the image is taken as it is: readers "
                "that assume a pinhole put points wrong towards the borders; set the node's parameter rectify, or give "
                "it images that image_proc has rectified"
            )
        return info
