"""`unet`: UNet on a frozen ImageNet encoder (paper, section 4.3)."""

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


class UNetBlock(nn.Module):
    """Upsample to the skip's size, concatenate, two convolutions with batch normalisation, dropout."""

    def __init__(self, in_channels: int, skip_channels: int, out_channels: int, dropout: float) -> None:
        super().__init__()
        self.conv1 = ConvBNReLU(in_channels + skip_channels, out_channels)
        self.conv2 = ConvBNReLU(out_channels, out_channels)
        self.dropout = nn.Dropout2d(dropout)

    def forward(self, x: Tensor, size: tuple[int, int], skip: Tensor | None) -> Tensor:
        """(N, C, h, w), the size (H, W) to go to and the skip connection (N, S, H, W) -> (N, C_out, H, W)."""
        x = F.interpolate(x, size, mode="nearest")
        if skip is not None:
            x = torch.cat([x, skip], dim=1)
        return self.dropout(self.conv2(self.conv1(x)))


@register("unet")
class UNet(DepthNetwork):
    """Encoder, skip connections, five decoder blocks with batch normalisation and dropout, one output channel.

    Args:
        encoder: see `create_encoder`; the paper's is ResNet-152.
        encoder_weights: see `create_encoder`.
        freeze_encoder: hold the encoder as it is (the paper does).
        decoder_channels: outputs of the five blocks, coarse to fine.
        dropout: probability of dropping a channel in every decoder block.
        sigma: with a `SigmaHead`, which reads the encoder's deepest map and all blocks' outputs.
    """

    small: ClassVar[dict[str, Any]] = {"encoder": "resnet18", "decoder_channels": (32, 16, 16, 8, 8)}

    def __init__(
        self,
        encoder: str = "resnet152",
        encoder_weights: str | None = None,
        freeze_encoder: bool = True,
        decoder_channels: tuple[int, ...] = (256, 128, 64, 32, 16),
        dropout: float = 0.2,
        sigma: bool = False,
    ) -> None:
        super().__init__()
        decoder_channels = tuple(decoder_channels)
        self.config = {
            "encoder": encoder,
            "freeze_encoder": freeze_encoder,
            "decoder_channels": decoder_channels,
            "dropout": dropout,
            **({"sigma": True} if sigma else {}),
        }
        self.freeze_encoder = freeze_encoder
        self.encoder = create_encoder(encoder, encoder_weights)
        deepest, *skips = reversed(self.encoder.out_channels[1:])  # type: ignore[index]
        self.decoder = nn.ModuleList(
            UNetBlock(inputs, skip, outputs, dropout)
            for inputs, skip, outputs in zip(
                (deepest, *decoder_channels[:-1]), (*skips, 0), decoder_channels, strict=True
            )
        )
        self.head = nn.Conv2d(decoder_channels[-1], 1, kernel_size=3, padding=1)
        self.to_metres = ToMetres()
        if sigma:
            self.sigma_head = SigmaHead((deepest, *decoder_channels))
        self.train()

    def frozen_modules(self) -> list[nn.Module]:
        return [self.encoder] if self.freeze_encoder else []

    def forward(self, image: Tensor) -> DepthOutput:
        self.check_input(image)
        full, *features = self.encoder(image)  # strides 1; 2, 4, 8, 16, 32
        x, *skips = reversed(features)
        maps = [x]
        for block, skip in zip(self.decoder, (*skips, None), strict=True):
            x = block(x, (full if skip is None else skip).shape[2:], skip)
            maps.append(x)
        depth = self.to_metres(self.head(x))
        return DepthOutput(depth, sigma=self.sigma(maps, depth))
