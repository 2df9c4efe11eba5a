"""Training configurations: the shipped ones, overrides, and the reason for what is refused."""

import pytest
import yaml

from depth_models import DepthModelsError, list_networks
from depth_models.config import TrainConfig
from depth_models.files import share_folder
from depth_models.networks.registry import network_class

SHIPPED = sorted(p.stem for p in (share_folder("config") / "train").glob("*.yaml"))


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_configuration_is_read_and_survives_a_round_trip_through_yaml(name):
    config = TrainConfig.load(name)
    assert TrainConfig.from_dict(yaml.safe_load(yaml.safe_dump(config.to_dict()))) == config


def test_every_network_has_a_recipe_of_its_name():
    for name in list_networks():
        config = TrainConfig.load(name)
        assert config.network == name
        assert config.preprocess.height % network_class(name).stride == 0
        assert config.preprocess.width % network_class(name).stride == 0


def test_the_papers_networks_have_the_papers_recipe():
    for name in ("baseline", "fpn", "multiscale", "unet"):
        config = TrainConfig.load(name)
        assert (config.network, config.split, config.loss) == (name, "paper", {"smooth_l1": 1.0})
        assert (config.optimisation.optimizer, config.optimisation.lr) == ("adam", 1e-4)
        assert config.epochs == {"baseline": 20, "multiscale": 20, "unet": 30, "fpn": 30}[name]
        assert config.batch_size == {"baseline": 4, "multiscale": 4, "unet": 1, "fpn": 1}[name]
        assert (config.accumulate, config.precision, config.optimisation.schedule) == (1, "fp32", "constant")
        assert (config.preprocess.height, config.preprocess.width) == (480, 640)
        assert (config.preprocess.mean, config.preprocess.std) == ((0.5145, 0.4555, 0.4275), (0.2541, 0.2605, 0.2748))
        augmentation = config.augmentation
        assert (augmentation.rotation_deg, augmentation.rotation_p) == (5.0, 0.5)
        assert (augmentation.flip_p, augmentation.grey_p, augmentation.zoom) == (0.6, 0.2, 1.0)


def test_overrides_reach_every_depth_and_are_typed():
    config = TrainConfig.load(
        "unet",
        [
            "epochs=3",
            "optimisation.lr=1e-3",
            "options.encoder=resnet18",
            "loss={l1: 1e-3, l2: 2}",
            "augmentation.zoom=2",
            "accumulate=4",
            "compile=true",
            "tensorboard=no",
        ],
    )
    assert (config.accumulate, config.compile, config.tensorboard) == (4, True, False)
    assert (config.epochs, config.optimisation.lr, config.options["encoder"]) == (3, 1e-3, "resnet18")
    assert (config.loss, config.augmentation.zoom) == ({"l1": 1e-3, "l2": 2.0}, 2.0)


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("epoch=3", "unknown setting 'epoch': did you mean 'epochs'?"),
        ("optimisation.lrr=3", "unknown setting 'lrr': did you mean 'lr'?"),
        ("epochs=three", "epochs: expected int, got 'three'"),
        ("epochs=true", "epochs: expected int, got True"),
        ("epochs=0", "epochs must be 1 or more, got 0"),
        ("accumulate=0", "accumulate must be 1 or more"),
        ("keep_every=-1", "keep_every must be 0 or more"),
        ("compile=1", "compile: expected bool, got 1"),
        ("optimisation.schedule=cycle", "expected one of constant, cosine, one_cycle"),
        ("optimisation.lr=0", "lr > 0"),
        ("optimisation.warmup_steps=-1", "no negative value"),
        ("loss={l1: much}", "loss: l1: expected float, got 'much'"),
        ("optimisation.lr=fast", "lr: expected float, got 'fast'"),
        ("optimisation.optimizer=sgd", "optimizer is 'sgd'; expected one of adam, adamw"),
        ("optimisation=adam", "expected a group of settings"),
        ("precision=fp8", "precision is 'fp8'"),
        ("depth=depth", "expected one of depths, rawDepths"),
        ("preprocess.height=-1", "got Preprocess(height=-1"),
        ("preprocess.mean=[1, 2]", "three finite values"),
        ("network.name=unet", "'network.name=unet': network is a value"),
        ("epochs", "expected key=value"),
        ("epochs={", "not a YAML value"),
    ],
)
def test_a_wrong_setting_is_refused_with_the_reason(override, reason):
    with pytest.raises(DepthModelsError) as caught:
        TrainConfig.load("unet", [override])
    assert reason in str(caught.value)


def test_files_that_are_no_configuration_are_refused(tmp_path):
    with pytest.raises(DepthModelsError, match=", ".join(SHIPPED)):
        TrainConfig.load("une")
    for text, reason in (("- 1\n", "expected a mapping"), ("a: [", "not readable as YAML"), ("{}", "network")):
        path = tmp_path / "train.yaml"
        path.write_text(text)
        with pytest.raises(DepthModelsError, match=reason) as caught:
            TrainConfig.load(path)
        assert str(path) in str(caught.value)
