"""Size, frames and epochs of a network for a share of the budget.

What does not fit is cut in this order, each step only where the one before is not enough:

1. the canvas, in halves, and the encoder, from the paper's to a small one, until there is time for 12 epochs, which
   the paper's claim on overfitting needs, of 128 training frames; but the canvas not below 64 rows;
2. epochs, down to 12;
3. training frames, down to 32 (validation keeps 32 too, where the data has as many);
4. the canvas, below 64 rows, where little of a room is left to see;
5. epochs, down to 6.

What does not fit even so has no choice here; `planning` then drops runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from depth_models.config import TrainConfig
from depth_models.data.splits import held_out
from depth_models.experiments.probe import STEPS, Probe, Speed
from depth_models.experiments.sizes import Size, configuration, encoders, quick

ENOUGH_EPOCHS, ENOUGH_FRAMES = 12, 128  # a larger size must allow them: a curve to read, and frames to learn from
FEWEST_EPOCHS, FEWEST_FRAMES = 6, 32
_GOOD_ROWS = 64  # of a canvas: down to here frames are cut first


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
        self._thinnest = max(parts["train"] // FEWEST_FRAMES, 1)
        self.spent_s, self.notes = 0.0, list[str]()

    def least_s(self, network: str) -> float:
        """Seconds of a network's smallest run."""
        return self._seconds(network, self._smallest(network), FEWEST_EPOCHS, self._frames(self._thinnest))

    def choose(self, network: str, share_s: float) -> Choice:
        """What fits a share that is `least_s` or more; see the module."""
        *larger, small = encoders(network)
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
        return self._fill(network, self._smallest(network), share_s)

    def _smallest(self, network: str) -> Size:
        return Size(self._canvases[-1], encoders(network)[-1])

    def _largest(self, network: str, encoder: str, share_s: float) -> Size | None:
        """Climbs from the smallest canvas while there is time, so that no probe is much slower than what fits."""
        largest, small = None, encoders(network)[-1]
        for canvas in reversed(self._canvases):
            frames = FEWEST_FRAMES if encoder == small and canvas[0] <= _GOOD_ROWS else ENOUGH_FRAMES
            enough = self._frames(max(self._parts["train"] // frames, 1))
            if self._seconds(network, Size(canvas, encoder), ENOUGH_EPOCHS, enough) > share_s:
                break
            largest = Size(canvas, encoder)
        return largest

    def _fill(self, network: str, size: Size, share_s: float) -> Choice:
        """As many frames as there is time for over enough epochs, then as many epochs; else fewer epochs."""
        config = configuration(network, size)
        steps = range(1, self._thinnest + 1)
        tries = [(epochs, step) for step in steps for epochs in range(config.epochs, ENOUGH_EPOCHS - 1, -1)]
        tries += [(epochs, self._thinnest) for epochs in range(ENOUGH_EPOCHS - 1, FEWEST_EPOCHS - 1, -1)]
        for epochs, step in tries:
            frames = self._frames(step)
            seconds = self._seconds(network, size, epochs, frames)
            if seconds <= share_s:
                break
        chosen = replace(config, epochs=epochs, split=self._thinned(step), seed=self._seed)
        chosen = quick(chosen, frames["train"])
        return Choice(chosen, frames, seconds, self._measure(network, size).step_s / config.batch_size)

    def _thinned(self, step: int) -> str:
        return self._split if step == 1 else f"{self._split}/{step}"

    def _frames(self, step: int) -> dict[str, int]:
        """How many a split has that is thinned so."""
        train, val = (tuple(range(self._parts[part])) for part in ("train", "val"))
        return {"train": len(train[::step]), "val": len(held_out(val, step))}

    def _seconds(self, network: str, size: Size, epochs: int, frames: dict[str, int]) -> float:
        """Time of a run; an epoch's end counts as if all of it grew with the frames to validate."""
        speed, batch = self._measure(network, size), configuration(network, size).batch_size
        end_s = speed.epoch_s * frames["val"] / self._frames(self._probed(batch))["val"]
        return speed.start_s + epochs * (frames["train"] // batch * speed.step_s + end_s)

    def _probed(self, batch: int) -> int:
        """Every how manyth training frame a probe trains on."""
        return self._parts["train"] // (STEPS * batch)

    def _measure(self, network: str, size: Size) -> Speed:
        key = network, size
        if key not in self._speeds:
            config = configuration(network, size, pretrained=False)
            split = self._thinned(self._probed(config.batch_size))
            self._speeds[key] = self._probe(replace(config, split=split, seed=self._seed))
            self.spent_s += self._speeds[key].spent_s
        return self._speeds[key]
