"""Training on several data sets: how much of each an epoch sees, and that a run with them goes on where it stopped."""

import json

import numpy as np
import pytest
from mat_files import nyu_arrays, write_mat
from training_runs import config, logged, plain_config, same, state

from depth_models import DepthModelsError
from depth_models.data.samples import ShuffledBatches
from depth_models.data.sources import open_sources
from depth_models.training import train
from depth_models.training.start import shares_of, usable_split

SHARES = [1.0] * 20 + [0.25] * 80


def epochs(**changes):
    """The frames of each of 40 epochs, without the last, smaller step."""
    batches = ShuffledBatches(range(100, 200), **{"batch_size": 8, "epochs": 40, "seed": 3, "shares": SHARES} | changes)
    steps = [[index for _, index in step] for step in batches]
    n = batches.steps_per_epoch
    return [np.concatenate(steps[first : first + n]) for first in range(0, len(steps), n)]


def test_an_epoch_has_each_data_sets_share_and_no_frame_twice():
    for frames in epochs():
        assert len(frames) == len(set(frames)) == 40  # 20 + 80 / 4
        assert abs((frames < 120).sum() - 20) == 0


def test_what_a_share_leaves_out_is_drawn_anew_so_that_all_is_seen_alike():
    counts = np.bincount(np.concatenate(epochs(epochs=400)), minlength=200)[120:]
    assert counts.sum() == 400 * 20
    # Of a binomial of 400 draws at 0.25: mean 100, standard deviation 8.7.
    assert counts.min() > 60
    assert counts.max() < 140
    assert abs(counts.std() - np.sqrt(400 * 0.25 * 0.75)) < 3


def test_whole_shares_are_the_order_of_a_run_without_a_mix_and_a_seed_gives_one_order():
    plain = epochs(shares=None)
    assert all(len(frames) == 96 for frames in plain)
    for one, other in zip(epochs(shares=[1.0] * 100), plain, strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(epochs(), epochs(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(epochs()[0], epochs(seed=4)[0])


@pytest.fixture
def two(planes, tmp_path):
    """The fixture `planes`, and a folder of two shards of 20 frames."""
    folder = tmp_path / "shards"
    folder.mkdir()
    for number in range(2):
        arrays = nyu_arrays(20, 32, 48, seed=number)
        write_mat(folder / f"shard-{number}.mat", **arrays | {"scenes": [f"s_{number}{i // 2:03d}" for i in range(20)]})
    return [planes, folder]


def test_each_frame_has_the_share_of_its_data_set(two):
    source = open_sources(two)
    first = len(source) - 40
    shares = shares_of(plain_config(mix=[0.5, 1]), source, [0, first - 1, first, len(source) - 1])
    assert shares == [0.5, 0.5, 1, 1]
    assert shares_of(plain_config(), source, [0]) is None
    assert shares_of(plain_config(mix=[0.5]), open_sources(two[1]), [0, 39]) == [0.5, 0.5]


@pytest.mark.parametrize(
    ("mix", "reason"),
    [([0.5], "mix has 1 shares, and there are 2 data sets"), ([1, 1, 1], "mix has 3 shares")],
)
def test_a_mix_of_another_number_of_data_sets_is_refused(two, mix, reason):
    with pytest.raises(DepthModelsError, match=reason):
        usable_split(plain_config(mix=mix), open_sources(two))


@pytest.mark.parametrize("mix", [[0, 1], [1.5], ["1"], 0.5, [True]])
def test_a_share_that_is_none_is_refused(mix):
    with pytest.raises(DepthModelsError, match="mix must be a list of shares over 0 and up to 1"):
        config(mix=mix)


def test_nyus_border_in_several_data_sets_is_refused(two):
    with pytest.raises(DepthModelsError, match=r"border is true, and of several files together .* train on one file"):
        usable_split(plain_config(border=True), open_sources(two))
    usable_split(plain_config(border=True), open_sources(two[0]))


def test_shares_that_leave_less_than_a_step_are_refused(two):
    with pytest.raises(DepthModelsError, match=r"trains on 4 frames, fewer than one batch of 16"):
        usable_split(plain_config(mix=[0.05, 0.05]), open_sources(two))


def test_a_run_on_two_data_sets_goes_on_where_it_stopped_and_not_on_others(two, tmp_path):
    settings = plain_config(mix=[0.25, 1], epochs=2)

    def stop(event):
        if event["step"] == 3:
            raise KeyboardInterrupt

    train(settings, two, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(settings, two, tmp_path / "parts", stop)
    train(settings, two, tmp_path / "parts")
    assert same(state(tmp_path / "whole"), state(tmp_path / "parts"))
    steps = [event["steps"] for event in logged(tmp_path / "parts")]
    split = json.loads((tmp_path / "whole" / "split.json").read_text())
    first = len(open_sources(two)) - 40
    rooms = sum(index < first for index in split["train"])
    assert steps == [2 * (int(rooms * 0.25 + len(split["train"]) - rooms) // 16)] * len(steps)
    with pytest.raises(DepthModelsError, match="holds a run on other data"):
        train(settings, [two[1], two[0]], tmp_path / "parts")
