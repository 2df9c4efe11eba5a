"""Training: one run in one folder, which goes on where it stopped."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from depth_models.checkpoint import Checkpoint, find_checkpoint
from depth_models.config import Optimisation, TrainConfig
from depth_models.data.loading import PreparedSet, ShuffledBatches, load
from depth_models.data.sources import Source, open_source
from depth_models.data.splits import Split, make_split
from depth_models.errors import DepthModelsError
from depth_models.files import PACKAGE
from depth_models.losses import Criterion
from depth_models.metrics import Metrics
from depth_models.networks import create_network
from depth_models.networks.registry import DepthNetwork
from depth_models.run_folder import RunFolder

SAVE_PERIOD_S = 120.0
Progress = Callable[[dict[str, Any]], None]


def train(
    config: TrainConfig,
    data: str | Path,
    out: str | Path,
    progress: Progress = lambda event: None,
    command: str = "",
) -> Path:
    """Train a network, or go on with a run that was stopped.

    Args:
        config: everything else that decides the run.
        data: what `open_source` opens: a file in NYUv2's layout, a prepared folder, ...
        out: folder of the run, see `RunFolder`.
        progress: called with every event: {'step', 'steps', 'epoch', 'loss', 'lr'}, after every epoch also
            'val_loss' and 'val' (metrics).
        command: what the user typed, for the record.

    With loader processes (`config.workers`) a script needs `if __name__ == "__main__":` around the call.

    Returns:
        The path of best.safetensors, which `DepthPredictor` loads: the epoch with the smallest validation loss.

    Raises:
        DepthModelsError: data, split or network cannot be used; `out` holds another run or cannot be written; the loss
            or its gradient is not finite.
    """
    run = _Run(config, open_source(data, config.depth), RunFolder(Path(out)), progress, command)
    run.go()
    return run.folder.best


class _Run:
    def __init__(
        self, config: TrainConfig, source: Source, folder: RunFolder, progress: Progress, command: str
    ) -> None:
        self.config, self.source, self.folder = config, source, folder
        self._progress, self._command = progress, command
        self.split = _checked_split(config, source)
        self.criterion = Criterion(config.loss)
        torch.manual_seed(config.seed)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        network, self._ancestor = _network(config)
        self.network: DepthNetwork = network.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = _optimizer(self.network, config.optimisation)
        self._rates = [group["lr"] for group in self.optimizer.param_groups]
        self.average = AveragedModel(self.network, multi_avg_fn=_averaging(config.optimisation.ema), use_buffers=True)
        self.step, self.best, self._saved_s = 0, math.inf, time.monotonic()
        folder.claim(config)  # now that nothing else can refuse the configuration
        self._load_state()

    def go(self) -> None:
        config = self.config
        batches = ShuffledBatches(self.split.train, config.batch_size, config.epochs, config.seed, self.step)
        steps_per_epoch, steps = batches.steps_per_epoch, batches.steps_per_epoch * config.epochs
        data = PreparedSet(self.source, config.preprocess, config.augmentation, config.seed)
        if not len(batches):  # the run has ended
            return
        keys = iter(batches)
        self.network.train()
        for images, target, valid, _ in load(data, batches, config.workers):
            lr = self._set_rate(steps)
            loss = self._update(images, target, valid, next(keys))
            event = {"step": self.step, "steps": steps, "epoch": self.step / steps_per_epoch, "loss": loss, "lr": lr}
            epoch_ends = self.step % steps_per_epoch == 0
            if epoch_ends:
                event |= self._end_epoch()
            self.folder.log(event)  # before the state: going on takes out events that the state does not know
            if epoch_ends or time.monotonic() - self._saved_s > SAVE_PERIOD_S:
                self._save_state()
            self._progress(event)

    def _update(self, images: Tensor, target: Tensor, valid: Tensor, keys: list[tuple[int, int]]) -> float:
        loss = self._loss(self.network, images, target, valid)[0]
        self.optimizer.zero_grad()
        loss.backward()
        limit = self.config.optimisation.clip_norm or math.inf
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), limit)
        value = float(loss.detach())
        if not (math.isfinite(value) and math.isfinite(norm)):
            raise DepthModelsError(
                f"the loss is {value} and its gradient {float(norm)} at step {self.step}, on frames "
                f"{[index for _, index in keys]}; begin anew in another folder with a lower optimisation.lr, or with "
                "optimisation.clip_norm"
            )
        self.optimizer.step()
        self.average.update_parameters(self.network)
        self.step += 1
        return value

    def _loss(self, network: nn.Module, images: Tensor, target: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Loss and (N, 1, H, W) depth of a batch from the loader."""
        images, target, valid = (t.to(self.device, non_blocking=True) for t in (images, target, valid))
        images = self.config.preprocess.normalise(images).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device, torch.bfloat16, enabled=self.config.precision == "bf16"):
            output = network(images)
        return self.criterion(output, target, valid), output.depth.float()

    def _set_rate(self, steps: int) -> float:
        plan = self.config.optimisation
        factor = min(1.0, (self.step + 1) / (plan.warmup_steps + 1))
        if plan.schedule == "cosine":
            factor *= 0.01 + 0.99 * (1 + math.cos(math.pi * self.step / steps)) / 2
        for group, rate in zip(self.optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor
        return self._rates[-1] * factor

    def _end_epoch(self) -> dict[str, Any]:
        loss, metrics = self._validate()
        checkpoint = Checkpoint.of(self.average.module, self.config.preprocess, self._record(metrics))  # type: ignore[arg-type]
        checkpoint.save(self.folder.last)
        if loss < self.best:
            self.best = loss
            checkpoint.save(self.folder.best)
        return {"val_loss": loss, "val": metrics}

    @torch.no_grad()
    def _validate(self) -> tuple[float, dict[str, float]]:
        """Mean loss and per-image metrics on the canvas, over the validation part, of the averaged weights."""
        network, size = self.average.module.eval(), self.config.batch_size
        frames = [(0, index) for index in self.split.val]
        batches = [frames[i : i + size] for i in range(0, len(frames), size)]
        data = PreparedSet(self.source, self.config.preprocess, None, 0)
        metrics, total = Metrics(), 0.0
        for images, target, valid, factors in load(data, batches, self.config.workers):
            loss, depth = self._loss(network, images, target, valid)
            total += float(loss) * len(images)
            for d, t, v, factor in zip(
                depth.cpu().numpy(), target.numpy(), valid.numpy(), factors.numpy(), strict=True
            ):
                metrics.add(d * factor, t * factor, v)
        return total / max(len(frames), 1), metrics.per_image()

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
            "steps": self.step,
            "val": metrics,
            "version": package,
            "torch": torch.__version__,
        }

    def _save_state(self) -> None:
        state = {
            "data": self.source.description, "step": self.step, "best": self.best,
            "network": self.network.state_dict(), "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(), "rng": torch.get_rng_state(),
            "cuda_rng": torch.cuda.get_rng_state_all(),
        }  # fmt: skip
        self.folder.save(state)
        self._saved_s = time.monotonic()

    def _load_state(self) -> None:
        state = self.folder.load(self.device)
        if state is None:
            return
        if state["data"] != self.source.description:
            raise DepthModelsError(
                f"{self.folder.path}: holds a run on other data ({state['data']}, and not {self.source.description}); "
                "choose another folder with --out, or remove this one"
            )
        self.step, self.best = state["step"], state["best"]
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["rng"].cpu())
        torch.cuda.set_rng_state_all([rng.cpu() for rng in state["cuda_rng"]])


def _network(config: TrainConfig) -> tuple[DepthNetwork, dict[str, Any]]:
    """The network to begin with, and the record of the checkpoint that it comes from ({} where there is none).

    What carries no weight, such as the rate of dropout, may differ from the checkpoint's.
    """
    if not config.init:
        return create_network(config.network, **config.options), {}
    options = {name: value for name, value in config.options.items() if name != "encoder_weights"}
    network, checkpoint = create_network(config.network, **options), Checkpoint.load(find_checkpoint(config.init))
    trained = checkpoint.build()
    own, theirs = network.state_dict(), trained.state_dict()
    if {name: t.shape for name, t in own.items()} != {name: t.shape for name, t in theirs.items()}:
        raise DepthModelsError(
            f"init {config.init!r} is a {trained.name!r} with {trained.config}, and the configuration a "
            f"{network.name!r} with {network.config}; make network and options agree"
        )
    network.load_state_dict(theirs)
    return network, {"checkpoint": config.init, "record": checkpoint.record}


def _averaging(decay: float) -> Callable[..., None]:
    """Exponential moving average; its memory grows at the start, which would else keep the first, random weights."""

    def update(average: Any, current: Any, count: Any) -> None:
        get_ema_multi_avg_fn(min(decay, (1 + int(count)) / (10 + int(count))))(average, current, count)

    return update


def _checked_split(config: TrainConfig, source: Source) -> Split:
    split = make_split(config.split, source.scenes)
    what = f"{source.path}: split {config.split!r}"
    if len(split.train) < config.batch_size:
        raise DepthModelsError(
            f"{what} trains on {len(split.train)} frames, fewer than one batch of {config.batch_size}; lower batch_size"
        )
    if not split.val:
        raise DepthModelsError(f"{what} has no frame to validate on; give it more scenes (ten or more)")
    return split


def _optimizer(network: DepthNetwork, plan: Optimisation) -> torch.optim.Optimizer:
    """Over what is not frozen: the encoder's parameters at their own rate, then all others."""
    encoder: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            (encoder if name.startswith("encoder.") else others).append(parameter)
    groups = [{"params": encoder, "lr": plan.encoder_lr or plan.lr}] * bool(encoder)
    groups += [{"params": others, "lr": plan.lr}]
    if plan.optimizer == "adamw":
        return torch.optim.AdamW(groups, weight_decay=plan.weight_decay)
    return torch.optim.Adam(groups)
