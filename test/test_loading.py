"""The loader: the same samples whoever loads them, in the order of the run, and what it says when a process dies."""

import multiprocessing
import os
import signal
import time

import numpy as np
import pytest
import torch

pytest.importorskip("h5py")

from training_runs import config, logged

from depth_models import DepthModelsError
from depth_models.data.loading import Loader, explained_loader_errors
from depth_models.data.nyu import NyuFile
from depth_models.data.samples import PreparedSet, Shares, ShuffledBatches
from depth_models.data.transforms import Augmentation
from depth_models.training import train


def test_targets_are_metres_at_the_canonical_focal_length_on_the_canvas(planes):
    source, pre = NyuFile(planes), config().preprocess
    sample = source[3]
    canvas, target, valid, factor = PreparedSet(source, pre, None, 0)[0, 3]
    assert factor == pytest.approx(sample.camera.fx / 52.0)
    np.testing.assert_array_equal(canvas, sample.rgb)  # same size: no resizing
    np.testing.assert_allclose(target[0].numpy() * factor, sample.depth, rtol=1e-6)
    assert valid.all()


def test_samples_do_not_depend_on_who_loads_them_nor_on_where_the_run_began(planes):
    prepared = PreparedSet(NyuFile(planes), config().preprocess, Augmentation(zoom=1.5, noise=0.1), 3)
    alone = list(Loader(prepared, ShuffledBatches(range(20), 4, 2, 3), 4, workers=0))
    shared = list(Loader(prepared, ShuffledBatches(range(20), 4, 2, 3), 4, workers=2))
    later = list(Loader(prepared, ShuffledBatches(range(20), 4, 2, 3, first_step=7), 4, workers=0))
    assert (len(alone), len(shared), len(later)) == (10, 10, 3)
    for first, second in (*zip(alone, shared, strict=True), *zip(alone[7:], later, strict=True)):
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_shared_memory_is_copied_before_it_is_written_again_and_a_loader_can_be_iterated_anew(planes):
    """Many batches of one and of three frames, more than there are slots."""
    prepared = PreparedSet(NyuFile(planes), config().preprocess, None, 0)
    batches = [[(0, i)] if i % 3 else [(0, i), (0, i + 1), (0, i + 2)] for i in range(40)]
    alone, loader = list(Loader(prepared, batches, 3, workers=0)), Loader(prepared, batches, 3, workers=1)
    for _ in range(2):
        for mine, theirs in zip(alone, list(loader), strict=True):
            assert all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True))


def test_an_epoch_is_every_frame_once_in_an_order_of_its_own():
    batches = list(ShuffledBatches(range(10, 22), 4, 2, 0))
    first, second = batches[:3], batches[3:]
    assert {key for batch in first for key in batch} == {(0, i) for i in range(10, 22)}
    assert {key for batch in second for key in batch} == {(1, i) for i in range(10, 22)}
    assert [i for batch in first for _, i in batch] != [i for batch in second for _, i in batch]


def test_the_shares_of_the_processes_are_the_steps_frames(monkeypatch):
    """A step of 8 frames in two batches, dealt to two processes."""
    steps = list(ShuffledBatches(range(20), 8, 2, 0))
    shares = []
    for rank in range(2):
        monkeypatch.setattr("depth_models.distributed.rank", lambda rank=rank: rank)
        monkeypatch.setattr("depth_models.distributed.world_size", lambda: 2)
        shares.append(list(Shares(steps, 4)))
    assert [len(share) for share in shares] == [8, 8]
    batches = [keys[first : first + 4] for keys in steps for first in (0, 4)]
    for batch, *parts in zip(batches, *shares, strict=True):
        assert [list(part) for part in parts] == [batch[0::2], batch[1::2]]


def test_a_loader_process_that_dies_is_a_clear_error_and_the_run_can_go_on(planes, tmp_path):
    def kill(event):
        if event["step"] == 1:
            (worker,) = multiprocessing.active_children()
            os.kill(worker.pid, signal.SIGKILL)
            time.sleep(60)  # PyTorch tells of the death here, and the run cannot end before

    with pytest.raises(DepthModelsError, match=r"a loader process died .*goes on where the run stopped"):
        train(config(workers=1), planes, tmp_path / "run", kill)
    assert not multiprocessing.active_children()
    train(config(), planes, tmp_path / "run")
    assert [event["step"] for event in logged(tmp_path / "run")] == list(range(1, 7))


def test_what_a_loader_process_cannot_read_is_said_without_its_traceback(few_planes):
    path = few_planes(1)
    prepared = PreparedSet(NyuFile(path), config().preprocess, None, 0)
    path.unlink()
    with pytest.raises(DepthModelsError) as caught, explained_loader_errors():
        list(Loader(prepared, [[(0, 0)]], 4, workers=1))
    assert str(caught.value).startswith(f"{path}: no such")
    assert "Traceback" not in str(caught.value)


def test_too_little_shared_memory_is_said_before_a_process_starts(planes, monkeypatch):
    def refuse(tensor):
        raise RuntimeError("unable to allocate shared memory(shm): No space left on device (28)")

    monkeypatch.setattr("torch.Tensor.share_memory_", refuse)
    prepared = PreparedSet(NyuFile(planes), config().preprocess, None, 0)
    with pytest.raises(DepthModelsError, match=r"need \d+ MB of shared memory .* --set workers=0"):
        Loader(prepared, [[(0, 0)]], 4, workers=1)
    Loader(prepared, [[(0, 0)]], 4, workers=0)
