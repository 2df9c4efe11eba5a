"""A vision transformer as DINOv2 publishes it (Oquab et al. 2023, arXiv 2304.07193): encoder of `dpt`.

Own code where timm has one: timm resizes position embeddings by another rule (antialiased, and to the exact size), with
which no published weight of Depth Anything V2 gives its published depth. Modules are named as in DINOv2's files.
`reshape` stands where `unflatten` would do, and `shape[0]` for `len`, so that torch can export it for any batch.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PATCH = 14  # pixels a side
_EPSILON = 1e-6  # of the layer normalisations
# Added to the number of patches before it becomes a scale: DINOv2's guard against a size that rounds down, and now a
# part of where its embeddings are sampled.
_OFFSET = 0.1


class Attention(nn.Module):
    """Multi-head self-attention: (N, T, C) -> (N, T, C); every head attends in C / heads channels."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        qkv = self.qkv(tokens).reshape(*tokens.shape[:2], 3, self.heads, -1)  # (N, T, 3, heads, C / heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # each (N, heads, T, C / heads)
        mixed = F.scaled_dot_product_attention(query, key, value)
        return self.proj(mixed.transpose(1, 2).flatten(2))


class LayerScale(nn.Module):
    """A learned factor a channel, on what a branch adds: (..., C) -> (..., C)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class MLP(nn.Module):
    """Two linear layers with GELU between, four times as wide: (N, T, C) -> (N, T, C)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(tokens)))


class Block(nn.Module):
    """Attention, then the MLP, each on normalised tokens and added to them: (N, T, C) -> (N, T, C)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, _EPSILON)
        self.attn = Attention(width, heads)
        self.ls1 = LayerScale(width)
        self.norm2 = nn.LayerNorm(width, _EPSILON)
        self.mlp = MLP(width)
        self.ls2 = LayerScale(width)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.ls1(self.attn(self.norm1(tokens)))
        return tokens + self.ls2(self.mlp(self.norm2(tokens)))


class PatchEmbedding(nn.Module):
    """A token a patch of 14 x 14 pixels: (N, 3, H, W) -> (N, H / 14 * W / 14, C), row by row."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, PATCH, stride=PATCH)

    def forward(self, image: Tensor) -> Tensor:
        return self.proj(image).flatten(2).transpose(1, 2)


class ViT(nn.Module):
    """Image (N, 3, H, W), H and W multiples of 14, to the maps of some of its blocks: (N, C, H / 14, W / 14) each.

    Args:
        width: channels C of a token.
        heads: of attention; they divide `width`.
        taps: the blocks, from 0 and rising, whose tokens become maps; none comes after the last of them.
        grid: position embeddings are learned for grid x grid patches, and resized to other images.
    """

    def __init__(self, width: int, heads: int, taps: tuple[int, ...], grid: int) -> None:
        super().__init__()
        self.taps, self.grid = taps, grid
        self.patch_embed = PatchEmbedding(width)
        self.cls_token = nn.Parameter(torch.empty(1, 1, width))
        self.pos_embed = nn.Parameter(torch.empty(1, 1 + grid**2, width))  # the class token's, then row by row
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(taps[-1] + 1))
        self.norm = nn.LayerNorm(width, _EPSILON)
        nn.init.normal_(self.cls_token, std=1e-6)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def forward(self, image: Tensor) -> list[Tensor]:
        rows, columns = int(image.shape[2]) // PATCH, int(image.shape[3]) // PATCH  # int: constants where it is traced
        patches = self.patch_embed(image)
        tokens = torch.cat([self.cls_token.expand(patches.shape[0], -1, -1), patches], dim=1)
        tokens = tokens + self.positions(rows, columns)
        maps = []
        for index, block in enumerate(self.blocks):
            tokens = block(tokens)
            if index in self.taps:
                patches = self.norm(tokens)[:, 1:]  # the class token has done its work inside
                maps.append(patches.transpose(1, 2).reshape(patches.shape[0], -1, rows, columns))
        return maps

    def positions(self, rows: int, columns: int) -> Tensor:
        """(1, 1 + rows * columns, C) position embeddings of an image of that many patches.

        Bicubic, without antialiasing, and sampled as for (rows + 0.1) / grid times the size: what DINOv2 was trained
        and Depth Anything V2 was published with.
        """
        if rows == columns == self.grid:
            return self.pos_embed
        first, others = self.pos_embed[:, :1], self.pos_embed[:, 1:]
        square = others.transpose(1, 2).reshape(1, -1, self.grid, self.grid)
        scale = ((rows + _OFFSET) / self.grid, (columns + _OFFSET) / self.grid)
        resized = F.interpolate(square, scale_factor=scale, mode="bicubic")  # (1, C, rows, columns)
        return torch.cat([first, resized.flatten(2).transpose(1, 2)], dim=1)
