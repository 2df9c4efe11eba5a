"""Which frames train, validate and test: named divisions of a data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from depth_models.errors import DepthModelsError


@dataclass(frozen=True)
class Split:
    """Indices of the frames of each part; they are disjoint, and together they are the whole data set."""

    train: tuple[int, ...]
    val: tuple[int, ...]
    test: tuple[int, ...]

    def part(self, name: str) -> tuple[int, ...]:
        """The indices of 'train', 'val' or 'test', or of 'all' of them in order.

        Raises:
            DepthModelsError: another name.
        """
        if name == "all":
            return tuple(sorted(self.train + self.val + self.test))
        if name not in ("train", "val", "test"):
            raise DepthModelsError(f"unknown part {name!r} of a split; expected train, val, test or all")
        return getattr(self, name)


def _in_file_order(*sizes: int) -> Callable[[Sequence[str]], Split]:
    def split(scenes: Sequence[str]) -> Split:
        if len(scenes) != sum(sizes):
            raise DepthModelsError(
                f"this split is of NYU Depth V2's {sum(sizes)} labelled frames, and the data has {len(scenes)}; "
                "use split 'scene'"
            )
        first, second, _ = np.cumsum(sizes)
        numbers = tuple(range(len(scenes)))
        return Split(numbers[:first], numbers[first:second], numbers[second:])

    return split


def _by_scene(scenes: Sequence[str]) -> Split:
    """About 80 % / 10 % / 10 % of the scenes, spread evenly over the file; no scene is in two parts."""
    names = list(dict.fromkeys(scenes))
    parts: dict[str, list[int]] = {"train": [], "val": [], "test": []}
    part = {name: {8: "val", 9: "test"}.get(number % 10, "train") for number, name in enumerate(names)}
    for index, name in enumerate(scenes):
        parts[part[name]].append(index)
    return Split(*(tuple(indices) for indices in parts.values()))


SPLITS: dict[str, Callable[[Sequence[str]], Split]] = {
    "paper": _in_file_order(960, 240, 249),  # the paper's 1040 / 240 / 249 sums to 1529; this sums to 1449
    "paper-code": _in_file_order(1040, 260, 149),  # what the paper's published code has
    "scene": _by_scene,
}


def make_split(name: str, scenes: Sequence[str]) -> Split:
    """Divide a data set.

    Args:
        name: 'paper' and 'paper-code' (NYUv2's 1449 frames, in file order) or 'scene' (any data; scenes disjoint).
        scenes: the scene of each frame.

    Raises:
        DepthModelsError: unknown name, or a split that is not for this data.
    """
    if name not in SPLITS:
        raise DepthModelsError(f"unknown split {name!r}; known splits: {', '.join(SPLITS)}")
    return SPLITS[name](scenes)
