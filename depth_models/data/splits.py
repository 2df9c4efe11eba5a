"""Which frames train, validate and test: named divisions of a data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from depth_models.data.official import official_test
from depth_models.errors import DepthModelsError

NYU_FRAMES = 1449
_FEWEST_HELD_OUT = 32  # frames that thinning leaves to validate and to test, where there are as many


@dataclass(frozen=True)
class Split:
    """Indices of the frames of each part, disjoint; together they are the whole data set, unless thinned."""

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

    def to_dict(self) -> dict[str, list[int]]:
        """The indices of each part by its name, for a record in JSON."""
        return {name: list(self.part(name)) for name in ("train", "val", "test")}


def _check_frames(scenes: Sequence[str]) -> None:
    if len(scenes) != NYU_FRAMES:
        raise DepthModelsError(
            f"this split is of NYU Depth V2's {NYU_FRAMES} labelled frames, and the data has {len(scenes)}; "
            "use split 'scene', or see with depth-models data check whether the file is whole"
        )


def _in_file_order(*sizes: int) -> Callable[[Sequence[str]], Split]:
    def split(scenes: Sequence[str]) -> Split:
        _check_frames(scenes)
        first, second, _ = np.cumsum(sizes)
        numbers = tuple(range(len(scenes)))
        return Split(numbers[:first], numbers[first:second], numbers[second:])

    return split


def _official(scenes: Sequence[str]) -> Split:
    """NYU's own 654 test frames; of its 795 others, every tenth scene validates and the rest train."""
    _check_frames(scenes)
    test = official_test()
    others = sorted(set(range(NYU_FRAMES)) - set(test))
    names = list(dict.fromkeys(scenes[index] for index in others))
    held_out = set(names[9::10])
    train = tuple(index for index in others if scenes[index] not in held_out)
    return Split(train, tuple(index for index in others if scenes[index] in held_out), test)


def _by_scene(every: int) -> Callable[[Sequence[str]], Split]:
    """Of `every` scenes the last tests, the one before it validates, others train; no scene is in two parts."""

    def split(scenes: Sequence[str]) -> Split:
        names = list(dict.fromkeys(scenes))
        parts: dict[str, list[int]] = {"train": [], "val": [], "test": []}
        held = {every - 2: "val", every - 1: "test"}
        part = {name: held.get(number % every, "train") for number, name in enumerate(names)}
        for index, name in enumerate(scenes):
            parts[part[name]].append(index)
        return Split(*(tuple(indices) for indices in parts.values()))

    return split


SPLITS: dict[str, Callable[[Sequence[str]], Split]] = {
    "paper": _in_file_order(960, 240, 249),  # the paper's 1040 / 240 / 249 sums to 1529; this sums to 1449
    "paper-code": _in_file_order(1040, 260, 149),  # what the paper's published code has
    "official": _official,
    "scene": _by_scene(10),  # about 80 % / 10 % / 10 % of the scenes
    "scene-90": _by_scene(20),  # about 90 % / 5 % / 5 %; what it holds out `scene` holds out as well
}


def make_split(name: str, scenes: Sequence[str]) -> Split:
    """Divide a data set.

    Args:
        name: 'paper' and 'paper-code' (NYUv2's 1449 frames, in file order), 'official' (NYU's own 654 test frames; its
            795 training frames are divided by scene, about nine to one, as a run chooses its epoch on others than it
            trains on), 'scene' (any data; no scene is in two parts) or 'scene-90' (the same with half as much held
            out, for weights to be used rather than compared). NAME/K, such as 'scene/4', takes every K-th
            training frame of NAME and leaves the others out, for a trial on less; so it does with the other parts, but
            of 32 frames or more it leaves at least 32 (`held_out`).
        scenes: the scene of each frame.

    Raises:
        DepthModelsError: unknown name, or a split that is not for this data.
    """
    whole, slash, step = name.partition("/")
    if whole not in SPLITS or (slash and not (step.isdecimal() and int(step) > 0)):
        raise DepthModelsError(
            f"unknown split {name!r}; known splits: {', '.join(SPLITS)}, and thinned ones such as 'scene/4'"
        )
    split = SPLITS[whole](scenes)
    if not slash:
        return split
    return Split(split.train[:: int(step)], held_out(split.val, int(step)), held_out(split.test, int(step)))


def held_out(part: tuple[int, ...], step: int) -> tuple[int, ...]:
    """Every `step`-th frame of a part, or as many more as it takes to have 32 of them: fewer tell little."""
    return part[:: max(min(step, len(part) // _FEWEST_HELD_OUT), 1)]


def spread(indices: Sequence[int], count: int) -> list[int]:
    """At most `count` of the frames, evenly spaced."""
    places = np.linspace(0, len(indices) - 1, min(count, len(indices)))
    return [indices[int(place)] for place in places]
