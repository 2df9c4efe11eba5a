"""Several processes that `torchrun` started: which one this is, its share of the work, and what all found together.

Without torchrun there is one process, whose share is everything, and nothing here communicates.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, zip_longest
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

T = TypeVar("T")


@contextmanager
def process_group() -> Iterator[None]:
    """Join the processes that torchrun started, for the block: nccl between GPUs, gloo between CPUs.

    Does nothing without torchrun, nor inside another such block.
    """
    if dist.is_initialized() or not dist.is_torchelastic_launched():
        yield
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group("cpu:gloo,cuda:nccl")
    else:
        dist.init_process_group("gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def rank() -> int:
    """Number of this process, from 0; process 0 is the one that writes and prints."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """How many processes there are."""
    return dist.get_world_size() if dist.is_initialized() else 1


def shard(items: Sequence[T]) -> Sequence[T]:
    """This process' share: every `world_size()`-th item, beginning with number `rank()`."""
    return items[rank() :: world_size()]


def gather(results: Sequence[T]) -> list[T]:
    """What all processes made of their shares, in the order of the items; every process gets it.

    Args:
        results: of this process, one for each item of its share, in order; anything that can be pickled.
    """
    if world_size() == 1:
        return list(results)
    shares: list[Sequence[T]] = [[]] * world_size()
    dist.all_gather_object(shares, results)
    missing = object()  # the first processes may have one item more
    dealt: Iterable[T] = chain.from_iterable(zip_longest(*shares, fillvalue=missing))
    return [result for result in dealt if result is not missing]


def total(value: Tensor) -> Tensor:
    """The sum of a tensor over the processes; every process gets it."""
    if world_size() > 1:
        value = value.clone()
        dist.all_reduce(value)
    return value


def from_first(value: T) -> T:
    """Process 0's value, in every process; anything that can be pickled."""
    values = [value]
    if world_size() > 1:
        dist.broadcast_object_list(values)
    return values[0]


def copy_from_first(tensors: Iterable[Tensor]) -> None:
    """Overwrite tensors with process 0's."""
    if world_size() > 1:
        for tensor in tensors:
            dist.broadcast(tensor, 0)
