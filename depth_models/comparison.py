"""Predictions compared with truth, frame by frame, and what that comes to over all frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from depth_models.enlarging import upsample_depth
from depth_models.metrics import Metrics, pixel_terms
from depth_models.protocols import Protocol
from depth_models.sparsification import confidence_averages, confidence_sums
from depth_models.structure_metrics import boundary_f1, edge_counts, plane_rms, plane_sums
from depth_models.types import Depth, Sample

NEAREST_M, FARTHEST_M = 1e-3, 10.0  # truth counts strictly between these, as all code for NYUv2 has it
RANGES_M = (0, 1, 2, 3, 5, 10)  # ends of the ranges of true depth


@dataclass(frozen=True)
class Group:
    """Some of the pixels: of a range of depth, or of a type of scene.

    Attributes:
        frames: images with such a pixel.
        pixels: such pixels with truth and prediction.
        per_image, pooled: the metrics of `depth_models.metrics`, averaged in its two ways.
    """

    frames: int
    pixels: int
    per_image: dict[str, float]
    pooled: dict[str, float]


@dataclass(frozen=True)
class Report:
    """What a comparison comes to.

    Attributes:
        protocol: name of which pixels were compared (`depth_models.protocols`).
        frames: images with a valid pixel.
        pixels: valid pixels.
        per_image, pooled: the metrics of `depth_models.metrics`, averaged in its two ways.
        confidence: of `depth_models.sparsification`, 'coverage_68', 'coverage_95', 'ause' and 'ause_gradient', each
            averaged 'per_image' and 'pooled'; empty where the predictor tells no standard deviation.
        structure: of `depth_models.structure_metrics`, 'boundary_f1' and 'plane_rms' (metres), each where any frame has
            edges or planes: the 'frames' that have, and the averages 'per_image' and 'pooled'.
        by_range: by range of true depth, such as '1-2 m' (1 m or more, less than 2 m).
        by_scene_type: by type of scene; empty where types are not known.
        constant: of the best constant depth for AbsRel, over all pixels: its 'metres', 'abs_rel' and 'delta1'. What a
            network that sees nothing would reach.
        clamped: fraction of the valid pixels whose prediction lay outside 0.001 to 10 m and was clamped to it.
        missing: fraction of the valid pixels without a prediction; they are not in the metrics.
        abs_rel_of_frame: AbsRel of each frame by its number, in order.
    """

    protocol: str
    frames: int
    pixels: int
    per_image: dict[str, float]
    pooled: dict[str, float]
    confidence: dict[str, dict[str, float]]
    structure: dict[str, dict[str, float]]
    by_range: dict[str, Group]
    by_scene_type: dict[str, Group]
    constant: dict[str, float]
    clamped: float
    missing: float
    abs_rel_of_frame: dict[int, float]


def comparable(sample: Sample, depth: Depth, protocol: Protocol) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What of a frame is compared.

    Args:
        sample: with truth.
        depth: the prediction; resized to the truth's size if it has another.
        protocol: which pixels.

    Returns:
        (H, W) float32 metres as predicted; (H, W) bool, which truth counts; (H, W) bool, where of it is a prediction.

    Raises:
        DepthModelsError: the protocol is not for frames of this size.
    """
    metres = depth.metres
    if metres.shape != sample.depth.shape:
        metres = upsample_depth(metres, *sample.depth.shape)
    valid = np.zeros_like(sample.valid)
    region = protocol.region(*sample.valid.shape)
    valid[region] = (sample.valid & (sample.depth > NEAREST_M) & (sample.depth < FARTHEST_M))[region]
    return metres, valid, valid & np.isfinite(metres)


@dataclass(frozen=True)
class _Frame:
    """Sums of one frame: pixel terms (ranges, terms), edges (10, 3), planes (2,), `confidence_sums`, and pixels."""

    scene_type: str
    terms: np.ndarray
    edges: np.ndarray
    planes: np.ndarray
    confidence: np.ndarray | None
    pixels: int
    clamped: int
    missing: int


class Comparison:
    """Compares frames one by one, and makes the report; what several have compared can be merged.

    Args:
        protocol: which pixels are compared.
    """

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self._frames: dict[int, _Frame] = {}
        self._constant = BestConstant()

    def add(self, number: int, sample: Sample, depth: Depth, scene_type: str = "") -> None:
        """Compare a frame.

        Args:
            number: another one for every frame.
            sample: with truth.
            depth: the prediction.
            scene_type: '' where it is not known.

        Raises:
            DepthModelsError: the protocol is not for frames of this size.
        """
        predicted, valid, both = comparable(sample, depth, self._protocol)
        metres = np.clip(predicted, NEAREST_M, FARTHEST_M)
        terms = pixel_terms(metres[both], sample.depth[both])
        ranges = np.searchsorted(RANGES_M[1:-1], sample.depth[both], side="right")
        self._frames[number] = _Frame(
            scene_type,
            np.stack([np.bincount(ranges, term, len(RANGES_M) - 1) for term in terms], axis=1),
            edge_counts(metres, sample.depth, both),
            plane_sums(metres, sample.depth, both, sample.camera),
            _confidence(depth, metres, sample.depth, both),
            pixels=int(valid.sum()),
            clamped=int((metres[both] != predicted[both]).sum()),
            missing=int(valid.sum() - both.sum()),
        )
        self._constant.add(sample.depth[valid])

    def merge(self, other: Comparison) -> None:
        """Add the frames that another one has compared by the same protocol."""
        self._frames |= other._frames
        self._constant.merge(other._constant)

    def report(self) -> Report:
        """Of all frames so far."""
        frames = dict(sorted(self._frames.items()))
        whole = _group(frame.terms.sum(axis=0) for frame in frames.values())
        ranges = {
            f"{RANGES_M[i]}-{RANGES_M[i + 1]} m": _group(frame.terms[i] for frame in frames.values())
            for i in range(len(RANGES_M) - 1)
        }
        types = sorted({frame.scene_type for frame in frames.values()} - {""})
        of_types = {
            name: _group(frame.terms.sum(axis=0) for frame in frames.values() if frame.scene_type == name)
            for name in types
        }
        pixels = sum(frame.pixels for frame in frames.values())
        each = {number: Metrics([frame.terms.sum(axis=0)]) for number, frame in frames.items()}
        return Report(
            protocol=self._protocol.name,
            frames=whole.frames,
            pixels=pixels,
            per_image=whole.per_image,
            pooled=whole.pooled,
            confidence=confidence_averages(f.confidence for f in frames.values() if f.confidence is not None),
            structure=_structure(list(frames.values())),
            by_range={name: group for name, group in ranges.items() if group.frames},
            by_scene_type={name: group for name, group in of_types.items() if group.frames},
            constant=self._constant.result(),
            clamped=sum(frame.clamped for frame in frames.values()) / max(pixels, 1),
            missing=sum(frame.missing for frame in frames.values()) / max(pixels, 1),
            abs_rel_of_frame={number: one.pooled()["abs_rel"] for number, one in each.items() if len(one)},
        )


def _group(sums: Iterable[np.ndarray]) -> Group:
    metrics = Metrics(sums)
    return Group(len(metrics), metrics.pixels, metrics.per_image(), metrics.pooled())


def _confidence(depth: Depth, metres: np.ndarray, truth: np.ndarray, seen: np.ndarray) -> np.ndarray | None:
    """`confidence_sums` of a frame; None without a standard deviation."""
    sigma = depth.sigma_metres
    if sigma is None:
        return None
    return confidence_sums(metres, upsample_depth(sigma, *truth.shape), truth, seen)


def _structure(frames: Sequence[_Frame]) -> dict[str, dict[str, float]]:
    """`Report.structure`."""
    structure = {}
    for name, value, sums in (
        ("boundary_f1", boundary_f1, [frame.edges for frame in frames]),
        ("plane_rms", plane_rms, [frame.planes for frame in frames]),
    ):
        values = [value(one) for one in sums if one.any()]
        if values:
            structure[name] = {
                "frames": len(values),
                "per_image": float(np.mean(values)),
                "pooled": value(np.sum(sums, axis=0)),
            }
    return structure


class BestConstant:
    """The one depth whose AbsRel over all pixels is smallest: the median of the truth weighted by 1 / truth."""

    def __init__(self) -> None:
        self._counts = np.zeros(int(FARTHEST_M * 1000) + 1)  # by millimetre

    def add(self, truth: np.ndarray) -> None:
        """Count (N,) metres in 0 to 10."""
        self._counts += np.bincount(np.rint(truth * 1000).astype(int), minlength=len(self._counts))

    def merge(self, other: BestConstant) -> None:
        """Count what another one has counted."""
        self._counts += other._counts

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
