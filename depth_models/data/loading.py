"""Samples to batches: augmented, prepared for the network, and the same bytes however many processes load them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from depth_models.data.sources import Source
from depth_models.data.transforms import Augmentation, mask_border
from depth_models.distributed import shard
from depth_models.errors import DepthModelsError
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
    """

    def __init__(self, indices: Sequence[int], batch_size: int, epochs: int, seed: int, first_step: int = 0) -> None:
        self._indices, self._batch_size, self._epochs = np.array(indices), batch_size, epochs
        self._seed, self._first = seed, first_step
        self.steps_per_epoch = len(indices) // batch_size
        self.steps = self.steps_per_epoch * epochs  # of the whole run

    def __len__(self) -> int:
        return self.steps - self._first

    def __iter__(self) -> Iterator[list[Key]]:
        for step in range(self._first, self.steps):
            epoch, number = divmod(step, self.steps_per_epoch)
            order = np.random.default_rng([self._seed, epoch]).permutation(self._indices)
            batch = order[number * self._batch_size : (number + 1) * self._batch_size]
            yield [(epoch, int(index)) for index in batch]


class Shares:
    """What one process loads: each step's keys in batches of `batch_size`, and of each batch this process' share."""

    def __init__(self, steps: Iterable[list[Key]], batch_size: int) -> None:
        self._steps, self._batch_size = steps, batch_size

    def __iter__(self) -> Iterator[Sequence[Key]]:
        for keys in self._steps:
            for first in range(0, len(keys), self._batch_size):
                yield shard(keys[first : first + self._batch_size])


def _one_thread(worker: int) -> None:
    cv2.setNumThreads(1)


def load(data: PreparedSet, batches: Iterable[Sequence[Key]], workers: int) -> DataLoader:
    """A loader over batches; with `workers` processes, or 0 for this one.

    The processes are spawned: forking a process whose OpenCV has threads leaves the child waiting for them forever.
    They live as long as the loader.
    """
    return DataLoader(
        data,
        batch_sampler=batches,  # type: ignore[arg-type]
        num_workers=workers,
        multiprocessing_context="spawn" if workers else None,
        worker_init_fn=_one_thread,
        generator=torch.Generator(),  # or the loader would draw from the generator that dropout uses
        pin_memory=torch.cuda.is_available(),
        persistent_workers=workers > 0,
    )


@contextmanager
def explained_loader_errors() -> Iterator[None]:
    """Say what happened to the loader's processes. Around the whole loop: PyTorch tells of a death at any line in it.

    Raises:
        DepthModelsError: a process died; or it met such an error itself, of which only the message is kept.
    """
    try:
        yield
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        # Without its traceback, whose frames would keep the loader, and PyTorch telling of the death at any later line.
        raise DepthModelsError(
            f"a loader process died ({str(error).splitlines()[0]}), often for want of memory; the same command goes on "
            "where the run stopped, and --set workers=0 loads in the main process"
        ) from error.with_traceback(None)
    except DepthModelsError as error:  # a loader process' comes with its traceback as text
        raise DepthModelsError(str(error).rpartition("DepthModelsError: ")[2].strip()) from error
