"""A run from its configuration to its best checkpoint."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from depth_models.checkpoint import Checkpoint
from depth_models.config import TrainConfig
from depth_models.data.loading import Loader, explained_loader_errors
from depth_models.data.samples import Key, PreparedSet, Shares, ShuffledBatches
from depth_models.data.sources import Source, open_sources
from depth_models.distributed import from_first, process_group, rank
from depth_models.errors import DepthModelsError
from depth_models.files import PACKAGE
from depth_models.run_folder import RunFolder
from depth_models.training.board import open_board
from depth_models.training.learner import Learner
from depth_models.training.start import first_network, shares_of, usable_split
from depth_models.training.validation import Validation

SAVE_PERIOD_S = 120.0
Progress = Callable[[dict[str, Any]], None]


def train(
    config: TrainConfig,
    data: str | Path | Sequence[str | Path],
    out: str | Path,
    progress: Progress = lambda event: None,
    command: str = "",
) -> Path:
    """Train a network, or go on with a run that was stopped; in several processes where torchrun started them.

    Args:
        config: everything else that decides the run.
        data: what `open_source` opens: a file in NYUv2's layout, a prepared folder, ...; or several, see `config.mix`.
        out: folder of the run, see `RunFolder`; process 0 alone writes and reads it.
        progress: called with every event, in process 0: {'step', 'steps', 'epoch', 'loss', 'grad_norm', 'lr'}, after
            every epoch also 'val_loss' and 'val' (metrics).
        command: what the user typed, for the record.

    With loader processes (`config.workers`) a script needs `if __name__ == "__main__":` around the call.

    Returns:
        The path of best.safetensors, which `DepthPredictor` loads: the epoch with the smallest validation loss.

    Raises:
        DepthModelsError: data, split or network cannot be used; `out` holds another run or cannot be written; the loss
            or its gradient is not finite; a loader process died.
    """
    with process_group(), explained_loader_errors():
        run = _Run(config, open_sources(data, config.depth), RunFolder(Path(out)), progress, command)
        run.go()
        return run.folder.best


class _Run:
    def __init__(
        self, config: TrainConfig, source: Source, folder: RunFolder, progress: Progress, command: str
    ) -> None:
        self.config, self.source, self.folder = config, source, folder
        self._progress, self._command = progress, command
        self.split = usable_split(config, source)
        torch.manual_seed(config.seed)
        network, self._ancestor = first_network(config)
        self.learner = Learner(config, network)
        self._best, self._saved_s = math.inf, time.monotonic()
        self._first = rank() == 0
        if self._first:  # now that nothing else can refuse the configuration
            folder.claim(config, {"name": config.split, **self.split.to_dict()})
        self._load_state()

    def go(self) -> None:
        """Take the steps that are left."""
        config, learner = self.config, self.learner
        frames = config.batch_size * config.accumulate
        shares = shares_of(config, self.source, self.split.train)
        batches = ShuffledBatches(self.split.train, frames, config.epochs, config.seed, learner.step, shares)
        if not len(batches):  # the run has ended
            return
        data = PreparedSet(self.source, config.preprocess, config.augmentation, config.seed, config.border)
        loader = iter(Loader(data, Shares(batches, config.batch_size), config.batch_size, config.workers))
        self._validation = Validation(config, self.source, self.split.val)
        self._board = open_board(self.folder.board, learner.step) if config.tensorboard and self._first else None
        for keys in batches:
            numbers = learner.learn(list(islice(loader, config.accumulate)), batches.steps)
            self._check(numbers, keys)
            event = {"step": learner.step, "steps": batches.steps, "epoch": learner.step / batches.steps_per_epoch}
            self._end_step(event | numbers, learner.step % batches.steps_per_epoch == 0)
        if self._board:
            self._board.close()

    def _check(self, numbers: dict[str, float], keys: list[Key]) -> None:
        loss, norm = numbers["loss"], numbers["grad_norm"]
        if math.isfinite(loss) and (math.isfinite(norm) or self.learner.forgives):
            return
        last = self.folder.last if self.folder.last.is_file() else "none yet, as no epoch has ended"
        raise DepthModelsError(
            f"the loss is {loss} and its gradient {norm} at step {self.learner.step - 1}, on frames "
            f"{[index for _, index in keys]}; last good checkpoint: {last}. Begin anew in another folder with a lower "
            "optimisation.lr, or with optimisation.clip_norm"
        )

    def _end_step(self, event: dict[str, Any], epoch_ends: bool) -> None:
        if epoch_ends:
            loss, metrics = self._validation.measure(self.learner)
            event |= {"val_loss": loss, "val": metrics}
        if not self._first:
            return
        if epoch_ends:
            self._save_weights(event)
        self.folder.log(event)  # before the state: going on takes out events that the state does not know
        if epoch_ends or time.monotonic() - self._saved_s > SAVE_PERIOD_S:
            self._save_state()
        if self._board:
            self._board.add(event)
            if epoch_ends:
                self._board.add_pictures(event["step"], self._validation.pictures(self.learner))
        self._progress(event)

    def _save_weights(self, event: dict[str, Any]) -> None:
        checkpoint = Checkpoint.of(self.learner.result, self.config.preprocess, self._record(event["val"]))
        checkpoint.save(self.folder.last)
        epoch, every = round(event["epoch"]), self.config.keep_every
        if every and epoch % every == 0:
            checkpoint.save(self.folder.kept(epoch))
        if event["val_loss"] < self._best:
            self._best = event["val_loss"]
            checkpoint.save(self.folder.best)

    def _record(self, metrics: dict[str, float]) -> dict[str, Any]:
        try:
            package = version(PACKAGE)
        except PackageNotFoundError:  # run from a source tree that was not installed
            package = "unknown"
        return {
            "data": self.source.description,
            "frames": {"train": len(self.split.train), "val": len(self.split.val)},
            "config": self.config.to_dict(),
            "command": self._command,
            "init": self._ancestor,
            "teacher": self.learner.teacher.record if self.learner.teacher else {},
            "steps": self.learner.step,
            "val": metrics,
            "version": package,
            "torch": torch.__version__,
        }

    def _save_state(self) -> None:
        self.folder.save({"data": self.source.description, "best": self._best, **self.learner.state_dict()})
        self._saved_s = time.monotonic()

    def _load_state(self) -> None:
        state = from_first(self.folder.load() if self._first else None)
        if state is None:
            return
        if state["data"] != self.source.description:
            raise DepthModelsError(
                f"{self.folder.path}: holds a run on other data ({state['data']}, and not {self.source.description}); "
                "choose another folder with --out, or remove this one"
            )
        self._best = state["best"]
        self.learner.load_state_dict(state)
