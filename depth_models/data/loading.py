"""Samples to batches, the same bytes however many processes load them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle

import cv2
import torch
from torch.utils.data import DataLoader, Dataset, default_collate

from depth_models.data.samples import Key, PreparedSet
from depth_models.errors import DepthModelsError
from depth_models.memory import keep_freed_memory

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]

_AHEAD = 2  # batches that each process loads before they are asked for


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
        keep_freed_memory()
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
    keep_freed_memory()


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
