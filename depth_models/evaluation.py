"""How good a checkpoint is on frames with truth."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from depth_models.metrics import Metrics
from depth_models.types import Depth, Sample

NEAREST_M, FARTHEST_M = 1e-3, 10.0  # truth counts strictly between these, as all code for NYUv2 has it


@dataclass(frozen=True)
class Report:
    """The result of `evaluate`.

    Attributes:
        frames: images with a valid pixel.
        pixels: valid pixels.
        per_image, pooled: the metrics of `depth_models.metrics`, averaged in its two ways.
        constant: of the best constant depth for AbsRel, over all pixels: its 'metres', 'abs_rel' and 'delta1'. What a
            network that sees nothing would reach.
        clamped: fraction of the valid pixels whose prediction lay outside 0.001 to 10 m and was clamped to it.
        missing: fraction of the valid pixels without a prediction; they are not in the metrics.
    """

    frames: int
    pixels: int
    per_image: dict[str, float]
    pooled: dict[str, float]
    constant: dict[str, float]
    clamped: float
    missing: float


def evaluate(predictor: Callable[..., Depth], samples: Iterable[Sample]) -> Report:
    """Predict every sample, with its camera's focal length, and compare over the whole image.

    Args:
        predictor: called as `predictor(rgb, fx=..., fy=...) -> Depth`.
        samples: the frames; each is held only while it is compared.
    """
    metrics, constant = Metrics(), BestConstant()
    pixels = clamped = missing = 0
    for sample in samples:
        valid = sample.valid & (sample.depth > NEAREST_M) & (sample.depth < FARTHEST_M)
        depth = predictor(sample.rgb, fx=sample.camera.fx, fy=sample.camera.fy)
        both = valid & depth.valid
        metres = np.clip(depth.metres, NEAREST_M, FARTHEST_M)
        pixels += int(valid.sum())
        missing += int(valid.sum() - both.sum())
        clamped += int((metres[both] != depth.metres[both]).sum())
        metrics.add(metres, sample.depth, both)
        constant.add(sample.depth[valid])
    count = max(pixels, 1)
    return Report(
        len(metrics), pixels, metrics.per_image(), metrics.pooled(), constant.result(), clamped / count, missing / count
    )


class BestConstant:
    """The one depth whose AbsRel over all pixels is smallest: the median of the truth weighted by 1 / truth."""

    def __init__(self) -> None:
        self._counts = np.zeros(int(FARTHEST_M * 1000) + 1)  # by millimetre

    def add(self, truth: np.ndarray) -> None:
        """Count (N,) metres in 0 to 10."""
        self._counts += np.bincount(np.rint(truth * 1000).astype(int), minlength=len(self._counts))

    def result(self) -> dict[str, float]:
        """Its 'metres', 'abs_rel' and 'delta1'; NaN where nothing was counted."""
        metres = np.maximum(np.arange(len(self._counts)), 1) / 1000
        weights = np.cumsum(self._counts / metres)
        if not weights[-1]:
            return dict.fromkeys(("metres", "abs_rel", "delta1"), float("nan"))
        best = metres[np.searchsorted(weights, weights[-1] / 2)]
        total = self._counts.sum()
        close = np.maximum(best / metres, metres / best) < 1.25
        return {
            "metres": float(best),
            "abs_rel": float((self._counts * np.abs(best - metres) / metres).sum() / total),
            "delta1": float(self._counts[close].sum() / total),
        }
