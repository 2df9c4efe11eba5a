"""Samples to batches: augmented, prepared for the network, and the same bytes however many processes load them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from depth_models.data.sources import Source
from depth_models.data.transforms import Augmentation
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
    """

    def __init__(self, source: Source, preprocess: Preprocess, augmentation: Augmentation | None, seed: int) -> None:
        self._source, self._preprocess, self._augmentation, self._seed = source, preprocess, augmentation, seed

    def __getitem__(self, key: Key) -> Item:
        epoch, index = key
        sample = self._source[index]
        if self._augmentation is not None:
            sample = self._augmentation(sample, np.random.default_rng([self._seed, epoch, index]))
        pre, camera = self._preprocess, sample.camera
        depth, valid = pre.target(sample)
        factor = pre.metres_per_output(pre.letterbox(*sample.valid.shape), camera.fx, camera.fy)
        return torch.from_numpy(pre.canvas(sample.rgb)), torch.from_numpy(depth), torch.from_numpy(valid), factor


class ShuffledBatches:
    """Batches of keys for some epochs, each epoch in an order of its own; the last, smaller batch is left out.

    Args:
        indices: frames.
        batch_size: per step.
        epochs: passes over the frames.
        seed: of the order.
        first_step: step to begin with, for a run that goes on.
    """

    def __init__(self, indices: Sequence[int], batch_size: int, epochs: int, seed: int, first_step: int = 0) -> None:
        self._indices, self._batch_size, self._epochs = np.array(indices), batch_size, epochs
        self._seed, self._first = seed, first_step
        self.steps_per_epoch = len(indices) // batch_size

    def __len__(self) -> int:
        return self.steps_per_epoch * self._epochs - self._first

    def __iter__(self) -> Iterator[list[Key]]:
        for step in range(self._first, self.steps_per_epoch * self._epochs):
            epoch, number = divmod(step, self.steps_per_epoch)
            order = np.random.default_rng([self._seed, epoch]).permutation(self._indices)
            batch = order[number * self._batch_size : (number + 1) * self._batch_size]
            yield [(epoch, int(index)) for index in batch]


def _one_thread(worker: int) -> None:
    cv2.setNumThreads(1)


def load(data: PreparedSet, batches: ShuffledBatches | list[list[Key]], workers: int) -> DataLoader:
    """A loader over batches; with `workers` processes, or 0 for this one.

    The processes are spawned: forking a process whose OpenCV has threads leaves the child waiting for them forever.
    """
    return DataLoader(
        data,
        batch_sampler=batches,
        num_workers=workers,
        multiprocessing_context="spawn" if workers else None,
        worker_init_fn=_one_thread,
        generator=torch.Generator(),  # or the loader would draw from the generator that dropout uses
        pin_memory=torch.cuda.is_available(),
    )
