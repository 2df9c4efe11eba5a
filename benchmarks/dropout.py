"""Which dropout should a decoder block have? The same short training with each candidate.

python benchmarks/dropout.py ROOMS.mat [EPOCHS]
"""

from __future__ import annotations

import sys
import tempfile

from torch import nn

from depth_models.config import TrainConfig
from depth_models.training import train

SETTINGS = [
    "preprocess.height=96", "preprocess.width=128", "preprocess.focal_px=104", "optimisation.warmup_steps=20",
    "optimisation.ema=0.9", "batch_size=16", "loss={log_l1: 1.0, gradient: 0.5}",
]  # fmt: skip


def main() -> None:
    """Print, for each kind and rate, validation metrics per epoch."""
    data, epochs = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 4
    channels, pixels = nn.Dropout2d, nn.Dropout
    for name, kind, rate in (
        ("none", channels, 0.0),
        ("whole channels", channels, 0.1),
        ("whole channels", channels, 0.2),
        ("pixels", pixels, 0.2),
    ):
        nn.Dropout2d = kind  # type: ignore[misc,assignment]
        config = TrainConfig.load("unet_lite0", [*SETTINGS, f"epochs={epochs}", f"options.dropout={rate}"])
        events: list[dict] = []
        with tempfile.TemporaryDirectory() as folder:
            train(config, data, folder, events.append)
        curve = ", ".join(f"{e['val']['abs_rel']:.3f}/{e['val']['delta1']:.3f}" for e in events if "val" in e)
        print(f"{name:<16}{rate:<6} abs_rel/delta1 by epoch {curve}", flush=True)


if __name__ == "__main__":
    main()
