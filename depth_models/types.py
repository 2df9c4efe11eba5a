"""Values that cross module borders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Depth:
    """A depth image in its source's geometry.

    Attributes:
        metres: (H, W) float32, Z along the optical axis, NaN where invalid (REP 118).
        valid: (H, W) bool, True where `metres` is a depth.
    """

    metres: np.ndarray
    valid: np.ndarray


@dataclass(frozen=True)
class DepthOutput:
    """What a network returns.

    Attributes:
        depth: (N, 1, H, W) float, metres at the network's canonical focal length, positive.
        aux: further depth maps of the same shape that the loss also counts (`multiscale`'s coarse map).
    """

    depth: torch.Tensor
    aux: tuple[torch.Tensor, ...] = ()
