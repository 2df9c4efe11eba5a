"""`fpn`: a feature pyramid network with a prediction per level (paper, section 4.4)."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depth_models.networks.blocks import ConvBNReLU, ToMetres
from depth_models.networks.encoders import create_encoder
from depth_models.networks.registry import DepthNetwork, register
from depth_models.networks.sigma import SigmaHead
from depth_models.types import DepthOutput


class FPNBlock(nn.Module):
    """One pyramid level: lateral convolution plus the coarser level, then the level's own convolutions.

    Both stages end in batch normalisation; dropout follows the second.
    """

    def __init__(self, in_channels: int, pyramid: int, channels: int, convolutions: int, dropout: float) -> None:
        super().__init__()
        self.lateral = nn.Sequential(nn.Conv2d(in_channels, pyramid, 1, bias=False), nn.BatchNorm2d(pyramid))
        self.refine = nn.Sequential(
            *(ConvBNReLU(pyramid if i == 0 else channels, channels) for i in range(convolutions)), nn.Dropout2d(dropout)
        )

    def forward(self, feature: Tensor, coarser: Tensor | None) -> tuple[Tensor, Tensor]:
        """(N, C, h, w) and the coarser pyramid level (N, P, h/2, w/2) -> (N, P, h, w) pyramid, (N, channels, h, w)."""
        level = self.lateral(feature)
        if coarser is not None:
            level = level + F.interpolate(coarser, level.shape[2:], mode="nearest")
        return level, self.refine(level)


@register("fpn")
class FPN(DepthNetwork):
    """Predictions at 1/32, 1/16, 1/8 and 1/4 of the input's size, merged into one map by a final concatenation layer.

    The decoder blocks and the concatenation layer are trained; the encoder and the four 1 x 1 segmentation heads
    (one prediction per level) are frozen as they were made, as the paper says. A frozen random head costs little: it
    reads the trained features of its level through one fixed direction.

    Args:
        encoder: see `create_encoder`; the paper's is ResNeXt-101 32x8d.
        encoder_weights: see `create_encoder`.
        freeze_encoder: hold the encoder as it is (the paper does).
        freeze_heads: hold the segmentation heads as they are (the paper does).
        pyramid_channels: channels of the pyramid.
        decoder_channels: channels of each level's own convolutions, of which the coarser levels have more.
        dropout: probability of dropping a channel in every decoder block.
        sigma: with a `SigmaHead`, which reads the encoder's deepest map and all blocks' outputs.
    """

    small: ClassVar[dict[str, Any]] = {"encoder": "resnet18", "pyramid_channels": 16, "decoder_channels": 16}

    def __init__(
        self,
        encoder: str = "resnext101_32x8d",
        encoder_weights: str | None = None,
        freeze_encoder: bool = True,
        freeze_heads: bool = True,
        pyramid_channels: int = 256,
        decoder_channels: int = 128,
        dropout: float = 0.2,
        sigma: bool = False,
    ) -> None:
        super().__init__()
        self.config = {
            "encoder": encoder, "freeze_encoder": freeze_encoder, "freeze_heads": freeze_heads,
            "pyramid_channels": pyramid_channels, "decoder_channels": decoder_channels, "dropout": dropout,
            **({"sigma": True} if sigma else {}),
        }  # fmt: skip
        self.freeze_encoder, self.freeze_heads = freeze_encoder, freeze_heads
        self.encoder = create_encoder(encoder, encoder_weights)
        levels = list(reversed(self.encoder.out_channels[2:]))  # type: ignore[index]  # 1/32, 1/16, 1/8, 1/4
        self.decoder = nn.ModuleList(
            FPNBlock(channels, pyramid_channels, decoder_channels, convolutions, dropout)
            for channels, convolutions in zip(levels, (3, 2, 1, 1), strict=True)
        )
        self.heads = nn.ModuleList(nn.Conv2d(decoder_channels, 1, kernel_size=1) for _ in levels)
        self.merge = nn.Conv2d(len(levels), 1, kernel_size=3, padding=1)
        self.to_metres = ToMetres()
        if sigma:
            self.sigma_head = SigmaHead((levels[0], *[decoder_channels] * len(levels)))
        self.train()

    def frozen_modules(self) -> list[nn.Module]:
        return [self.encoder] * self.freeze_encoder + [self.heads] * self.freeze_heads

    def decode(self, image: Tensor) -> list[Tensor]:
        """The encoder's deepest map, and those of the four blocks, (N, C, H / s, W / s) for s = 32; 32, 16, 8, 4."""
        self.check_input(image)
        features = list(reversed(self.encoder(image)[2:]))
        maps, coarser = features[:1], None
        for feature, block in zip(features, self.decoder, strict=True):
            coarser, refined = block(feature, coarser)
            maps.append(refined)
        return maps

    def predictions(self, maps: list[Tensor]) -> list[Tensor]:
        """Of what `decode` gives, the heads' raw maps (N, 1, H / s, W / s) for s = 32, 16, 8, 4, before merging."""
        return [head(m) for head, m in zip(self.heads, maps[1:], strict=True)]

    def forward(self, image: Tensor) -> DepthOutput:
        maps = self.decode(image)
        levels, quarter = self.predictions(maps), maps[-1].shape[2:]
        stack = torch.cat([F.interpolate(m, quarter, mode="bilinear", align_corners=False) for m in levels], dim=1)
        full = F.interpolate(self.merge(stack), image.shape[2:], mode="bilinear", align_corners=False)
        depth = self.to_metres(full)
        return DepthOutput(depth, sigma=self.sigma(maps, depth))
