"""How far a back-end's depth is from eager PyTorch's, and how far it may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from depth_models.errors import DepthModelsError

if TYPE_CHECKING:
    from depth_models.backends.base import Backend

# The largest mean relative difference of depth. fp32's is also held for every single pixel.
LIMITS = {"fp32": 1e-4, "bf16": 0.01, "fp16": 0.01, "int8": 0.03}
WORSE_ABSREL = 1.05  # int8: its error against truth may be so many times that of fp32


@dataclass(frozen=True)
class Parity:
    """Differences to eager fp32 over all pixels of some canvases.

    Attributes:
        precision: what was compared.
        mean, largest: relative difference of depth.
        absrel, reference_absrel: mean relative error against truth of this and of the reference; None without truth.
    """

    precision: str
    mean: float
    largest: float
    absrel: float | None = None
    reference_absrel: float | None = None

    @property
    def passed(self) -> bool:
        """Is it within the limits of its precision?"""
        exact = self.precision != "fp32" or self.largest <= LIMITS["fp32"]
        worse = self.absrel is not None and self.absrel > WORSE_ABSREL * (self.reference_absrel or 0.0)
        return exact and self.mean <= LIMITS[self.precision] and not (worse and self.precision == "int8")

    def require(self, what: str) -> None:
        """Raise a DepthModelsError that gives the figures unless it passed."""
        if not self.passed:
            truth = "" if self.absrel is None else f"; AbsRel {self.absrel:.4f} against {self.reference_absrel:.4f}"
            raise DepthModelsError(
                f"{what} in {self.precision} differs too much from PyTorch in fp32: {self.mean:.2%} on average, "
                f"{self.largest:.2%} at most{truth} (allowed: {LIMITS[self.precision]:.2%}"
                f"{', at most 5 % more AbsRel' if self.precision == 'int8' else ''}); use another precision"
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {**asdict(self), "passed": self.passed}


def compare(
    backend: Backend,
    reference: Backend,
    precision: str,
    canvases: np.ndarray,
    truth: Sequence[tuple[np.ndarray, np.ndarray]] | None = None,
) -> Parity:
    """Run both.

    Args:
        backend, reference: the one to judge, and eager PyTorch in fp32.
        precision: of `backend`.
        canvases: (N, height, width, 3) uint8.
        truth: N pairs of depth and valid, as `Preprocess.target` gives them; None where there is none.
    """
    means, largest, errors = [], 0.0, []
    for index, canvas in enumerate(canvases):
        ours, theirs = (run(canvas[None]).depth[0] for run in (backend, reference))
        difference = np.abs(ours / theirs - 1)
        means.append(float(difference.mean()))
        largest = max(largest, float(difference.max()))
        if truth is not None:
            depth, valid = truth[index]
            errors.append([np.abs(x[valid] / depth[valid] - 1).mean() for x in (ours, theirs)])
    mean, largest = (value if np.isfinite(value) else np.inf for value in (float(np.mean(means)), largest))
    absrel, reference_absrel = np.mean(errors, axis=0).tolist() if errors else (None, None)
    return Parity(precision, mean, largest, absrel, reference_absrel)


def patterns(count: int, height: int, width: int) -> np.ndarray:
    """(count, height, width, 3) uint8 pictures of shaded patches with noise, from light to dark; always the same."""
    rng = np.random.default_rng(0)
    pictures = []
    for brightness in np.linspace(0.4, 1.2, count):
        patches = rng.uniform(0, 255, (9, 12, 3)).astype(np.float32)
        picture = cv2.resize(patches, (width, height), interpolation=cv2.INTER_CUBIC)
        for _ in range(12):
            y, x = rng.integers(0, height), rng.integers(0, width)
            patch = np.s_[y : y + height // 4, x : x + width // 4]
            picture[patch] = picture[patch] * rng.uniform(0.5, 1.5)
        picture = picture * brightness + rng.normal(0, 4, picture.shape)
        pictures.append(np.clip(picture, 0, 255).astype(np.uint8))
    return np.stack(pictures)
