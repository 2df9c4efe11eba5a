"""What a training step is made of: augmented samples as the network takes them, and the order that they come in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch.utils.data import Dataset

from depth_models.data.sources import Source
from depth_models.data.transforms import Augmentation, mask_border
from depth_models.distributed import shard
from depth_models.preprocess import Preprocess

Item = tuple[torch.Tensor, torch.Tensor, torch.Tensor, float]
Key = tuple[int, int]


class PreparedSet(Dataset):
    """Frames as the network takes them; `set[epoch, index]` is

    (height, width, 3) uint8 canvas, (1, height, width) float32 target depth, (1, height, width) bool valid, and the
    factor from the network's metres to true ones.

    Args:
        source: the frames.
        preprocess: the network's.
        augmentation: drawn from (seed, epoch, index), so that a sample does not depend on who loads it, nor when; None
            for validation.
        seed: of the augmentation.
        border: whether depth in the border of NYUv2's frames counts; see `Source.content`.

    Attributes:
        shapes: of canvas, depth and valid.
    """

    def __init__(
        self,
        source: Source,
        preprocess: Preprocess,
        augmentation: Augmentation | None,
        seed: int,
        border: bool = False,
    ) -> None:
        self._source, self._preprocess, self._augmentation, self._seed = source, preprocess, augmentation, seed
        self._content = None if border else source.content
        height, width = preprocess.height, preprocess.width
        self.shapes = ((height, width, 3), (1, height, width), (1, height, width))

    def __getitem__(self, key: Key) -> Item:
        epoch, index = key
        sample = mask_border(self._source[index], self._content)
        if self._augmentation is not None:
            sample = self._augmentation(sample, np.random.default_rng([self._seed, epoch, index]))
        pre, camera = self._preprocess, sample.camera
        depth, valid = pre.target(sample)
        factor = pre.metres_per_output(pre.letterbox(*sample.valid.shape), camera.fx, camera.fy)
        return torch.from_numpy(pre.canvas(sample.rgb)), torch.from_numpy(depth), torch.from_numpy(valid), factor


class ShuffledBatches:
    """The keys of each step, for some epochs, each in an order of its own; an epoch's last, smaller step is left out.

    Args:
        indices: frames.
        batch_size: frames of a step.
        epochs: passes over the frames.
        seed: of the order.
        first_step: step to begin with, for a run that goes on.
        shares: per frame, how often an epoch has it on average, over 0 and up to 1; always by default.
    """

    def __init__(
        self,
        indices: Sequence[int],
        batch_size: int,
        epochs: int,
        seed: int,
        first_step: int = 0,
        shares: Sequence[float] | None = None,
    ) -> None:
        self._indices, self._batch_size, self._epochs = np.array(indices), batch_size, epochs
        self._seed, self._first = seed, first_step
        self._shares = None if shares is None else np.array(shares)
        self.steps_per_epoch = len(self._order(0)) // batch_size
        self.steps = self.steps_per_epoch * epochs  # of the whole run

    def __len__(self) -> int:
        return self.steps - self._first

    def __iter__(self) -> Iterator[list[Key]]:
        for step in range(self._first, self.steps):
            epoch, number = divmod(step, self.steps_per_epoch)
            batch = self._order(epoch)[number * self._batch_size : (number + 1) * self._batch_size]
            yield [(epoch, int(index)) for index in batch]

    def _order(self, epoch: int) -> np.ndarray:
        """The frames of an epoch: of one number in every epoch, as sums of shares, and not chance, say how many."""
        rng = np.random.default_rng([self._seed, epoch])
        if self._shares is None:
            return rng.permutation(self._indices)
        order = rng.permutation(len(self._indices))
        counted = np.floor(np.cumsum(self._shares[order]) + 1e-6)
        return self._indices[order[np.diff(counted, prepend=0) > 0]]


class Shares:
    """What one process loads: each step's keys in batches of `batch_size`, and of each batch this process' share."""

    def __init__(self, steps: Iterable[list[Key]], batch_size: int) -> None:
        self._steps, self._batch_size = steps, batch_size

    def __iter__(self) -> Iterator[Sequence[Key]]:
        for keys in self._steps:
            for first in range(0, len(keys), self._batch_size):
                yield shard(keys[first : first + self._batch_size])
