"""Rendering in several processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context

from depth_models.errors import DepthModelsError

SMALLEST = (32, 32)
THREADS = "OMP_NUM_THREADS"

Progress = Callable[[int, int], None]


def _one_thread() -> None:
    """Each process renders on one core."""
    import cv2

    cv2.setNumThreads(1)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes that are started meanwhile have one thread of linear algebra: more only wait for each other's cores."""
    before = os.environ.get(THREADS)
    os.environ[THREADS] = "1"  # OpenBLAS reads it once, when numpy is imported
    try:
        yield
    finally:
        del os.environ[THREADS]
        if before is not None:
            os.environ[THREADS] = before


@contextmanager
def mapped(job: Callable, numbers: range, workers: int) -> Iterator[Iterator]:
    """Results of job(number) in order, from this process or from some others.

    Raises:
        DepthModelsError: a process died.
    """
    if workers == 1:
        yield map(job, numbers)
        return
    # Spawned, as forking a process that has threads (torch's, OpenCV's) can hang.
    with ProcessPoolExecutor(workers, get_context("spawn"), _one_thread) as pool:
        try:
            with _one_thread_each():
                results = pool.map(job, numbers)
            yield results
        except BrokenProcessPool as error:
            raise DepthModelsError(
                f"one of {workers} rendering processes died ({error}); memory may be short: try fewer workers"
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def check_arguments(frames: int, size: tuple[int, int], seed: int, workers: int) -> None:
    """Refuse what cannot be rendered.

    Raises:
        DepthModelsError: an argument out of range; the message says which range.
    """
    if frames < 1 or workers < 1 or seed < 0:
        raise DepthModelsError(
            f"got frames={frames}, workers={workers}, seed={seed}; frames and workers must be 1 or more, seed 0 or more"
        )
    if size[0] < SMALLEST[0] or size[1] < SMALLEST[1]:
        raise DepthModelsError(
            f"got size {size[0]}x{size[1]} (height x width); it must be {SMALLEST[0]}x{SMALLEST[1]} or more"
        )
