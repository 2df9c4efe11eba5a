"""The validation part: its loss, its metrics, and pictures of a few of its frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from depth_models.config import TrainConfig
from depth_models.data.loading import Batch, Loader
from depth_models.data.samples import PreparedSet
from depth_models.data.sources import Source
from depth_models.distributed import gather, shard
from depth_models.errors import DepthModelsError
from depth_models.metrics import Metrics
from depth_models.training.learner import Learner
from depth_models.types import DepthOutput
from depth_models.visualization import colour_depth, depth_range

_PICTURES = 4


class Validation:
    """Frames that nothing is learnt from, as the network takes them; each process looks at its share.

    Args:
        config: the run's.
        source: the data.
        indices: the frames.
    """

    def __init__(self, config: TrainConfig, source: Source, indices: Sequence[int]) -> None:
        self._source, self._indices, size = source, indices, config.batch_size
        self._data = PreparedSet(source, config.preprocess, None, 0, config.border)
        keys = [(0, index) for index in shard(indices)]
        batches = [keys[i : i + size] for i in range(0, len(keys), size)]
        self._loader = Loader(self._data, batches, size, config.workers)  # kept: its processes take seconds to start

    @torch.no_grad()
    def measure(self, learner: Learner) -> tuple[float, dict[str, float]]:
        """Mean over all frames of the loss and of each metric, on the canvas.

        Raises:
            DepthModelsError: no frame has a valid pixel.
        """
        learner.synchronise()
        network, rows = learner.result.eval(), []
        for batch in self._loader:
            output = learner.predict(network, batch[0])
            rows += [_row(learner, output, batch, i) for i in range(len(batch[0]))]
        learner.network.train()
        rows = [row for row in gather(rows) if row]
        if not rows:
            raise DepthModelsError(f"{self._source.path}: no validation frame has a pixel with truth")
        means = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
        return means.pop("loss"), means

    @torch.no_grad()
    def pictures(self, learner: Learner) -> dict[str, np.ndarray]:
        """For a few frames, always the same, by name: (H, 3 W, 3) uint8 of image, truth and prediction, near to far."""
        chosen = np.linspace(0, len(self._indices) - 1, min(_PICTURES, len(self._indices))).astype(int)
        network, pictures = learner.result.eval(), {}
        for index in (self._indices[i] for i in chosen):
            image, target, valid, factor = self._data[0, index]
            depth = learner.predict(network, image[None]).depth[0, 0].float().cpu().numpy() * factor
            truth = np.where(valid[0], target[0] * factor, np.nan)
            near, far = depth_range(truth)
            coloured = (colour_depth(metres, near, far) for metres in (truth, depth))
            pictures[f"frame {index}"] = np.hstack([image.numpy(), *coloured])
        learner.network.train()
        return pictures


def _row(learner: Learner, output: DepthOutput, batch: Batch, i: int) -> dict[str, Any]:
    """Loss and metrics of one frame of a batch; empty where it has no valid pixel.

    Frame by frame, so that means do not depend on how frames are put into batches and dealt to processes.
    """
    _, target, valid, factors = batch
    one, metrics = slice(i, i + 1), Metrics()
    loss = learner.loss(DepthOutput(output.depth[one], tuple(aux[one] for aux in output.aux)), target[one], valid[one])
    factor = float(factors[i])
    metrics.add(output.depth[i, 0].float().cpu().numpy() * factor, target[i, 0].numpy() * factor, valid[i, 0].numpy())
    return {"loss": float(loss), **metrics.per_image()} if len(metrics) else {}
