"""Distillation: a teacher of another size and focal length is a second truth, in the learner's metres."""

from dataclasses import replace

import cv2
import pytest
import torch
from training_runs import config, plain_config

from depth_models import DepthModelsError, create_network
from depth_models.checkpoint import Checkpoint
from depth_models.config import Distillation
from depth_models.preprocess import Preprocess
from depth_models.training import train
from depth_models.training.learner import Learner
from depth_models.training.start import fine_tuning
from depth_models.training.teacher import Teacher
from depth_models.types import Calibration

CANVAS = (32, 48)  # of `training_runs.config`, whose focal length is 52 pixels


def teacher(folder, **preprocess):
    """A checkpoint file of a network that no learner here is."""
    torch.manual_seed(7)
    network = create_network("baseline", hidden=[8], map_size=[8, 12])
    values = {"height": 32, "width": 48, "mean": [0.4] * 3, "std": [0.3] * 3, "focal_px": 26.0}
    path = folder / "teacher.safetensors"
    Checkpoint.of(network, Preprocess(**values | preprocess), {"made": "for a test"}).save(path)
    return str(path)


def images(count=3):
    return torch.randint(0, 256, (count, *CANVAS, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def raw(path, pictures):
    """The teacher's own network on its canvases, by PyTorch."""
    checkpoint = Checkpoint.load(path)
    with torch.inference_mode():
        return checkpoint.build().eval()(checkpoint.preprocess.normalise(pictures)).depth


def test_its_depth_is_in_the_learners_metres(tmp_path):
    path = teacher(tmp_path)
    depth, valid = Teacher(path, config().preprocess, "cpu")(images())
    assert (depth.shape, depth.dtype, valid.dtype) == ((3, 1, *CANVAS), torch.float32, torch.bool)
    assert valid.all()
    # At twice its own focal length everything is twice as far; the learner's metres are those at 52 pixels.
    torch.testing.assert_close(depth, raw(path, images()) * 2, rtol=1e-4, atol=1e-5)


def test_a_teacher_of_another_size_sees_the_whole_picture(tmp_path):
    path = teacher(tmp_path, height=64, width=96, focal_px=104.0)  # the learner's field of view
    ramp = torch.linspace(0, 255, 48).to(torch.uint8).expand(1, 32, 3, 48).movedim(2, 3).contiguous()
    depth, _ = Teacher(path, config().preprocess, "cpu")(ramp)
    larger = torch.from_numpy(cv2.resize(ramp[0].numpy(), (96, 64), interpolation=cv2.INTER_LINEAR))[None]
    under = raw(path, larger).reshape(1, 1, 32, 2, 48, 2)  # each pixel's four of the teacher's
    assert depth.shape == (1, 1, *CANVAS)
    assert (under.amin((3, 5)) * 0.999 < depth).all()
    assert (depth < under.amax((3, 5)) * 1.001).all()
    assert (under.amax((3, 5)) / under.amin((3, 5))).mean() < 0.25 * (depth.max() / depth.min()), "which says a lot"


def test_its_calibration_counts_and_what_has_no_depth_is_not_taught(tmp_path):
    middle = float(raw(teacher(tmp_path), images()).median())
    calibration = Calibration("metres", 1.5, -1.5 * middle)
    path = teacher(tmp_path, focal_px=52.0, calibration=calibration)
    depth, valid = Teacher(path, config().preprocess, "cpu")(images())
    expected = 1.5 * (raw(path, images()) - middle)
    clear = expected.abs() > 1e-3
    assert torch.equal(valid[clear], (expected > 0)[clear])
    assert 0.2 < valid.float().mean() < 0.8
    torch.testing.assert_close(depth[clear], torch.where(expected > 0, expected, 1.0)[clear], rtol=1e-3, atol=1e-4)


def test_the_loss_is_shared_between_truth_and_teacher(tmp_path):
    path = teacher(tmp_path)
    target = 0.5 + 4 * torch.rand(3, 1, *CANVAS, generator=torch.Generator().manual_seed(2))
    valid = torch.rand(target.shape, generator=torch.Generator().manual_seed(3)) < 0.4
    settings = plain_config(loss={"log_l1": 1.0})
    torch.manual_seed(0)
    network = create_network(settings.network, **settings.options)
    start = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with torch.inference_mode():
        log = network.train()(settings.preprocess.normalise(images())).depth.double().log()
    against_truth = (log - target.double().log()).abs()[valid].mean()
    against_teacher = (log - (raw(path, images()).double() * 2).log()).abs().mean()
    for share in (0.25, 1.0):
        network.load_state_dict(start)
        learner = Learner(replace(settings, distillation=Distillation(path, share)), network)
        loss = learner.learn([[images(), target, valid, torch.ones(3)]], 1)["loss"]
        assert loss == pytest.approx(float((1 - share) * against_truth + share * against_teacher), rel=1e-4)


def test_a_learner_comes_to_agree_with_its_teacher(tmp_path):
    settings = plain_config(distillation={"teacher": teacher(tmp_path), "share": 1.0}, loss={"log_l1": 1.0})
    torch.manual_seed(0)
    learner = Learner(settings, create_network(settings.network, **settings.options))
    batch = [images(), torch.full((3, 1, *CANVAS), 9.0), torch.ones(3, 1, *CANVAS, dtype=torch.bool), torch.ones(3)]
    losses = [learner.learn([batch], 60)["loss"] for _ in range(60)]
    assert losses[-1] < 0.3 * losses[0], "and not with a truth of 9 m everywhere"


def test_a_run_records_its_teacher(planes, tmp_path):
    path = teacher(tmp_path)
    best = train(plain_config(distillation={"teacher": path}, epochs=1), planes, tmp_path / "run")
    assert Checkpoint.load(best).record["teacher"] == {"checkpoint": path, "record": {"made": "for a test"}}
    assert Checkpoint.load(best).record["config"]["distillation"] == {"teacher": path, "share": 0.5}
    assert fine_tuning(str(best)).distillation.teacher == "", "whose file need not be where it is fine-tuned"


def test_what_gives_no_metres_and_a_share_of_nothing_are_refused(tmp_path):
    with pytest.raises(DepthModelsError, match="only up to scale and shift"):
        Teacher(teacher(tmp_path, metric=False), config().preprocess, "cpu")
    with pytest.raises(DepthModelsError, match="'/no/such' is neither a file nor"):
        Learner(config(distillation={"teacher": "/no/such"}), create_network("baseline", hidden=[8], map_size=[8, 12]))
    for share in (0, 1.5, float("nan")):
        with pytest.raises(DepthModelsError, match="a share over 0 and up to 1"):
            config(distillation={"teacher": "unet", "share": share})
