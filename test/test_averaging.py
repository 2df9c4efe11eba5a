"""The average of two checkpoints: each weight on the line between them, and a record that says what both were."""

import numpy as np
import pytest
import torch

from depth_models import Checkpoint, DepthModelsError, Preprocess, create_network
from depth_models.averaging import average
from depth_models.cli import main
from depth_models.networks.registry import network_class
from depth_models.training import fine_tuning

CONFIG = {"network": "unet", "optimisation": {"lr": 1e-3}, "loss": {"log_l1": 1.0}}


def checkpoint(seed, focal_px=70.0, **options):
    torch.manual_seed(seed)
    cls = network_class("unet")
    network = create_network("unet", **{**cls.small, **options})
    pre = Preprocess(*cls.small_size, mean=(0.5,) * 3, std=(0.2,) * 3, focal_px=focal_px)
    return Checkpoint.of(network, pre, {"command": f"depth-models train {seed}", "data": {"file": f"{seed}.mat"}})


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_every_weight_lies_on_the_line_between_the_two(share):
    one, two = checkpoint(0), checkpoint(1)
    mixed = average(one, two, share)
    assert (mixed.network, mixed.config, mixed.preprocess) == (one.network, one.config, one.preprocess)
    for name, tensor in mixed.tensors.items():
        a, b = (np.asarray(of.tensors[name], np.float64) for of in (one, two))
        np.testing.assert_allclose(tensor.numpy(), (1 - share) * a + share * b, rtol=0, atol=1e-6)
    image = torch.rand(1, 3, mixed.preprocess.height, mixed.preprocess.width)
    assert torch.isfinite(mixed.build()(image).depth).all()


@pytest.mark.parametrize(
    ("other", "share", "what"),
    [
        (checkpoint(1, focal_px=80.0), 0.5, "differ in preprocess"),
        (checkpoint(1, dropout=0.3), 0.5, "differ in config"),
        (checkpoint(1), 1.5, "must be in 0 to 1, got 1.5"),
    ],
)
def test_what_has_no_average_is_refused(other, share, what):
    with pytest.raises(DepthModelsError, match=what):
        average(checkpoint(0), other, share)


def test_the_command_keeps_both_histories_and_what_training_goes_on_from(tmp_path, capsys):
    paths = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    one, two = checkpoint(0), checkpoint(1)
    two.record["config"] = CONFIG
    for each, path in zip((one, two), paths, strict=True):
        each.save(path)
    out = tmp_path / "mixed.safetensors"
    words = ["weights", "average", *map(str, paths), "--share", "0.25", "--out", str(out)]
    assert main(words) == 0
    assert capsys.readouterr().out == f"{out}\n"
    mixed = Checkpoint.load(out)
    assert mixed.record == {
        "data": {"file": "1.mat"}, "config": CONFIG, "command": f"depth-models {' '.join(words)}",
        "average": {"checkpoint": str(paths[0]), "digest": one.digest, "record": one.record},
        "init": {"checkpoint": str(paths[1]), "record": two.record},
    }  # fmt: skip
    assert torch.equal(mixed.tensors["head.weight"], average(one, two, 0.25).tensors["head.weight"])
    assert fine_tuning(str(out)).init == str(out)

    checkpoint(1, focal_px=80.0).save(paths[1])
    assert main([*words[:-1], str(tmp_path / "none.safetensors")]) == 1
    assert f"{paths[0]} and {paths[1]} differ in preprocess" in capsys.readouterr().err
    assert not (tmp_path / "none.safetensors").exists()
