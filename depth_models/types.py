"""Values that cross module borders."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from depth_models.errors import DepthModelsError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Camera:
    """A pinhole camera without distortion.

    Pixel centres have integer coordinates, so the middle of the image is ((width - 1) / 2, (height - 1) / 2).

    Attributes:
        fx, fy, cx, cy: focal lengths and principal point, pixels.
        width, height: image size, pixels.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int

    @classmethod
    def from_fov(cls, width: int, height: int, horizontal_deg: float) -> Camera:
        """Square pixels and a centred principal point, for a horizontal field of view in degrees."""
        f_px = float(width / 2 / np.tan(np.radians(horizontal_deg) / 2))
        return cls(f_px, f_px, (width - 1) / 2, (height - 1) / 2, width, height)

    @property
    def K(self) -> np.ndarray:
        """(3, 3) float64 camera matrix."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1]], np.float64)

    @property
    def horizontal_fov_deg(self) -> float:
        """Horizontal field of view over the full pixel extent, degrees."""
        return float(np.degrees(2 * np.arctan(self.width / 2 / self.fx)))

    def pixels(self) -> np.ndarray:
        """(H * W, 2) float64 pixel centres (x, y), row by row."""
        y, x = np.mgrid[: self.height, : self.width]
        return np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float64)

    def rays(self, pixels: np.ndarray, pose: np.ndarray) -> np.ndarray:
        """(N, 3) float64 world directions through (N, 2) pixels, scaled so that ray length is depth Z."""
        ones = np.ones(len(pixels))
        local = np.stack([(pixels[:, 0] - self.cx) / self.fx, (pixels[:, 1] - self.cy) / self.fy, ones], axis=1)
        return local @ pose[:3, :3].T


@dataclass(frozen=True)
class Sample:
    """One picture of a data set with its truth.

    Attributes:
        rgb: (H, W, 3) uint8.
        depth: (H, W) float32 metres, Z along the optical axis; anything where `valid` is False.
        valid: (H, W) bool, where `depth` was measured.
        camera: intrinsics, of (H, W).
    """

    rgb: np.ndarray
    depth: np.ndarray
    valid: np.ndarray
    camera: Camera


@dataclass(frozen=True)
class Depth:
    """A depth image in its source's geometry.

    Attributes:
        metres: (H, W) float32, Z along the optical axis, NaN where invalid (REP 118).
        valid: (H, W) bool, True where `metres` is a depth.
        sigma_metres: (H, W) float32, standard deviation of `metres`: larger is worse. NaN where invalid; None where the
            network does not tell.
    """

    metres: np.ndarray
    valid: np.ndarray
    sigma_metres: np.ndarray | None = None


@dataclass(frozen=True)
class Calibration:
    """How a network's depth becomes metres, as fitted to known depths: f(metres) = scale * f(depth) + shift.

    Attributes:
        space: 'metres', 'log' or 'inverse': f(d) is d, log d or 1 / d.
        scale: positive, so that what is farther stays farther.
        shift: in the unit of f(metres).
    """

    space: str
    scale: float
    shift: float = 0.0

    def __post_init__(self) -> None:
        if self.space not in ("metres", "log", "inverse"):
            raise DepthModelsError(f"a calibration is in 'metres', 'log' or 'inverse', got {self.space!r}")
        if not 0 < self.scale < math.inf or not math.isfinite(self.shift):
            raise DepthModelsError(f"a calibration needs a positive scale and a finite shift, got {self}")

    def metres(self, depth: Any) -> Any:
        """Array or tensor of a network's depths, positive -> metres, same shape; not positive where there are none."""
        if self.space == "metres":
            return self.scale * depth + self.shift
        if self.space == "log":
            return math.exp(self.shift) * depth**self.scale
        return 1 / (self.scale / depth + self.shift)

    def slope(self, depth: Any) -> Any:
        """How many metres a unit of the network's depth is there: the derivative of `metres`, same shape."""
        if self.space == "metres":
            return self.scale * depth**0
        if self.space == "log":
            return self.scale * self.metres(depth) / depth
        return self.scale * (self.metres(depth) / depth) ** 2


@dataclass(frozen=True)
class DepthOutput:
    """What a network returns.

    Attributes:
        depth: (N, 1, H, W) float, metres at the network's canonical focal length, positive.
        aux: further depth maps of the same shape that the loss also counts (`multiscale`'s coarse map).
        sigma: (N, 1, H, W) float, standard deviation of `depth`, metres, positive: larger is worse. None where the
            network has no head for it.
    """

    depth: torch.Tensor
    aux: tuple[torch.Tensor, ...] = ()
    sigma: torch.Tensor | None = None
