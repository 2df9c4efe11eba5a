"""`multiscale`: a coarse global and a fine local path, trained together from scratch (paper, section 4.5, figure 4)."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depth_models.errors import DepthModelsError
from depth_models.networks.blocks import ConvBNReLU, ToMetres
from depth_models.networks.registry import DepthNetwork, register
from depth_models.types import DepthOutput


def _pooled(in_channels: int, out_channels: int, kernel_size: int) -> nn.Sequential:
    """Convolution, max pooling by 2, batch normalisation, ReLU, in figure 4's order."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


@register("multiscale")
class MultiScale(DepthNetwork):
    """Figure 4: convolutions down to 1/8 and two linear layers give a coarse map at 1/4, which the fine path refines.

    The coarse map is an aux output, so the loss counts both maps.

    Args:
        coarse: False leaves the coarse path out (the ablation of section 5.4); then there is no aux output.
        input_size: (height, width) of the image, which the linear layers fix; multiples of 8.
    """

    stride: ClassVar[int] = 8
    small: ClassVar[dict[str, Any]] = {"input_size": (64, 96)}

    def __init__(self, coarse: bool = True, input_size: tuple[int, int] = (480, 640)) -> None:
        super().__init__()
        height, width = input_size
        if height % 8 or width % 8 or height <= 0 or width <= 0:
            raise DepthModelsError(f"multiscale's input_size must be multiples of 8, got {height} x {width}")
        self.config = {"coarse": coarse, "input_size": (height, width)}
        self.input_size = (height, width)
        self.coarse: nn.Sequential | None = None
        if coarse:
            cells = (height // 8) * (width // 8)  # 4800 at 480 x 640
            self.coarse = nn.Sequential(
                _pooled(3, 96, 5),
                _pooled(96, 100, 3),
                _pooled(100, 100, 3),
                ConvBNReLU(100, 256, bias=True),
                nn.Conv2d(256, 1, kernel_size=3, padding=1),
                nn.Flatten(),
                nn.Linear(cells, 2 * cells),
                nn.ReLU(inplace=True),
                nn.Linear(2 * cells, 4 * cells),
                nn.Unflatten(1, (1, height // 4, width // 4)),
            )
        self.fine = nn.Sequential(ConvBNReLU(3, 100, 11, bias=True), ConvBNReLU(100, 100, 5, bias=True))
        self.refine = nn.Sequential(ConvBNReLU(100 + coarse, 40, bias=True), nn.Conv2d(40, 1, kernel_size=3, padding=1))
        self.to_metres = ToMetres()
        self.train()

    def check_input(self, image: Tensor) -> None:
        super().check_input(image)
        if tuple(image.shape[2:]) != self.input_size:
            raise DepthModelsError(f"this multiscale takes {self.input_size} images, got {tuple(image.shape[2:])}")

    def forward(self, image: Tensor) -> DepthOutput:
        self.check_input(image)
        features = self.fine(image)  # (N, 100, H, W)
        if self.coarse is None:
            return DepthOutput(self.to_metres(self.refine(features)))
        coarse = self.to_metres(self.coarse(image))  # (N, 1, H/4, W/4)
        coarse = F.interpolate(coarse, scale_factor=4, mode="bilinear", align_corners=False)
        depth = self.to_metres(self.refine(torch.cat([features, coarse], dim=1)))  # (N, 1, H, W)
        return DepthOutput(depth, aux=(coarse,))
