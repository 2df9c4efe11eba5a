"""Distillation: a trained network's depth as a second truth beside the measured one (Hinton et al. 2015)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from depth_models.checkpoint import Checkpoint, find_checkpoint
from depth_models.predictor import DepthPredictor
from depth_models.preprocess import Preprocess


class Teacher:
    """Gives depth for every pixel of what the learner sees, also where nothing was measured.

    It is shown the learner's canvases as photographs of a camera with the learner's canonical focal length. So it may
    be any network of any input that gives metres: its own size, focal length and calibration are taken care of as for
    any image. It runs on the fastest back-end that there is (`DepthPredictor`), on as many threads as PyTorch.

    Args:
        name: a bundled name or a file.
        preprocess: the learner's.
        device: 'cpu' or 'cuda:N'.

    Attributes:
        record: what the learner's own record says of it.

    Raises:
        DepthModelsError: the checkpoint cannot be read or run, or gives no metres.
    """

    def __init__(self, name: str, preprocess: Preprocess, device: str) -> None:
        checkpoint = Checkpoint.load(find_checkpoint(name)).without_sigma()
        self.record: dict[str, Any] = {"checkpoint": name, "record": checkpoint.record}
        self._focal_px = preprocess.focal_px
        self._predictor = DepthPredictor(checkpoint, device, threads=torch.get_num_threads())

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(N, H, W, 3) uint8 canvases, in this machine's memory, to a truth of them.

        Returns:
            (N, 1, H, W) float32 depth, metres at the learner's canonical focal length, 1 where the teacher has none,
            and (N, 1, H, W) bool, where it has one.
        """
        depths = self._predictor.batch(list(images.numpy()), self._focal_px, self._focal_px)
        valid = np.stack([depth.valid for depth in depths])[:, None]
        metres = np.stack([depth.metres for depth in depths])[:, None]
        return torch.from_numpy(np.where(valid, metres, np.float32(1))), torch.from_numpy(valid)
