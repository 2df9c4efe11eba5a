"""What the bundled weights say of their own doubt: intervals that cover, and more doubt of what they never saw."""

import sys
from pathlib import Path

import numpy as np
import pytest

from depth_models import Checkpoint, DepthPredictor
from depth_models.checkpoint import bundled
from depth_models.evaluation import evaluate
from depth_models.types import Sample

UNSEEN_SEED = 3  # of rooms that neither depth nor sigma was fitted on
NAMES = [name for name, path in bundled().items() if "sigma" in Checkpoint.load(path).config]
sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))


@pytest.fixture(scope="module")
def rooms():
    """A view of each of 100 rooms."""
    pytest.importorskip("embreex")
    from depth_models.data.rooms.generate import dataset_frame

    frames = [dataset_frame(UNSEEN_SEED, index, (240, 320)) for index in range(0, 800, 8)]
    return [Sample(frame.rgb, frame.depth, frame.depth > 0, frame.camera) for frame in frames]


@pytest.fixture(scope="module", params=NAMES)
def predictor(request):
    return DepthPredictor.from_checkpoint(request.param, device="cpu")


def doubt(predictor, rgb):
    depth = predictor(rgb)
    return float(np.median(depth.sigma_metres / depth.metres))


@pytest.mark.slow
def test_on_unseen_rooms_intervals_cover_and_doubt_is_where_the_errors_are(predictor, rooms):
    confidence = evaluate(predictor, rooms).confidence
    # 63 to 73 and 92 to 98 %, and what 100 rooms leave to chance: a room's pixels are right or wrong together.
    assert 0.60 < confidence["coverage_68"]["pooled"] < 0.76
    assert 0.90 < confidence["coverage_95"]["pooled"] < 0.99
    assert confidence["ause"]["pooled"] < 0.9 * confidence["ause_gradient"]["pooled"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["noise", "black", "outdoors, painted", "close-up, painted"])
def test_pictures_unlike_any_room_are_doubted_more_than_rooms(predictor, rooms, kind):
    from staged import OUT_OF_DOMAIN

    rng = np.random.default_rng(1)
    strange = [doubt(predictor, OUT_OF_DOMAIN[kind](rng)) for _ in range(8)]
    known = [doubt(predictor, sample.rgb) for sample in rooms[:20]]
    assert np.median(strange) > 1.3 * np.median(known)
