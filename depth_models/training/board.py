"""TensorBoard: a run's curves and pictures."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np


class Board:
    """Writes into a folder, for `tensorboard --logdir`.

    Args:
        folder: any; files of earlier processes may lie in it.
        step: the run's; what another process wrote of later steps is not shown any more.

    Raises:
        ImportError: the package tensorboard is not installed.
    """

    def __init__(self, folder: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder), purge_step=step + 1)

    def add(self, event: dict[str, Any]) -> None:
        """Draw an event's numbers."""
        values = {f"train/{name}": event[name] for name in ("loss", "lr", "grad_norm")}
        if "val" in event:
            values |= {f"val/{name}": value for name, value in {"loss": event["val_loss"], **event["val"]}.items()}
        for name, value in values.items():
            self._writer.add_scalar(name, value, event["step"])

    def add_pictures(self, step: int, pictures: dict[str, np.ndarray]) -> None:
        """Show (H, W, 3) uint8 pictures by name."""
        for name, picture in pictures.items():
            self._writer.add_image(name, picture, step, dataformats="HWC")
        self._writer.flush()

    def close(self) -> None:
        """Write what is still in memory."""
        self._writer.close()


def open_board(folder: Path, step: int) -> Board | None:
    """A board, or None and a warning where the package is not installed."""
    try:
        return Board(folder, step)
    except ImportError:
        warnings.warn(
            "no curves for TensorBoard are written, as it is not installed: pip install 'depth_estimation_ros[train]' "
            "brings it, and tensorboard=false in the configuration ends this warning",
            stacklevel=2,
        )
        return None
