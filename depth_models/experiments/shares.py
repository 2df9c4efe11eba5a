"""Size, frames and epochs of a network for a share of the budget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from depth_models.config import TrainConfig
from depth_models.errors import DepthModelsError
from depth_models.experiments.probe import Probe, Speed
from depth_models.experiments.sizes import Size, configuration, encoders, quick

ENOUGH_EPOCHS, ENOUGH_FRAMES = 12, 64  # a larger size must allow them: a curve to read, and frames to learn from
FEWEST_EPOCHS, FEWEST_FRAMES = 2, 16


@dataclass(frozen=True)
class Choice:
    """What fits a share.

    Attributes:
        config: the network's, without what makes it one of the experiment's runs.
        frames: how many train and validate.
        seconds: that one run should take.
        frame_s: seconds to train on one frame, which is more than to predict it.
    """

    config: TrainConfig
    frames: dict[str, int]
    seconds: float
    frame_s: float


def run_seconds(speed: Speed, batch: int, frames: dict[str, int], epochs: int) -> float:
    """Time of a run; validating a batch counts as a step, which is an upper bound."""
    return speed.start_s + epochs * (frames["train"] // batch + -(-frames["val"] // batch)) * speed.step_s


class Chooser:
    """Chooses for one network after the other, measuring what it needs.

    Args:
        split: its name, which may be thinned.
        parts: number of frames of its 'train' and 'val'.
        canvases: to choose from, the largest first.
        seed: of all runs.
        probe: measures a configuration.
        obtainable: whether the pretrained weights of an encoder of that name can be had.

    Attributes:
        spent_s: seconds that the probes took.
        notes: sentences on what could not be had.
    """

    def __init__(
        self, split: str, parts: dict[str, int], canvases: list[tuple[int, int]], seed: int, probe: Probe,
        obtainable: Callable[[str], bool],
    ) -> None:  # fmt: skip
        self._split, self._parts, self._canvases, self._seed = split, parts, canvases, seed
        self._probe, self._obtainable = probe, obtainable
        self._speeds: dict[tuple[str, Size], Speed] = {}
        self.spent_s, self.notes = 0.0, list[str]()

    def smallest(self, network: str) -> Speed:
        """The speed of a network's smallest size."""
        return self._measure(network, Size(self._canvases[-1], encoders(network)[-1]))

    def choose(self, network: str, share_s: float) -> Choice:
        """The largest canvas that has time for enough frames and epochs, there the paper's encoder if it can be.

        Raises:
            DepthModelsError: the share is too small even for the smallest size.
        """
        *larger, small = encoders(network)
        smallest = Size(self._canvases[-1], small)
        sizes = [self._largest(network, small, share_s)]
        if sizes[0]:  # else a larger encoder need not be measured
            sizes = [*(self._largest(network, encoder, share_s) for encoder in larger), *sizes]
        fit = [size for size in sizes if size]
        for size in sorted(fit, key=lambda s: s.canvas, reverse=True):  # the paper's encoder first, as sort is stable
            if size.encoder == small or self._obtainable(size.encoder):
                return self._fill(network, size, share_s)
            self.notes.append(
                f"{network}: the paper's encoder {size.encoder} would fit the budget, but its weights cannot be fetched"
            )
        return self._fill(network, smallest, share_s)

    def _largest(self, network: str, encoder: str, share_s: float) -> Size | None:
        """Climbs from the smallest canvas while there is time, so that no probe is much slower than what fits."""
        largest = None
        enough = {"train": min(ENOUGH_FRAMES, self._parts["train"]), "val": min(8, self._parts["val"])}
        for canvas in reversed(self._canvases):
            size = Size(canvas, encoder)
            batch = configuration(network, size).batch_size
            if run_seconds(self._measure(network, size), batch, enough, ENOUGH_EPOCHS) > share_s:
                break
            largest = size
        return largest

    def _fill(self, network: str, size: Size, share_s: float) -> Choice:
        """As many frames as there is time for over enough epochs, then as many epochs; else fewer epochs."""
        config, speed = configuration(network, size), self._measure(network, size)
        fewest = max(min(FEWEST_FRAMES, self._parts["train"]), config.batch_size)
        steps = range(1, max(self._parts["train"] // fewest, 1) + 1)
        tries = [(epochs, step) for step in steps for epochs in range(config.epochs, ENOUGH_EPOCHS - 1, -1)]
        tries += [(epochs, step) for epochs in range(ENOUGH_EPOCHS - 1, FEWEST_EPOCHS - 1, -1) for step in steps]
        for epochs, step in tries:
            frames = {part: -(-self._parts[part] // step) for part in ("train", "val")}
            seconds = run_seconds(speed, config.batch_size, frames, epochs)
            if seconds <= share_s:
                split = self._split if step == 1 else f"{self._split}/{step}"
                chosen = replace(config, epochs=epochs, split=split, seed=self._seed)
                chosen = quick(chosen, frames["train"], config.epochs * self._parts["train"])
                return Choice(chosen, frames, seconds, speed.step_s / config.batch_size)
        raise DepthModelsError(
            f"the budget is too small: {network} has {max(share_s, 0):.1f} s for a run, and its smallest one takes "
            f"{seconds:.1f} s here; give about {seconds / max(share_s, 0.1) + 1:.0f} times the --budget, or ask for "
            "one experiment alone"
        )

    def _measure(self, network: str, size: Size) -> Speed:
        key = network, size
        if key not in self._speeds:
            config = replace(configuration(network, size, pretrained=False), split=self._split, seed=self._seed)
            self._speeds[key] = self._probe(config)
            self.spent_s += self._speeds[key].spent_s
        return self._speeds[key]
