"""A network and all that moves its weights, a step at a time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import nullcontext
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from depth_models.compiling import compiled
from depth_models.config import TrainConfig
from depth_models.data.loading import Batch
from depth_models.distributed import copy_from_first, rank, total, world_size
from depth_models.errors import DepthModelsError
from depth_models.losses import Criterion
from depth_models.networks.registry import DepthNetwork
from depth_models.preprocess import Preprocess
from depth_models.training.frozen_norm import FrozenNorm
from depth_models.training.optimisation import make_optimizer, moving_average, rate_factor
from depth_models.training.precision import mixed_precision
from depth_models.training.teacher import Teacher
from depth_models.types import DepthOutput


class Learner:
    """Takes steps; several processes (`depth_models.distributed`) take each of them together.

    Convolutions read channels-last memory, in the configuration's precision. BatchNorm sees the whole batch on GPUs
    (SyncBatchNorm). On CPUs, for which torch has none, it sees a process' share of it, and process 0's running
    statistics are everybody's.

    Args:
        config: how to train.
        network: what to train; moved to the device, its weights change in place.

    Attributes:
        device: 'cuda:N' where there is a GPU, else 'cpu'.
        network: the network.
        step: steps taken.
        teacher: whom it learns from beside the truth, or None.

    Raises:
        DepthModelsError: a precision that the device does not have; a loss that is not known; no compiler, see
            `compiled`; or as `Teacher`.
    """

    def __init__(self, config: TrainConfig, network: DepthNetwork) -> None:
        self.device = _device(config)
        self.step = 0
        self._config, self._criterion = config, Criterion(config.loss)
        taught = config.distillation.teacher
        self.teacher = Teacher(taught, config.preprocess, self.device) if taught else None
        frozen = config.optimisation.freeze_norm
        if world_size() > 1 and self.device != "cpu" and not frozen:
            network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
        self.network: DepthNetwork = network.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network.train()
        decay = config.optimisation.ema
        self._average = moving_average(self.network, decay) if decay else None
        self._optimizer = make_optimizer(self.network, config.optimisation)
        self._rates = [group["lr"] for group in self._optimizer.param_groups]
        self._scaler = torch.amp.GradScaler(self.device, enabled=config.precision == "fp16")
        self._norms = FrozenNorm(self.network, config.preprocess) if frozen else nullcontext()
        self._forward = self._prepared()

    def _prepared(self) -> nn.Module:
        """The network as a step calls it: in parallel, compiled."""
        module: nn.Module = self.network
        if world_size() > 1:
            devices = None if self.device == "cpu" else [self.device]
            unread = _has_unread(self.network, self._config.preprocess, self.device)
            module = DistributedDataParallel(module, devices, find_unused_parameters=unread)
        return compiled(module, self.device) if self._config.compile else module

    @property
    def result(self) -> DepthNetwork:
        """What validation and checkpoints use: the moving average, or the network where there is none."""
        return self.network if self._average is None else self._average.module  # type: ignore[return-value]

    def predict(self, network: nn.Module, images: Tensor) -> DepthOutput:
        """A network's output for (N, H, W, 3) uint8 canvases, on the device."""
        images = self._config.preprocess.normalise(images.to(self.device, non_blocking=True))
        with mixed_precision(self.device, self._config.precision):
            return network(images)

    def loss(self, output: DepthOutput, target: Tensor, valid: Tensor) -> Tensor:
        """Scalar loss of an output against (N, 1, H, W) target, metres, and its mask."""
        return self._criterion(output, *(t.to(self.device, non_blocking=True) for t in (target, valid)))

    def learn(self, batches: Sequence[Batch], steps: int) -> dict[str, float]:
        """Take a step on the batches' frames together.

        A batch, and a process' share of it, counts by its valid pixels, so that a loss that is a mean over pixels has
        the gradient of one large batch.

        Args:
            batches: from the loader.
            steps: of the whole run.

        Returns:
            'loss', 'grad_norm' (before clipping) and 'lr'. Where the first two are not finite the weights are lost.
        """
        lr = self._set_rate(steps)
        self._seed()
        self._optimizer.zero_grad()
        pixels = total(torch.stack([valid.sum() for _, _, valid, _ in batches]).sum()).clamp_min(1)
        loss = torch.zeros((), device=self.device)
        for number, (images, target, valid, _) in enumerate(batches, start=1):
            ready = number == len(batches)  # only then do processes exchange gradients
            with nullcontext() if ready else getattr(self._forward, "no_sync", nullcontext)():
                share = float(valid.sum() / pixels)
                part = share * self._lesson(images, target, valid)
                self._scaler.scale(part * world_size()).backward()  # processes' gradients are averaged
            loss += part.detach()
        norm = self._move()
        return {"loss": float(total(loss)), "grad_norm": float(norm), "lr": lr}

    def _lesson(self, images: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        """Scalar loss of a batch, against the truth and, where there is a teacher, against its depth."""
        with self._norms:
            output = self.predict(self._forward, images)
        loss = self.loss(output, target, valid)
        if self.teacher is None:
            return loss
        share = self._config.distillation.share
        return (1 - share) * loss + share * self.loss(output, *self.teacher(images))

    def _move(self) -> Tensor:
        """From gradients to weights; returns the gradient's norm."""
        self._scaler.unscale_(self._optimizer)
        parameters = [p for p in self.network.parameters() if p.grad is not None]
        if limit := self._config.optimisation.clip_norm:
            norm = nn.utils.clip_grad_norm_(parameters, limit)
        else:
            norm = torch.stack([p.grad.norm() for p in parameters]).norm()  # type: ignore[union-attr]
        self._scaler.step(self._optimizer)
        self._scaler.update()
        if self._average is not None:
            self._average.update_parameters(self.network)
        self.step += 1
        return norm

    @property
    def forgives(self) -> bool:
        """Whether a gradient that is not finite is no failure: fp16 leaves such steps out and looks for its scale."""
        return self._scaler.get_scale() > 1

    def synchronise(self) -> None:
        """Give `result` the same running statistics in every process."""
        copy_from_first(self.result.buffers())

    def _set_rate(self, steps: int) -> float:
        factor = rate_factor(self._config.optimisation, self.step, steps)
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor
        return self._rates[-1] * factor

    def _seed(self) -> None:
        """Dropout is drawn from (seed, step, process), so that a run that goes on draws what it would have drawn."""
        words = np.random.SeedSequence([self._config.seed, self.step, rank()]).generate_state(2)
        torch.manual_seed(int(words[0]) << 32 | int(words[1]))

    def state_dict(self) -> dict[str, Any]:
        """All that the next steps depend on."""
        return {
            "step": self.step,
            "network": self.network.state_dict(),
            "average": None if self._average is None else self._average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "scaler": self._scaler.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state; of a learner of the same configuration."""
        self.step = state["step"]
        self.network.load_state_dict(state["network"])
        if self._average is not None:
            self._average.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._scaler.load_state_dict(state["scaler"])


def _device(config: TrainConfig) -> str:
    if torch.cuda.is_available():
        return f"cuda:{int(os.environ.get('LOCAL_RANK', 0))}"
    if config.precision == "fp16":
        raise DepthModelsError("precision 'fp16' needs a CUDA device, and there is none; use 'bf16' or 'fp32'")
    return "cpu"


def _has_unread(network: DepthNetwork, canvas: Preprocess, device: str) -> bool:
    """Whether some weights get no gradient: an encoder may have layers that no decoder reads (EfficientNet)."""
    probe = deepcopy(network).eval()
    probe(torch.zeros(1, 3, canvas.height, canvas.width, device=device)).depth.sum().backward()
    return any(p.requires_grad and p.grad is None for p in probe.parameters())
