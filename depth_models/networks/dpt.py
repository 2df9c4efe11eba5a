"""`dpt`: a vision transformer with a DPT decoder (Ranftl et al. 2021, arXiv 2103.13413), not one of the paper's.

Its larger encoders make it the network of Depth Anything V2 (Yang et al. 2024, arXiv 2406.09414), whose published
weights `depth-models weights import` brings in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depth_models.errors import DepthModelsError
from depth_models.networks.blocks import NEAR
from depth_models.networks.encoders import load_state, read_state
from depth_models.networks.registry import DepthNetwork, register
from depth_models.networks.sigma import SigmaHead
from depth_models.networks.vit import PATCH, ViT
from depth_models.types import DepthOutput

# The least inverse depth of a relative network, in its own unit: sky has 0, which is no depth.
LEAST_INVERSE = 1e-3


@dataclass(frozen=True)
class Size:
    """An encoder and the decoder that goes with it.

    Attributes:
        width, heads, taps, grid: see `ViT`.
        channels: of the four maps that the decoder makes of the taps, fine to coarse.
        features: channels of the decoder.
    """

    width: int
    heads: int
    taps: tuple[int, int, int, int]
    grid: int
    channels: tuple[int, int, int, int]
    features: int


# `vit_small` and larger are the published ones.
SIZES = {
    "vit_micro": Size(48, 3, (0, 1, 2, 3), 4, (8, 16, 24, 32), 16),
    "vit_tiny": Size(192, 3, (2, 5, 8, 11), 16, (24, 48, 96, 192), 48),
    "vit_small": Size(384, 6, (2, 5, 8, 11), 37, (48, 96, 192, 384), 64),
    "vit_base": Size(768, 12, (2, 5, 8, 11), 37, (96, 192, 384, 768), 128),
    "vit_large": Size(1024, 16, (4, 11, 17, 23), 37, (256, 512, 1024, 1024), 256),
}


class ResidualUnit(nn.Module):
    """ReLU and convolution, twice, added to the input: (N, C, H, W) -> (N, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.relu(self.conv1(F.relu(x))))


class Fusion(nn.Module):
    """One level of the decoder: the coarser levels' result, plus this level's map, refined and enlarged.

    Args:
        channels: of everything.
        merges: False at the coarsest level, which has nothing below it.
    """

    def __init__(self, channels: int, merges: bool) -> None:
        super().__init__()
        self.lateral = ResidualUnit(channels) if merges else None
        self.refine = ResidualUnit(channels)
        self.project = nn.Conv2d(channels, channels, 1)

    def forward(self, feature: Tensor, coarser: Tensor | None, size: tuple[int, int]) -> Tensor:
        """(N, C, h, w), the coarser result (N, C, h, w) or None, and the size to go to -> (N, C, *size)."""
        if self.lateral is not None and coarser is not None:
            feature = coarser + self.lateral(feature)
        return self.project(_enlarge(self.refine(feature), size))


@register("dpt")
class DPT(DepthNetwork):
    """Four maps of the encoder, at 1/3.5, 1/7, 1/14 and 1/28 of the image's size, fused from coarse to fine.

    Args:
        encoder: one of `SIZES`.
        encoder_weights: None (random), or the path of DINOv2's published state dict of that encoder (.pth or
            .safetensors).
        freeze_encoder: hold the encoder as it is.
        max_depth_m: the largest depth, metres; the published metric weights have 20 (indoors) or 80 (outdoors).
        relative: the output is inverse depth up to a scale and a shift, as the published relative weights give it.
            `depth` is then one over that, of no known unit: `Preprocess.metric` must be False with it.
        sigma: with a `SigmaHead`, which reads the encoder's deepest map and all levels of the decoder.
    """

    stride: ClassVar[int] = PATCH
    small: ClassVar[dict[str, Any]] = {"encoder": "vit_micro"}
    small_size: ClassVar[tuple[int, int]] = (56, 84)

    def __init__(
        self,
        encoder: str = "vit_small",
        encoder_weights: str | None = None,
        freeze_encoder: bool = False,
        max_depth_m: float = 20.0,
        relative: bool = False,
        sigma: bool = False,
    ) -> None:
        super().__init__()
        if encoder not in SIZES:
            raise DepthModelsError(f"dpt has the encoders {', '.join(SIZES)}, got {encoder!r}")
        if not NEAR < max_depth_m < float("inf"):
            raise DepthModelsError(f"dpt needs a max_depth_m above {NEAR} m, got {max_depth_m!r}")
        self.config = {
            "encoder": encoder,
            "freeze_encoder": freeze_encoder,
            "max_depth_m": max_depth_m,
            "relative": relative,
            **({"sigma": True} if sigma else {}),
        }
        self.freeze_encoder, self.max_depth_m, self.relative = freeze_encoder, max_depth_m, relative
        size = SIZES[encoder]
        self.encoder = ViT(size.width, size.heads, size.taps, size.grid)
        if encoder_weights is not None:
            load_state(self.encoder, read_state(encoder_weights), encoder, encoder_weights)
        self.project = nn.ModuleList(nn.Conv2d(size.width, channels, 1) for channels in size.channels)
        first, second, _, last = size.channels
        self.resize = nn.ModuleList(
            [
                nn.ConvTranspose2d(first, first, 4, stride=4),
                nn.ConvTranspose2d(second, second, 2, stride=2),
                nn.Identity(),
                nn.Conv2d(last, last, 3, stride=2, padding=1),
            ]
        )
        self.reduce = nn.ModuleList(nn.Conv2d(c, size.features, 3, padding=1, bias=False) for c in size.channels)
        self.fuse = nn.ModuleList(Fusion(size.features, merges=level < 3) for level in range(4))
        self.halve = nn.Conv2d(size.features, size.features // 2, 3, padding=1)
        self.head = nn.Sequential(
            nn.Conv2d(size.features // 2, 32, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(32, 1, 1)
        )
        if sigma:
            self.sigma_head = SigmaHead((size.width, *[size.features] * 4))
        self.train()

    def frozen_modules(self) -> list[nn.Module]:
        return [self.encoder] if self.freeze_encoder else []

    def forward(self, image: Tensor) -> DepthOutput:
        self.check_input(image)
        tokens = self.encoder(image)
        levels = self.decode(tokens)
        raw = self.head(_enlarge(self.halve(levels[-1]), (image.shape[2], image.shape[3])))
        depth = self.depth(raw.float())  # half precision has 3 digits, too few for a depth
        return DepthOutput(depth, sigma=self.sigma((tokens[-1], *levels), depth))

    def decode(self, tokens: list[Tensor]) -> list[Tensor]:
        """The encoder's maps -> the decoder's levels, coarse to fine; the last is (N, C, H / 1.75, W / 1.75)."""
        stages = zip(tokens, self.project, self.resize, self.reduce, strict=True)
        maps = [reduce(resize(project(own))) for own, project, resize, reduce in stages]
        height, width = maps[0].shape[2:]
        sizes = [(2 * height, 2 * width), *((m.shape[2], m.shape[3]) for m in maps[:-1])]  # the next finer level's
        levels: list[Tensor] = []
        for feature, fusion, size in reversed(list(zip(maps, self.fuse, sizes, strict=True))):
            levels.append(fusion(feature, levels[-1] if levels else None, size))
        return levels

    def depth(self, raw: Tensor) -> Tensor:
        """(...) the head's float32 output -> (...) metres, or one over inverse depth of unknown scale and shift."""
        if self.relative:
            return 1 / raw.clamp(min=LEAST_INVERSE)
        return (self.max_depth_m * torch.sigmoid(raw)).clamp(min=NEAR)


def _enlarge(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear with the corners' pixels kept, as the published weights were trained."""
    return F.interpolate(x, size, mode="bilinear", align_corners=True)
