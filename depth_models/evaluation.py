"""How good a predictor is on frames with truth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from depth_models.comparison import Comparison, Report, comparable
from depth_models.data.sources import Source
from depth_models.distributed import gather, shard
from depth_models.files import written_whole
from depth_models.protocols import find_protocol
from depth_models.types import Depth, Sample
from depth_models.visualization import comparison_panels, sheet

Predictor = Callable[..., Depth]  # called as predictor(rgb, fx=..., fy=...)


def evaluate(predictor: Predictor, samples: Iterable[Sample], protocol: str = "whole") -> Report:
    """Predict every sample, with its camera's focal length, and compare.

    Args:
        predictor: called as `predictor(rgb, fx=..., fy=...) -> Depth`.
        samples: the frames; each is held only while it is compared. Their numbers in the report are their places here.
        protocol: which pixels are compared, a name of `depth_models.protocols`.

    Raises:
        DepthModelsError: no such protocol, or it is not for frames of this size.
    """
    comparison = Comparison(find_protocol(protocol))
    for number, sample in enumerate(samples):
        comparison.add(number, sample, predictor(sample.rgb, fx=sample.camera.fx, fy=sample.camera.fy))
    return comparison.report()


def evaluate_source(
    predictor: Predictor,
    source: Source,
    indices: Sequence[int],
    protocol: str = "whole",
    progress: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> Report:
    """As `evaluate`, of frames of a data set; their numbers in the report are those in the data set.

    Several processes that torchrun started share the frames, and each returns the report of all.

    Args:
        predictor, protocol: see `evaluate`.
        source: the data set.
        indices: the frames' numbers.
        progress: yields the numbers given to it, such as `tqdm.tqdm`.

    Raises:
        DepthModelsError: as `evaluate`, or a frame cannot be read.
    """
    comparison = Comparison(find_protocol(protocol))
    for index in progress(shard(indices)):
        sample = source[index]
        depth = predictor(sample.rgb, fx=sample.camera.fx, fy=sample.camera.fy)
        comparison.add(index, sample, depth, source.scene_types[index])
    whole = Comparison(find_protocol(protocol))
    for share in gather([comparison]):
        whole.merge(share)
    return whole.report()


class FlipAveraged:
    """A predictor that also looks at the mirrored image, and gives the mean of both depths pixel by pixel.

    Flip test-time augmentation, as AdaBins, ZoeDepth and others have it. A pixel is valid where both depths are.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    def __call__(self, rgb: np.ndarray, fx: float | None = None, fy: float | None = None) -> Depth:
        """Depth of (H, W, 3) uint8 RGB."""
        straight = self._predictor(rgb, fx=fx, fy=fy)
        mirrored = self._predictor(np.ascontiguousarray(rgb[:, ::-1]), fx=fx, fy=fy)
        valid = straight.valid & mirrored.valid[:, ::-1]
        metres = (straight.metres + mirrored.metres[:, ::-1]) / 2
        if straight.sigma_metres is None or mirrored.sigma_metres is None:
            return Depth(np.where(valid, metres, np.float32(np.nan)), valid)
        # The two err alike, so the mean of their deviations and not less.
        sigma = (straight.sigma_metres + mirrored.sigma_metres[:, ::-1]) / 2
        return Depth(np.where(valid, metres, np.float32(np.nan)), valid, sigma)


def draw_extremes(predictor: Predictor, source: Source, report: Report, folder: Path, count: int = 3) -> None:
    """Draw the frames of the largest and of the smallest AbsRel: image, truth, prediction and error.

    What is not compared is grey in the truth. Files are `worst_1_frame_N.png`, `best_1_frame_N.png` and so on, where N
    is the frame's number in the data set.

    Args:
        predictor, source: of which the report is.
        report: of `evaluate_source`.
        folder: where the pictures go; made if it is not there.
        count: how many of each, as far as there are frames.

    Raises:
        DepthModelsError: the folder cannot be written to.
    """
    ranked = sorted(report.abs_rel_of_frame, key=lambda index: report.abs_rel_of_frame[index])
    protocol = find_protocol(report.protocol)
    for kind, frames in (("best", ranked[:count]), ("worst", ranked[::-1][:count])):
        for place, index in enumerate(frames, 1):
            sample = source[index]
            depth = predictor(sample.rgb, fx=sample.camera.fx, fy=sample.camera.fy)
            metres, valid, _ = comparable(sample, depth, protocol)
            panels = comparison_panels(sample.rgb, np.where(valid, sample.depth, np.nan), metres)
            with written_whole(folder / f"{kind}_{place}_frame_{index}.png") as path:
                Image.fromarray(sheet(panels, columns=2)).save(path)
