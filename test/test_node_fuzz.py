"""Thousands of broken messages: each is refused with its reason or answered, none fails; then a good one is answered.

In one process, with the worker and the pipeline of the node, and a network that costs nothing.
"""

import gc
import random
import threading
from pathlib import Path

import numpy as np
import pytest
from broken_messages import GOOD_INFO, broken_compressed, broken_info, broken_raw, good

from depth_estimation_ros.pipeline import Pipeline
from depth_estimation_ros.statistics import Statistics
from depth_estimation_ros.worker import Worker
from depth_models.types import Depth

MESSAGES = 2_500  # of each of four kinds
WARM_UP = 500  # until here caches may grow
PATIENCE_S = 60
GROWTH_BYTES = 16 << 20  # one message in ten that leaks would be twice that


def stub(rgb, fx=None, fy=None):
    metres = rgb[..., 0].astype(np.float32) + 1
    return Depth(metres, np.ones(metres.shape, bool))


def resident_bytes():
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


class Node:
    """Worker and pipeline, with the camera_info of the moment; it is its own output, and is told what went wrong."""

    def __init__(self, rectify):
        self.statistics, self.info, self.frame = Statistics(), None, None
        self.failures, self.warnings, self.handled = [], [], threading.Semaphore(0)
        pipeline = Pipeline(stub, "32FC1", 1000.0, self.warnings.append, 0.1, rectify)
        now_ns = 1_700_000_000_000_000_000
        self.worker = Worker(lambda image: pipeline(image, self.info), [self], self.statistics, self, lambda: now_ns)

    def is_wanted(self):
        return True

    def publish(self, frame):
        self.frame = frame
        self.handled.release()

    def refused(self, text):
        assert text
        self.handled.release()

    def failed(self, text):
        self.failures.append(text)
        self.handled.release()

    def take(self, message, info):
        """Have a message answered or refused."""
        self.info = info
        self.warnings.clear()
        self.worker.take(message)
        assert self.handled.acquire(timeout=PATIENCE_S)


@pytest.mark.filterwarnings("ignore:.*encountered in matmul")  # NaN and infinity in K
@pytest.mark.parametrize(
    ("broken", "rectify"), [(broken_raw, False), (broken_compressed, False), (good, False), (good, True)]
)
def test_broken_messages_are_refused_with_a_reason_and_the_next_good_one_is_answered(broken, rectify):
    rng, node, early = random.Random(0), Node(rectify), 0
    try:
        for number in range(MESSAGES):
            node.take(broken(rng), broken_info(rng))
            if number == WARM_UP:
                early = resident_bytes()
        grown = resident_bytes() - early
        node.take(message := good(), GOOD_INFO)
    finally:
        node.worker.stop()
    totals = node.statistics.snapshot().totals
    assert node.failures == []  # nothing but errors that say what to do
    assert grown < GROWTH_BYTES
    assert node.frame.image is message
    assert np.nanmax(node.frame.depth) == 256
    assert totals["received", ""] == MESSAGES + 1
    rejected = {reason: n for (event, reason), n in totals.items() if event == "rejected"}
    assert sum(rejected.values()) + totals["published", ""] == MESSAGES + 1
    print(f"{totals['published', '']} answered, rejected {rejected}, grown by {grown / 1e6:.1f} MB")
