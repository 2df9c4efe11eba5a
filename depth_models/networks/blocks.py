"""Pieces that several networks share."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

NEAR, FAR = 0.1, 20.0


class ConvBNReLU(nn.Sequential):
    """Convolution (stride 1, same size), batch normalisation, ReLU: (N, C_in, H, W) -> (N, C_out, H, W)."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int = 3, bias: bool = False) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=bias),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )


class ToMetres(nn.Module):
    """Any real number to metres, bounded in log depth: NEAR * (FAR / NEAR) ** sigmoid(x), so 0.1 to 20 m.

    Bounded so that no input can give 0, infinite or NaN metres, whatever the precision. The price is a slower start:
    by epochs of 80 steps on rooms, `python benchmarks/heads.py ROOMS.mat 3` has AbsRel 0.330, 0.288, 0.317 for
    softplus, 0.326, 0.300, 0.331 for the exponential and 0.506, 0.308, 0.327 for this; another run of softplus ended at
    0.328.
    """

    def forward(self, raw: Tensor) -> Tensor:
        """(...) raw network output -> (...) metres, same shape; computed in float32, as half precision has 3 digits."""
        return NEAR * torch.exp(math.log(FAR / NEAR) * torch.sigmoid(raw.float()))
