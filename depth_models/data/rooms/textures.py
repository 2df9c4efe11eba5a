"""A bank of tileable patterns with mip levels in one atlas, so that one gather textures a whole picture.

A pattern's three channels are not colours: albedo = g * (c0 + a * (c1 - c0) + b * (c2 - c0)) with a material's three
colours, which makes one pattern serve many materials. The bank is the same for every room and seed.
"""

from __future__ import annotations

import numpy as np

from depth_models.data.rooms.patterns import PATTERNS

SIZE = 512
LEVELS = 7
VARIANTS = 5
SHARPEN = 0.3  # levels; a little aliasing looks more real than a little blur
_COLUMNS = 16
_KINDS = sorted(PATTERNS)


def texture_id(kind: str, variant: int) -> int:
    """Number of a pattern in the bank; `variant` is taken modulo the number of variants."""
    return _KINDS.index(kind) * VARIANTS + variant % VARIANTS


class TextureBank:
    """The atlas; a pattern is drawn when it is first asked for, always the same."""

    def __init__(self) -> None:
        cells = np.array([(SIZE >> level) + 2 for level in range(LEVELS)], np.int32)  # with a border for bilinear wrap
        self._offset = np.concatenate([[0], np.cumsum(cells * _COLUMNS)]).astype(np.int32)
        rows = -(-len(_KINDS) * VARIANTS // _COLUMNS)
        self._cell = cells
        self._atlas = np.zeros((rows * cells[0], self._offset[-1], 3), np.uint8)
        self._mean = np.full((len(_KINDS) * VARIANTS, 3), np.nan, np.float32)

    def mean(self, texture: int) -> np.ndarray:
        """(3,) float32 mean of a pattern's channels; draws the pattern if it is new."""
        if np.isnan(self._mean[texture, 0]):
            self._draw(texture)
        return self._mean[texture]

    def _draw(self, texture: int) -> None:
        import cv2

        kind, variant = divmod(texture, VARIANTS)
        rng = np.random.Generator(np.random.PCG64([texture, 20231]))
        image = np.clip(PATTERNS[_KINDS[kind]](rng, SIZE, variant), 0, 1).astype(np.float32)
        self._mean[texture] = image.mean(axis=(0, 1))
        row, column = divmod(texture, _COLUMNS)
        for level in range(LEVELS):
            cell, padded = self._cell[level], np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="wrap")
            y, x = row * cell, self._offset[level] + column * cell
            self._atlas[y : y + cell, x : x + cell] = np.round(padded * 255)
            image = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)

    def sample(self, texture: np.ndarray, u: np.ndarray, v: np.ndarray, footprint: np.ndarray) -> np.ndarray:
        """Trilinear look-up.

        Args:
            texture: (N,) int32 pattern numbers, all drawn.
            u, v: (N,) float32 in tiles.
            footprint: (N,) float32, a pixel's extent in tiles.

        Returns:
            (3, N) float32 channels a, b, g in 0 to 1.
        """
        level = np.clip(np.log2(np.maximum(footprint * SIZE, 1e-6)) - SHARPEN, 0, LEVELS - 1.001)
        lower = level.astype(np.int32)
        part = level - lower
        row, column = np.divmod(texture, _COLUMNS)
        u, v = u - np.floor(u), v - np.floor(v)
        near = self._bilinear(row, column, lower, u, v)
        return (near + part * (self._bilinear(row, column, lower + 1, u, v) - near)) * np.float32(1 / 255)

    def _bilinear(self, row, column, level, u, v) -> np.ndarray:
        cell = np.take(self._cell, level)
        x = np.take(self._offset, level) + column * cell + 0.5 + u * (cell - 2)
        y = row * cell + 0.5 + v * (cell - 2)
        return np.ascontiguousarray(gather(self._atlas, x, y).T)


def gather(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(N, 3) float32 bilinear samples of an (H, W, 3) image at (N,) pixel coordinates."""
    import cv2

    width = 256  # OpenCV's maps are images of limited width
    n = len(x)
    rows = n // width + 1  # at least one: OpenCV refuses an empty map
    maps = np.zeros((2, rows * width), np.float32)
    maps[0, :n], maps[1, :n] = x, y
    map_x, map_y = maps.reshape(2, rows, width)
    out = cv2.remap(image, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return out.reshape(-1, 3)[:n].astype(np.float32)
