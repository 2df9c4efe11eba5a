"""`baseline`: a frozen ResNet-18 with five fully connected layers (paper, section 4.2)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from depth_models.networks.blocks import ToMetres
from depth_models.networks.encoders import create_encoder
from depth_models.networks.registry import DepthNetwork, register
from depth_models.types import DepthOutput


@register("baseline")
class Baseline(DepthNetwork):
    """ResNet-18, its last layer replaced by five of 512, 512, 128, 4800 and 38400 outputs: a 160 x 240 depth map.

    The map is upsampled once, bilinear, to the input's size. Global pooling makes the input's size free.

    Args:
        encoder: the backbone; the paper's is ResNet-18.
        encoder_weights: see `create_encoder`.
        freeze_encoder: hold the backbone as it is (the paper does).
        hidden: outputs of the layers before the last.
        map_size: (height, width) of the depth map before upsampling.
    """

    small: ClassVar[dict[str, Any]] = {"hidden": (32, 32), "map_size": (16, 24)}

    def __init__(
        self,
        encoder: str = "resnet18",
        encoder_weights: str | None = None,
        freeze_encoder: bool = True,
        hidden: tuple[int, ...] = (512, 512, 128, 4800),
        map_size: tuple[int, int] = (160, 240),
    ) -> None:
        super().__init__()
        hidden, map_size = tuple(hidden), (map_size[0], map_size[1])
        self.config = {
            "encoder": encoder, "freeze_encoder": freeze_encoder, "hidden": hidden, "map_size": map_size
        }  # fmt: skip
        self.freeze_encoder = freeze_encoder
        self.map_size = map_size
        self.encoder = create_encoder(encoder, encoder_weights)
        deepest: int = self.encoder.out_channels[-1]  # type: ignore[index, assignment]
        widths = (deepest, *hidden, map_size[0] * map_size[1])
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += [nn.Linear(inputs, outputs), nn.ReLU(inplace=True)]
        self.regressor = nn.Sequential(*layers[:-1])  # no ReLU after the last: ToMetres makes it positive
        self.to_metres = ToMetres()
        self.train()

    def frozen_modules(self) -> list[nn.Module]:
        return [self.encoder] if self.freeze_encoder else []

    def forward(self, image: Tensor) -> DepthOutput:
        self.check_input(image)
        features = self.encoder(image)[-1].mean(dim=(2, 3))  # (N, 512)
        depth = self.to_metres(self.regressor(features)).unflatten(1, (1, *self.map_size))  # (N, 1, 160, 240)
        return DepthOutput(F.interpolate(depth, image.shape[2:], mode="bilinear", align_corners=False))
