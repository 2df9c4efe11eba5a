"""Data and splits that no run can begin with are refused, and nothing is written."""

import pytest

pytest.importorskip("h5py")

from training_runs import config

from depth_models import DepthModelsError
from depth_models.training import train


def test_a_split_without_validation_is_refused(few_planes, tmp_path):
    with pytest.raises(DepthModelsError, match="no frame to validate on"):
        train(config(batch_size=4), few_planes(1), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_too_few_frames_are_refused(planes, tmp_path):
    with pytest.raises(DepthModelsError, match="fewer than one batch of 100"):
        train(config(batch_size=100), planes, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "reason"), [("paper", "1449 labelled frames, and the data has 80"), ("papers", "unknown split 'papers'")]
)
def test_a_split_that_is_not_for_the_data_is_refused(planes, tmp_path, name, reason):
    with pytest.raises(DepthModelsError, match=reason):
        train(config(split=name), planes, tmp_path / "run")
    assert not (tmp_path / "run").exists()
