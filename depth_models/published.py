"""What papers report for NYU Depth V2's official test frames, to stand beside what was measured there."""

from __future__ import annotations

from dataclasses import dataclass

from depth_models.data.nyu import NYU_CONTENT
from depth_models.data.sources import Source
from depth_models.data.splits import NYU_FRAMES


@dataclass(frozen=True)
class Published:
    """A row of a paper's table: published, not measured here.

    Attributes:
        name: network and year.
        delta1, rmse: as in `depth_models.metrics`, the mean of images.
        conditions: protocol, truth and flip of the published code as they are called here; '' where it was not read.
    """

    name: str
    delta1: float
    rmse: float
    conditions: str = ""


PUBLISHED = (
    Published("Eigen 2014", 0.611, 0.907),
    Published("Laina 2016", 0.811, 0.573),
    Published("FastDepth 2019", 0.771, 0.604, "centre crop, resized to 224x224"),
    Published("BTS-R50 2019", 0.865, 0.419, "eigen, rawDepths"),
    Published("AdaBins 2021", 0.903, 0.364, "eigen, rawDepths, flip"),
    Published("ZoeDepth 2023", 0.953, 0.277, "eigen, rawDepths, flip"),
    Published("Depth Anything 2024", 0.984, 0.206, "eigen, rawDepths, flip"),
)


def published_for(source: Source, split: str, part: str) -> tuple[Published, ...]:
    """The published rows, if these are the frames that they are of, and else none.

    Args:
        source: the data set; NYUv2 is 1449 frames with NYUv2's border and without a generator.
        split, part: must be 'official' and 'test'.
    """
    is_nyu = len(source) == NYU_FRAMES and source.content == NYU_CONTENT and "generator" not in source.description
    return PUBLISHED if is_nyu and (split, part) == ("official", "test") else ()
