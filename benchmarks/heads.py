"""Which function should make metres of a network's raw output? The same short training with each candidate.

python benchmarks/heads.py ROOMS.mat [EPOCHS]
"""

from __future__ import annotations

import sys
import tempfile

import torch
from torch import Tensor, nn

import depth_models.networks.unet as unet
from depth_models.config import TrainConfig
from depth_models.networks.blocks import ToMetres
from depth_models.training import train


class Softplus(nn.Module):
    """ln(1 + e^x): positive, about linear from 1 m on."""

    def forward(self, raw: Tensor) -> Tensor:
        return nn.functional.softplus(raw.float()) + 1e-3


class Exponential(nn.Module):
    """e^x: the network gives log depth, without bounds; clamped so that float32 cannot overflow."""

    def forward(self, raw: Tensor) -> Tensor:
        return torch.exp(raw.float().clamp(-7, 7))


SETTINGS = [
    "preprocess.height=96", "preprocess.width=128", "preprocess.focal_px=104", "optimisation.warmup_steps=20",
    "optimisation.ema=0.9", "batch_size=16", "options.dropout=0.0",
]  # fmt: skip


def main() -> None:
    """Print, for each head and loss, validation metrics per epoch and the largest training loss after the warm-up."""
    data, epochs = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 4
    for loss in ("{log_l1: 1.0, gradient: 0.5}", "{smooth_l1: 1.0}"):
        for head in (Softplus, Exponential, ToMetres):
            unet.ToMetres = head  # type: ignore[misc]
            config = TrainConfig.load("unet_lite0", [*SETTINGS, f"epochs={epochs}", f"loss={loss}"])
            events: list[dict] = []
            with tempfile.TemporaryDirectory() as folder:
                train(config, data, folder, events.append)
            curve = ", ".join(f"{e['val']['abs_rel']:.3f}/{e['val']['delta1']:.3f}" for e in events if "val" in e)
            peak = max(e["loss"] for e in events[20:])
            print(f"{loss:<32}{head.__name__:<14} abs_rel/delta1 by epoch {curve}; largest loss {peak:.2f}", flush=True)


if __name__ == "__main__":
    main()
