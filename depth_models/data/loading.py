"""Samples to batches: augmented, prepared for the network, and the same bytes however many processes load them."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, default_collate

from depth_models.data.sources import Source
from depth_models.data.transforms import Augmentation, mask_border
from depth_models.distributed import shard
from depth_models.errors import DepthModelsError
from depth_models.preprocess import Preprocess

Item = tuple[torch.Tensor, torch.Tensor, torch.Tensor, float]
Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]
Key = tuple[int, int]

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_AHEAD = 2  # batches that each process loads before they are asked for


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


class Loader:
    """Batches of a set, loaded ahead by processes, or where they are asked for without any.

    The processes write samples into memory that they share with this one, a batch to a slot, and a batch is copied out
    before its slot is written again: memory that is new to a process costs it more time, page by page, than all that
    is done to a sample. They are spawned: forking a process whose OpenCV has threads leaves the child waiting for them
    forever. They live as long as the loader.

    Args:
        data: the set.
        batches: keys of each batch; as often as they can be iterated the loader can.
        batch_size: the most keys of a batch.
        workers: processes, or 0 for none.

    Raises:
        DepthModelsError: there is too little shared memory.
    """

    def __init__(self, data: PreparedSet, batches: Iterable[Sequence[Key]], batch_size: int, workers: int) -> None:
        _keep_freed_memory()
        self._data, self._batches, self._processes = data, batches, None
        if workers:
            self._slots = _Slots(data, workers * _AHEAD + 1, batch_size)
            self._processes = DataLoader(
                self._slots,
                batch_size=None,
                sampler=_Numbered(batches, len(self._slots)),
                collate_fn=_as_it_is,  # type: ignore[arg-type]  # without batch_size it is one task's result
                num_workers=workers,
                prefetch_factor=_AHEAD,
                multiprocessing_context="spawn",
                worker_init_fn=_begin_worker,
                generator=torch.Generator(),  # or it would draw from the generator that dropout uses
                persistent_workers=True,
            )

    def __iter__(self) -> Iterator[Batch]:
        if self._processes is None:
            for keys in self._batches:
                yield default_collate([self._data[key] for key in keys])
        else:
            for slot, factors in self._processes:
                yield self._slots.taken(slot, factors)


class _Numbered:
    """Batches with the slot of each: one slot more than are ever loaded ahead, for the batch that is being copied."""

    def __init__(self, batches: Iterable[Sequence[Key]], slots: int) -> None:
        self._batches, self._slots = batches, slots

    def __iter__(self) -> Iterator[tuple[int, Sequence[Key]]]:
        return zip(cycle(range(self._slots)), self._batches, strict=False)


class _Slots(Dataset):
    """Shared memory for batches; `slots[number, keys]` fills one, and returns what does not lie in it."""

    def __init__(self, data: PreparedSet, slots: int, batch_size: int) -> None:
        self._data, self._number = data, slots
        kinds = zip(data.shapes, (torch.uint8, torch.float32, torch.bool), strict=True)
        memory = [torch.zeros((slots, batch_size, *shape), dtype=dtype) for shape, dtype in kinds]
        try:
            self._memory = [part.share_memory_() for part in memory]
        except RuntimeError as error:
            raise DepthModelsError(
                f"the loader's processes need {sum(part.nbytes for part in memory) / 1e6:.0f} MB of shared memory "
                f"(/dev/shm), and there is less ({error}); enlarge it (docker run --shm-size=2g), or take fewer "
                "processes or frames: --set workers=0, --set batch_size=1"
            ) from error

    def __len__(self) -> int:
        return self._number

    def __getitem__(self, task: tuple[int, Sequence[Key]]) -> tuple[int, list[float]]:
        slot, keys = task
        factors = []
        for place, key in enumerate(keys):
            *sample, factor = self._data[key]
            for memory, part in zip(self._memory, sample, strict=True):
                memory[slot, place] = part
            factors.append(factor)
        return slot, factors

    def taken(self, slot: int, factors: list[float]) -> Batch:
        """A batch of its own; on a machine with a GPU in pinned memory."""
        parts = [memory[slot, : len(factors)] for memory in self._memory]
        images, depth, valid = [part.pin_memory() if torch.cuda.is_available() else part.clone() for part in parts]
        return images, depth, valid, torch.tensor(factors, dtype=torch.float64)


def _as_it_is(batch: tuple[int, list[float]]) -> tuple[int, list[float]]:
    return batch


def _begin_worker(worker: int) -> None:
    cv2.setNumThreads(1)
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Have the C library keep up to 256 MB of what is freed, instead of giving it back with every sample.

    The kernel clears every page that it hands out again: half of the time of a sample, and more in virtual machines.
    """
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):  # musl has none
        library.mallopt(_M_MMAP_THRESHOLD, 32 << 20)  # the most that glibc takes
        library.mallopt(_M_TRIM_THRESHOLD, 256 << 20)


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
