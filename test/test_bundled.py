"""The weights that come with the package: what the file is, and what it gives on rooms that it was not trained on."""

import re
from functools import cache

import numpy as np
import pytest
from safetensors import safe_open

from depth_models import Checkpoint, DepthPredictor
from depth_models.checkpoint import bundled
from depth_models.evaluation import evaluate
from depth_models.types import Sample

UNSEEN_SEED = 2  # that the weights' own data does not have
HELD_OUT_SEEDS = {UNSEEN_SEED, 3, 9}  # of procedural rooms: of this file, of test_bundled_confidence.py, of the cards

NAMES = ["fpn", "unet", "unet_small"]


@pytest.fixture(scope="module", params=NAMES)
def predictor(request):
    return DepthPredictor.from_checkpoint(request.param, device="cpu")


@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_small_half_precision_and_of_rendered_rooms_only(name):
    path = bundled()[name]
    assert path.stat().st_size <= 12e6
    with safe_open(path, framework="np") as file:
        full = [name for name in file.keys() if file.get_tensor(name).dtype != np.float16]  # noqa: SIM118
    assert all(name.endswith("running_var") for name in full), "only BatchNorm's variances can be too large for half"
    record = Checkpoint.load(path).record
    records = [record]
    for record in records:  # the last run, those that it comes from, and what its sigma was fitted on
        assert re.match(r"depth-models (train (unet|fpn)_lite0 --data|weights average|confidence) ", record["command"])
        for source in record["data"].get("sources", [record["data"]]):
            assert source["generator"] in ("photoreal", "depth_models.data.rooms")
            assert source["generator"] == "photoreal" or source["seed"] not in HELD_OUT_SEEDS
        records += [
            known["record"] for name in ("init", "average", "teacher") if "record" in (known := record.get(name, {}))
        ]
        records += [record["confidence"]] if "confidence" in record else []
    assert len(records) > 2


def test_every_pixel_of_a_room_has_a_plausible_depth(predictor):
    pytest.importorskip("embreex")
    from depth_models.data.rooms.generate import dataset_frame

    frame = dataset_frame(UNSEEN_SEED, 0, (240, 320))
    depth = predictor(frame.rgb, frame.camera.fx, frame.camera.fy)
    assert depth.valid.all()
    assert 0.1 < depth.metres.min() < depth.metres.max() < 30
    assert np.corrcoef(np.log(depth.metres.ravel()), np.log(frame.depth.ravel()))[0, 1] > 0.7


@pytest.fixture(scope="module")
def unseen():
    """A function of a bundled name: its figures on the first view of each of 200 rooms."""
    pytest.importorskip("embreex")
    from depth_models.data.rooms.generate import dataset_frame

    def samples():
        for index in range(0, 1600, 8):
            frame = dataset_frame(UNSEEN_SEED, index, (240, 320))
            yield Sample(frame.rgb, frame.depth, frame.depth > 0, frame.camera)

    @cache
    def measure(name):
        report = evaluate(DepthPredictor.from_checkpoint(name, device="cpu"), samples())
        assert report.frames == 200
        return report.per_image

    return measure


@pytest.mark.slow
@pytest.mark.parametrize(("name", "abs_rel"), [("unet", 0.135), ("unet_small", 0.15), ("fpn", 0.14)])
def test_on_unseen_rooms_the_error_is_what_the_documents_say(unseen, name, abs_rel):
    assert unseen(name)["abs_rel"] < abs_rel


@pytest.mark.slow
@pytest.mark.parametrize(("name", "delta1"), [("unet", 0.84), ("unet_small", 0.80), ("fpn", 0.83)])
def test_on_unseen_rooms_so_many_pixels_are_near_the_truth(unseen, name, delta1):
    assert unseen(name)["delta1"] > delta1
