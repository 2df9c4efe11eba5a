"""uint8 RGB to network input, and the network's depth back to the source's size and focal length.

`Preprocess` is data: it is stored with the weights, so a checkpoint is never fed an image prepared another way.
"""

from __future__ import annotations

import math
from dataclasses import MISSING, asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from depth_models.enlarging import resize_linear, upsample_depth
from depth_models.errors import DepthModelsError
from depth_models.types import Calibration, Depth, Sample

if TYPE_CHECKING:
    from torch import Tensor

LARGEST = 4096  # canvas pixels a side; more is a broken file, and would only fill the memory

_INTERPOLATIONS = {"area": cv2.INTER_AREA, "bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC}


@dataclass(frozen=True)
class Letterbox:
    """Where an image lies on the network's canvas: scaled by (scale_y, scale_x), then padded.

    Attributes:
        height, width: the image's size on the canvas, pixels.
        top, left: its first row and column there, pixels.
        scale_y, scale_x: canvas pixels per source pixel; equal but for rounding to whole pixels.
    """

    height: int
    width: int
    top: int
    left: int
    scale_y: float
    scale_x: float


@dataclass(frozen=True)
class Preprocess:
    """How an image becomes a network's input.

    The image is letterboxed: scaled until it fits the canvas, its aspect kept, and padded with the mean colour. Keeping
    the aspect keeps fx = fy on the canvas, which one canonical focal length needs, and a fixed canvas is what compiled
    back-ends and the networks with linear layers need. The padding's depth is thrown away.

    Attributes:
        height, width: the canvas, pixels, up to `LARGEST`.
        mean, std: per channel (R, G, B), of values in 0 to 1.
        focal_px: canonical focal length in canvas pixels, or None where the network was trained without one. A network
            trained at focal length f_c predicts f_c / f times the metres of an image whose focal length is f.
        interpolation: how images are resized. 'area' is the exact average of the source pixels under each canvas
            pixel: no aliasing, so one scene looks alike from a VGA and from a 4K camera; smaller images are enlarged
            bilinearly. 'bilinear' and 'bicubic' are what much training code does, for weights that were trained so.
        metric: False for a network whose depth is known only up to a scale and a shift of its inverse. It gives no
            metres before it has a `calibration`.
        calibration: what makes metres of the network's depth, on the canvas and at the canonical focal length, or None.
    """

    height: int
    width: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    focal_px: float | None = None
    interpolation: str = "area"
    metric: bool = True
    calibration: Calibration | None = None

    def __post_init__(self) -> None:
        for name in ("mean", "std"):
            object.__setattr__(self, name, tuple(float(v) for v in getattr(self, name)))
        if len(self.mean) != 3 or len(self.std) != 3 or not all(map(math.isfinite, self.mean)):
            raise DepthModelsError(f"preprocessing needs three finite values each for mean and std, got {self}")
        if not all(0 < v < math.inf for v in (*self.std, 1.0 if self.focal_px is None else self.focal_px)):
            raise DepthModelsError(f"preprocessing needs positive, finite std and focal length, got {self}")
        if not all(isinstance(v, int) and 0 < v <= LARGEST for v in (self.height, self.width)):
            raise DepthModelsError(f"preprocessing needs a canvas of 1 to {LARGEST} whole pixels a side, got {self}")
        if self.interpolation not in _INTERPOLATIONS:
            raise DepthModelsError(
                f"preprocessing knows the interpolations {', '.join(_INTERPOLATIONS)}, got {self.interpolation!r}"
            )
        if not isinstance(self.metric, bool) or not isinstance(self.calibration, Calibration | None):
            raise DepthModelsError(f"preprocessing needs metric true or false and a Calibration or None, got {self}")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Preprocess:
        """The inverse of `to_dict`.

        Raises:
            DepthModelsError: keys missing or unknown, or values out of range.
        """
        names = {f.name for f in fields(cls)}
        required = {f.name for f in fields(cls) if f.default is MISSING}
        if not required <= set(values) <= names:
            raise DepthModelsError(f"preprocessing has the keys {sorted(values)}, expected {sorted(names)}")
        try:
            fitted = values.get("calibration")
            return cls(**{**values, "calibration": None if fitted is None else Calibration(**fitted)})
        except (TypeError, ValueError) as error:
            raise DepthModelsError(f"preprocessing {values} is malformed: {error}") from error

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; `metric` and `calibration` only where they say something, as in older files."""
        values = asdict(self)
        return {k: v for k, v in values.items() if (k, v) not in (("metric", True), ("calibration", None))}

    def letterbox(self, height: int, width: int) -> Letterbox:
        """Where an image of `height` x `width` pixels lies on the canvas."""
        scale = min(self.height / height, self.width / width)
        # An image of extreme aspect still gets a pixel; one that fits exactly is not lost to rounding.
        inner_h = min(max(round(height * scale), 1), self.height)
        inner_w = min(max(round(width * scale), 1), self.width)
        return Letterbox(
            height=inner_h,
            width=inner_w,
            top=(self.height - inner_h) // 2,
            left=(self.width - inner_w) // 2,
            scale_y=inner_h / height,
            scale_x=inner_w / width,
        )

    def canvas(self, rgb: np.ndarray) -> np.ndarray:
        """Letterbox (H, W, 3) uint8 RGB to (height, width, 3) uint8."""
        box = self.letterbox(*rgb.shape[:2])
        enlarges = box.scale_x >= 1 and box.scale_y >= 1
        way = cv2.INTER_LINEAR if enlarges and self.interpolation == "area" else _INTERPOLATIONS[self.interpolation]
        inner = cv2.resize(rgb, (box.width, box.height), interpolation=way)
        if (box.height, box.width) == (self.height, self.width):
            return np.ascontiguousarray(inner)
        canvas = np.empty((self.height, self.width, 3), np.uint8)
        canvas[:] = np.rint(np.multiply(self.mean, 255)).astype(np.uint8)
        canvas[box.top : box.top + box.height, box.left : box.left + box.width] = inner
        return canvas

    def normalise(self, canvas: Tensor) -> Tensor:
        """(N, H, W, 3) uint8 on any device -> (N, 3, H, W) float32, mean subtracted and divided by std.

        In channels-last memory, as the canvas is: nothing is moved, and convolutions are faster so.
        """
        import torch  # seconds, which back-ends that need no torch do not pay

        count, height, width, channels = canvas.shape
        # A whole row of pixels at a time: a row of three numbers is too short for the processor's vectors.
        mean, std = (torch.tensor(v, device=canvas.device).mul_(255).repeat(width) for v in (self.mean, self.std))
        rows = canvas.reshape(count, height, width * channels).to(torch.float32)
        torch.addcmul(-mean / std, rows, 1 / std, out=rows)
        return rows.view(canvas.shape).permute(0, 3, 1, 2)

    def metres_per_output(self, box: Letterbox, fx: float | None, fy: float | None) -> float:
        """What the network's output is multiplied with to give metres, for a source of focal length fx, fy (pixels).

        1 where either focal length is unknown: the image is then taken to have the canonical one.

        Raises:
            DepthModelsError: only one of fx and fy is given, or one is not positive and finite.
        """
        if fx is None and fy is None:
            return 1.0
        if fx is None or fy is None or not (0 < fx < math.inf and 0 < fy < math.inf):
            raise DepthModelsError(f"fx and fy must both be positive pixels, or both be left out; got {fx} and {fy}")
        if self.focal_px is None:
            return 1.0
        return math.sqrt(fx * box.scale_x * fy * box.scale_y) / self.focal_px

    def calibrated(self, depth: np.ndarray) -> np.ndarray:
        """The network's output (any shape) in metres at the canonical focal length; not positive where it has none.

        Raises:
            DepthModelsError: the network's depth is not metric, and nothing has calibrated it.
        """
        if self.calibration is not None:
            return self.calibration.metres(depth)
        if not self.metric:
            raise DepthModelsError(
                "this network gives depth only up to scale and shift, which is no use in metres; fit both to a few "
                "frames with known depth: depth-models calibrate CKPT --data FOLDER --out FILE"
            )
        return depth

    def target(self, sample: Sample) -> tuple[np.ndarray, np.ndarray]:
        """A sample's truth as the network should give it: on the canvas, in metres at the canonical focal length.

        Nearest pixels, as means of near and far would be depths that nothing has.

        Returns:
            (1, height, width) float32 depth, 1 where not valid, and (1, height, width) bool valid, False in padding.
        """
        height, width = sample.valid.shape
        box = self.letterbox(height, width)
        picked, seen = sample.depth, sample.valid
        if (box.height, box.width) != (height, width):
            rows = ((np.arange(box.height) + 0.5) / box.scale_y).astype(int)
            columns = ((np.arange(box.width) + 0.5) / box.scale_x).astype(int)
            picked, seen = picked[rows][:, columns], seen[rows][:, columns]
        inner = np.s_[0, box.top : box.top + box.height, box.left : box.left + box.width]
        depth = np.ones((1, self.height, self.width), np.float32)
        valid = np.zeros(depth.shape, bool)
        valid[inner] = seen
        scale = self.metres_per_output(box, sample.camera.fx, sample.camera.fy)
        cv2.copyTo(picked / scale, seen.view(np.uint8), depth[inner])  # into the view, a third of np.where's time
        return depth, valid

    def restore(
        self,
        depth: np.ndarray,
        height: int,
        width: int,
        fx: float | None = None,
        fy: float | None = None,
        sigma: np.ndarray | None = None,
    ) -> Depth:
        """Bring one depth map of the network back to its source.

        Args:
            depth: (1, H, W) float32: the network's output for the canvas.
            height, width: the source image's size, pixels.
            fx, fy: the source's focal length in its pixels, or None.
            sigma: (1, H, W) float32, standard deviation of `depth`, or None where the network does not tell. Its ratio
                to the depth is what is enlarged, so that both sides of an edge keep their own.

        Returns:
            `Depth` of (height, width); values that are not positive and finite are invalid.

        Raises:
            DepthModelsError: the network's depth is not metric, and nothing has calibrated it; or a bad focal length.
        """
        box = self.letterbox(height, width)
        inner = np.s_[0, box.top : box.top + box.height, box.left : box.left + box.width]
        raw = np.asarray(depth)[inner]
        with np.errstate(all="ignore"):  # depths of which a calibration makes none become invalid
            canvas = self.calibrated(raw)
        # Scaled while it is small; the product is new memory, whatever the size.
        metres = upsample_depth(canvas * np.float32(self.metres_per_output(box, fx, fy)), height, width)
        valid = (metres > 0) & (metres < np.inf)
        if not valid.all():
            metres[~valid] = np.nan
        if sigma is None:
            return Depth(metres, valid)
        deviation = np.asarray(sigma)[inner]
        with np.errstate(all="ignore"):
            if self.calibration is not None:
                deviation = deviation * self.calibration.slope(raw)
            relative = resize_linear(deviation / canvas, height, width)
            return Depth(metres, valid, np.multiply(relative, metres, out=relative))
