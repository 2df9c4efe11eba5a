"""The named splits: sizes, disjointness, and NYU's own against its file."""

import hashlib
import json

import pytest

from depth_models import DepthModelsError
from depth_models.data.splits import SPLITS, make_split

# Eight views of each of 182 scenes, in an order that brings every scene to both sides of NYU's split.
SCENES = [f"room_{i % 182}" for i in range(1449)]


@pytest.mark.parametrize(("name", "sizes"), [("paper", (960, 240, 249)), ("paper-code", (1040, 260, 149))])
def test_the_papers_splits_are_in_file_order(name, sizes):
    split = make_split(name, ["scene"] * 1449)
    assert (len(split.train), len(split.val), len(split.test)) == sizes
    assert split.train + split.val + split.test == tuple(range(1449))
    with pytest.raises(DepthModelsError, match="1449 labelled frames, and the data has 10"):
        make_split(name, ["scene"] * 10)


def test_the_scene_split_shares_no_scene_and_loses_no_frame():
    scenes = [f"room_{i % 50}" for i in range(500)]
    split = make_split("scene", scenes)
    parts = [{scenes[i] for i in part} for part in (split.train, split.val, split.test)]
    assert [len(p) for p in parts] == [40, 5, 5]
    assert len(set.union(*parts)) == 50  # as many as in the three together: none is in two
    assert split.part("all") == tuple(range(500))
    assert split.part("val") == split.val


def test_the_scene_split_of_nine_tenths_holds_out_half_of_what_the_other_does():
    scenes = [f"room_{i % 100}" for i in range(500)]
    less, more = make_split("scene", scenes), make_split("scene-90", scenes)
    assert {scenes[i] for i in more.val} == {f"room_{i}" for i in (18, 38, 58, 78, 98)} < {scenes[i] for i in less.val}
    assert (
        {scenes[i] for i in more.test} == {f"room_{i}" for i in (19, 39, 59, 79, 99)} < {scenes[i] for i in less.test}
    )
    assert len(more.train) == 450
    assert more.part("all") == tuple(range(500))


def test_wrong_names_list_the_right_ones():
    with pytest.raises(DepthModelsError, match=", ".join(SPLITS)):
        make_split("papr", [])
    with pytest.raises(DepthModelsError, match="train, val, test or all"):
        make_split("scene", ["a"]).part("tset")


def test_official_is_what_nyus_file_has():
    """Hashes of `trainNdxs` and `testNdxs` of splits.mat, written in decimal with commas; both count from 1."""
    split = make_split("official", SCENES)
    for indices, digest in (
        (split.train + split.val, "8db3dc4c0cf4f885dfa708df185bd06757cbe04733b78f4d9744ce3bc67b1a73"),
        (split.test, "6e8da89f5e5d8d0972916b91530bd5ac245258e502a069be28388dce8d8f0a15"),
    ):
        text = ",".join(str(index + 1) for index in sorted(indices))
        assert hashlib.sha256(text.encode()).hexdigest() == digest
    assert split.test[:10] == (0, 1, 8, 13, 14, 15, 16, 17, 20, 27)
    assert split.test[-3:] == (1446, 1447, 1448)


def test_official_has_nyus_sizes_and_validates_on_scenes_that_it_does_not_train_on():
    split = make_split("official", SCENES)
    assert (len(split.train) + len(split.val), len(split.test)) == (795, 654)
    assert split.part("all") == tuple(range(1449))
    assert not {SCENES[i] for i in split.train} & {SCENES[i] for i in split.val}
    assert 0.08 < len({SCENES[i] for i in split.val}) / len(set(SCENES)) < 0.12
    assert make_split("official", SCENES) == split


@pytest.mark.parametrize("name", ["paper", "paper-code", "official"])
def test_nyus_splits_refuse_a_file_that_lost_a_frame(name):
    with pytest.raises(DepthModelsError, match="NYU Depth V2's 1449 labelled frames, and the data has 1448"):
        make_split(name, SCENES[:-1])


@pytest.mark.parametrize("name", SPLITS)
def test_a_split_goes_into_a_record_and_its_parts_are_disjoint(name):
    split = make_split(name, SCENES)
    record = json.loads(json.dumps(split.to_dict()))
    assert record == {"train": list(split.train), "val": list(split.val), "test": list(split.test)}
    assert sum(map(len, record.values())) == len(set().union(*record.values())) == 1449
