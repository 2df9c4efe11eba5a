"""What moves the weights: optimizer, learning rate over the run, moving average."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from depth_models.config import Optimisation
from depth_models.networks.registry import DepthNetwork


def make_optimizer(network: DepthNetwork, plan: Optimisation) -> torch.optim.Optimizer:
    """Over what is not frozen: the encoder's parameters at their own rate, then all others."""
    encoder: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            (encoder if name.startswith("encoder.") else others).append(parameter)
    groups = [{"params": encoder, "lr": plan.encoder_lr or plan.lr}] * bool(encoder)
    groups += [{"params": others, "lr": plan.lr}]
    if plan.optimizer == "adamw":
        return torch.optim.AdamW(groups, weight_decay=plan.weight_decay, fused=True)
    return torch.optim.Adam(groups, fused=True)  # one pass over the memory instead of a dozen


def rate_factor(plan: Optimisation, step: int, steps: int) -> float:
    """What the learning rates are multiplied by in a step.

    Args:
        plan: `schedule` and `warmup_steps` count.
        step: from 0.
        steps: of the whole run.
    """
    factor = min(1.0, (step + 1) / (plan.warmup_steps + 1))
    if plan.schedule == "cosine":
        factor *= _cosine(1.0, 0.01, step / steps)
    elif plan.schedule == "one_cycle":  # Smith and Topin 2018, as torch.optim.lr_scheduler.OneCycleLR has it
        peak, last = 0.3 * steps - 1, steps - 1
        if step <= peak:
            factor *= _cosine(0.04, 1.0, step / peak)
        else:
            factor *= _cosine(1.0, 4e-6, (step - peak) / (last - peak))
    return factor


def _cosine(start: float, end: float, part: float) -> float:
    """From `start` to `end` along half a cosine; `part` of the way, 0 to 1."""
    return end + (start - end) * (1 + math.cos(math.pi * part)) / 2


def moving_average(network: DepthNetwork, decay: float) -> AveragedModel:
    """Exponential moving average; its memory grows at the start, which would else keep the first, random weights."""

    def update(average: Any, current: Any, count: Any) -> None:
        get_ema_multi_avg_fn(min(decay, (1 + int(count)) / (10 + int(count))))(average, current, count)

    return AveragedModel(network, multi_avg_fn=update, use_buffers=True)
