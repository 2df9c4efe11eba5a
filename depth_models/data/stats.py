"""Numbers and a picture that tell what a data set is like."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from depth_models.data.sources import Source
from depth_models.errors import DepthModelsError
from depth_models.files import written_whole

BIN_M = 0.25
_BINS = 80  # up to 20 m


@dataclass(frozen=True)
class Stats:
    """Over all pixels of some frames.

    Attributes:
        frames: how many.
        valid: fraction of pixels with depth.
        mean, std: of red, green and blue, of values in 0 to 1; what `Preprocess` normalises with.
        depth_mean_m, depth_min_m, depth_max_m: of valid depth, metres.
        histogram: fraction of the valid pixels in each `BIN_M` metres from 0 on, to the last that has any; all beyond
            20 m are in the last of 80.
    """

    frames: int
    valid: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    depth_mean_m: float
    depth_min_m: float
    depth_max_m: float
    histogram: tuple[float, ...]


def measure(source: Source, indices: Sequence[int], progress: Callable[[], None] = lambda: None) -> Stats:
    """Read frames and count.

    Args:
        source: the data.
        indices: its frames, such as the training part of a split.
        progress: called after each frame.

    Raises:
        DepthModelsError: no frame, no valid depth in any, or a frame that cannot be read.
    """
    levels = np.zeros((3, 256), np.int64)  # counts of uint8 values are exact, and cheaper than sums of squares
    histogram = np.zeros(_BINS, np.int64)
    pixels, total, low, high = 0, 0.0, np.inf, 0.0
    for index in indices:
        sample = source[index]
        levels += [np.bincount(sample.rgb[..., c].ravel(), minlength=256) for c in range(3)]
        depth = sample.depth[sample.valid]
        pixels += sample.valid.size
        if depth.size:
            histogram += np.bincount(np.minimum(depth / BIN_M, _BINS - 1).astype(np.intp), minlength=_BINS)
            total += float(depth.sum(dtype=np.float64))
            low, high = min(low, float(depth.min())), max(high, float(depth.max()))
        progress()
    valid = int(histogram.sum())
    if not valid:
        raise DepthModelsError(f"{source.path}: no valid depth in {len(indices)} frames; see depth-models data check")
    values = np.arange(256) / 255
    mean = levels @ values / pixels
    std = np.sqrt(levels @ values**2 / pixels - mean**2)
    last = np.flatnonzero(histogram)[-1] + 1
    red, green, blue = zip(mean.tolist(), std.tolist(), strict=True)
    return Stats(
        len(indices), valid / pixels, (red[0], green[0], blue[0]), (red[1], green[1], blue[1]),
        total / valid, low, high, tuple((histogram[:last] / valid).tolist()),
    )  # fmt: skip


def draw(stats: Stats, title: str, path: str | Path) -> None:
    """Write a picture: the depth histogram, and the channels' mean and standard deviation.

    Raises:
        DepthModelsError: the file cannot be written, or its suffix is no picture's.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 1))
    left.bar(np.arange(len(stats.histogram)) * BIN_M, stats.histogram, BIN_M, align="edge")
    left.axvline(stats.depth_mean_m, color="black", linestyle=":", label=f"mean {stats.depth_mean_m:.2f} m")
    left.set(xlabel="depth (m)", ylabel="fraction of valid pixels", xlim=(0, None))
    left.legend()
    right.bar(("red", "green", "blue"), stats.mean, yerr=stats.std, color=("tab:red", "tab:green", "tab:blue"))
    right.set(ylabel="mean, and one standard deviation", ylim=(0, 1))
    figure.suptitle(f"{title}: {stats.frames} frames, {stats.valid:.1%} of the pixels valid")
    with written_whole(path) as temporary:
        try:
            figure.savefig(temporary)
        except ValueError as error:
            raise DepthModelsError(f"{path}: {error}") from error
