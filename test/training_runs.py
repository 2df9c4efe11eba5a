"""A run that takes seconds, and what it left, for the tests of training."""

import json
from collections.abc import Mapping

import torch

from depth_models.config import TrainConfig
from depth_models.run_folder import RunFolder


def config(**changes):
    """A small unet with dropout, BatchNorm, moving average and warm-up: 6 steps on the fixture `planes`."""
    values = {
        "network": "unet",
        "options": {
            "encoder": "mobilenet_v2",
            "decoder_channels": [16, 16, 8, 8, 8],
            "freeze_encoder": False,
            "dropout": 0.1,
        },
        "preprocess": {"height": 32, "width": 48, "mean": [0.5] * 3, "std": [0.25] * 3, "focal_px": 52.0},
        "augmentation": {"zoom": 1.3},
        "loss": {"log_l1": 1.0},
        "optimisation": {"lr": 3e-3, "schedule": "cosine", "warmup_steps": 2, "ema": 0.5, "clip_norm": 1.0},
        "batch_size": 32,
        "epochs": 3,
        "workers": 0,
        "tensorboard": False,
    }
    return TrainConfig.from_dict(values | changes)


def plain_config(**changes):
    """Without dropout and BatchNorm in train mode, so that a batch's frames do not see each other: 4 steps of 16."""
    options = {"hidden": [16, 16], "map_size": [8, 12]}
    optimisation = {"lr": 1e-3, "clip_norm": 0.5}
    values = {"network": "baseline", "options": options, "optimisation": optimisation, "loss": {"smooth_l1": 1.0}}
    return config(**values | {"batch_size": 16, "epochs": 1} | changes)


def logged(folder):
    """The events of a run's log."""
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def state(folder):
    """All that a run would go on from: weights, moving average, optimizer, step."""
    return RunFolder(folder).load()


def same(first, second):
    """Whether two states are equal to the bit."""
    if isinstance(first, Mapping):
        return first.keys() == second.keys() and all(same(first[name], second[name]) for name in first)
    if isinstance(first, list):
        return len(first) == len(second) and all(map(same, first, second))
    return torch.equal(first, second) if isinstance(first, torch.Tensor) else first == second
