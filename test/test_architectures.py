"""The paper's four architectures: parameter counts, derived from the paper's layer lists, and layers."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from depth_models import create_network
from depth_models.networks.blocks import ToMetres
from depth_models.networks.registry import network_class

# torchvision's published counts less their classifier (1000 classes).
RESNET18 = 11_689_512 - 513_000
RESNET152 = 60_192_808 - 2_049_000
RESNEXT101 = 88_791_336 - 2_049_000


def small(name, **config):
    torch.manual_seed(0)
    return create_network(name, **(network_class(name).small | config))


def batch(count=2):
    return torch.randn(count, 3, 64, 96, generator=torch.Generator().manual_seed(0))


def full(name, **config):
    """The network as published, without its memory."""
    with torch.device("meta"):
        return create_network(name, **config)


def count(network, trainable=False):
    total = sum(p.numel() for p in network.parameters() if p.requires_grad or not trainable)
    print(f"{network.name} {network.config}: {total:,} {'trainable ' * trainable}parameters")
    return total


def convolution(inputs, outputs, kernel, bias=True):
    return inputs * outputs * kernel**2 + bias * outputs


def linear(inputs, outputs):
    return inputs * outputs + outputs


def batchnorm(channels):
    return 2 * channels


def test_baseline_has_196_7_million_parameters():
    widths = [512, 512, 512, 128, 4800, 38400]  # ResNet-18's features, then the five layers
    regressor = sum(linear(a, b) for a, b in pairwise(widths))
    network = full("baseline")
    assert count(network) == RESNET18 + regressor == 196_745_088
    assert count(network, trainable=True) == regressor
    layers = [m for m in network.regressor if isinstance(m, nn.Linear)]
    assert [layer.out_features for layer in layers] == [512, 512, 128, 4800, 38400]
    assert [type(m) for m in network.regressor] == [nn.Linear, nn.ReLU] * 4 + [nn.Linear]
    assert network.map_size == (160, 240)


def test_unet_has_67_2_million_parameters():
    skips = [1024, 512, 256, 64, 0]  # ResNet-152's features at 1/16, 1/8, 1/4, 1/2; none at full size
    widths = [2048, 256, 128, 64, 32, 16]
    decoder = sum(
        convolution(a + skip, b, 3, bias=False) + convolution(b, b, 3, bias=False) + 2 * batchnorm(b)
        for a, b, skip in zip(widths[:-1], widths[1:], skips, strict=True)
    )
    head = convolution(16, 1, 3)
    network = full("unet")
    assert count(network) == RESNET152 + decoder + head == 67_156_881
    assert count(network, trainable=True) == decoder + head


def test_fpn_has_89_4_million_parameters():
    decoder = 0
    for features, convolutions in ((2048, 3), (1024, 2), (512, 1), (256, 1)):
        decoder += convolution(features, 256, 1, bias=False) + batchnorm(256)
        decoder += convolution(256, 128, 3, bias=False) + (convolutions - 1) * convolution(128, 128, 3, bias=False)
        decoder += convolutions * batchnorm(128)
    heads, merge = 4 * convolution(128, 1, 1), convolution(4, 1, 3)
    network = full("fpn")
    assert count(network) == RESNEXT101 + decoder + heads + merge == 89_351_785
    assert count(network, trainable=True) == decoder + merge


def test_multiscale_has_231_2_million_parameters():
    coarse = sum(convolution(*shape) for shape in ((3, 96, 5), (96, 100, 3), (100, 100, 3), (100, 256, 3), (256, 1, 3)))
    coarse += sum(batchnorm(c) for c in (96, 100, 100, 256)) + linear(4800, 9600) + linear(9600, 19200)
    fine = convolution(3, 100, 11) + convolution(100, 100, 5) + convolution(101, 40, 3) + convolution(40, 1, 3)
    fine += sum(batchnorm(c) for c in (100, 100, 40))
    network = full("multiscale")
    assert count(network) == count(network, trainable=True) == coarse + fine == 231_170_502
    # Without the coarse path its map is no channel of the 40-channel convolution either.
    assert count(full("multiscale", coarse=False)) == fine - 40 * 3**2


def test_multiscale_is_figure_4_layer_by_layer():
    network = full("multiscale")
    rows = {id(network.coarse): [], id(network.fine): [], id(network.refine): []}

    def record(path):
        def hook(module, inputs, output):
            row = [type(module).__name__, *output.shape[1:]]
            if isinstance(module, nn.Conv2d):
                assert module.stride == (1, 1)
                row += [f"k{module.kernel_size[0]}", f"p{module.padding[0]}"]
            path.append(" ".join(map(str, row)))

        return hook

    for path in (network.coarse, network.fine, network.refine):
        for module in path.modules():
            if not list(module.children()):
                module.register_forward_hook(record(rows[id(path)]))
    output = network(torch.empty(1, 3, 480, 640, device="meta"))
    print(*rows.values(), sep="\n")
    assert rows[id(network.coarse)] == [
        "Conv2d 96 480 640 k5 p2", "MaxPool2d 96 240 320", "BatchNorm2d 96 240 320", "ReLU 96 240 320",
        "Conv2d 100 240 320 k3 p1", "MaxPool2d 100 120 160", "BatchNorm2d 100 120 160", "ReLU 100 120 160",
        "Conv2d 100 120 160 k3 p1", "MaxPool2d 100 60 80", "BatchNorm2d 100 60 80", "ReLU 100 60 80",
        "Conv2d 256 60 80 k3 p1", "BatchNorm2d 256 60 80", "ReLU 256 60 80",
        "Conv2d 1 60 80 k3 p1", "Flatten 4800", "Linear 9600", "ReLU 9600", "Linear 19200", "Unflatten 1 120 160",
    ]  # fmt: skip
    assert rows[id(network.fine)] == [
        "Conv2d 100 480 640 k11 p5", "BatchNorm2d 100 480 640", "ReLU 100 480 640",
        "Conv2d 100 480 640 k5 p2", "BatchNorm2d 100 480 640", "ReLU 100 480 640",
    ]  # fmt: skip
    assert network.refine[0][0].in_channels == 101, "the coarse map is a channel of the fine path"
    assert rows[id(network.refine)] == [
        "Conv2d 40 480 640 k3 p1", "BatchNorm2d 40 480 640", "ReLU 40 480 640", "Conv2d 1 480 640 k3 p1",
    ]  # fmt: skip
    assert output.depth.shape == output.aux[0].shape == (1, 1, 480, 640)


def bilinear_4x(image):
    """(h, w) to (4h, 4w) float64, pixel centres aligned, borders held."""
    for axis in (0, 1):
        size = image.shape[axis]
        centres = np.clip((np.arange(4 * size) + 0.5) / 4 - 0.5, 0, size - 1)
        image = np.apply_along_axis(lambda line, x=centres: np.interp(x, np.arange(len(line)), line), axis, image)
    return image


def test_baselines_depth_is_its_map_upsampled_once():
    network, maps = small("baseline"), []
    network.regressor.register_forward_hook(lambda module, inputs, output: maps.append(output))
    with torch.inference_mode():
        depth = network(batch(1)).depth
    metres = 0.1 * 200 ** (1 / (1 + np.exp(-maps[0].double().numpy()))).reshape(16, 24)
    np.testing.assert_allclose(depth[0, 0].numpy(), bilinear_4x(metres), rtol=1e-5)


def test_multiscales_aux_is_its_coarse_map_upsampled_four_times():
    network, raw = small("multiscale"), []
    network.coarse.register_forward_hook(lambda module, inputs, output: raw.append(output))
    with torch.inference_mode():
        output = network(batch(1))
    assert raw[0].shape == (1, 1, 16, 24)
    coarse = 0.1 * 200 ** (1 / (1 + np.exp(-raw[0][0, 0].double().numpy())))
    (aux,) = output.aux
    np.testing.assert_allclose(aux[0, 0].numpy(), bilinear_4x(coarse), rtol=1e-5)


def test_multiscales_coarse_path_learns_from_both_maps():
    network = small("multiscale").train()
    for pick in (lambda output: output.aux[0], lambda output: output.depth):
        network.zero_grad()
        pick(network(batch())).mean().backward()
        assert network.coarse[-2].weight.grad.abs().max() > 0


def test_multiscale_without_its_coarse_path_has_the_fine_one_alone():
    network = small("multiscale", coarse=False)
    output = network(batch())
    assert output.aux == ()
    assert not any(isinstance(module, nn.Linear) for module in network.modules())
    assert network.config["coarse"] is False


@pytest.mark.parametrize(("name", "blocks"), [("unet", 5), ("fpn", 4)])
def test_every_decoder_block_normalises_by_batch_and_drops_out(name, blocks):
    network = full(name)
    assert len(network.decoder) == blocks
    for block in network.decoder:
        kinds = [type(module) for module in block.modules()]
        convolutions = kinds.count(nn.Conv2d)
        assert kinds.count(nn.BatchNorm2d) == convolutions > 0, "one after each convolution"
        dropouts = [module for module in block.modules() if isinstance(module, nn.Dropout2d)]
        assert [dropout.p for dropout in dropouts] == [0.2]
    assert not any(isinstance(module, nn.GroupNorm) for module in network.modules())


@pytest.mark.parametrize("name", ["unet", "fpn"])
def test_dropout_is_at_work_in_every_block(name):
    blocks = len(small(name).decoder)
    for index in range(blocks):
        network = small(name, dropout=0.0).train()
        image = batch()
        first = network(image).depth
        assert torch.equal(first, network(image).depth), "without dropout training is repeatable"
        for module in network.decoder[index].modules():
            if isinstance(module, nn.Dropout2d):
                module.p = 0.5
        assert not torch.equal(first, network(image).depth)


def test_fpn_predicts_at_four_scales_and_trains_the_decoder_and_the_merge():
    network = small("fpn")
    assert [tuple(m.shape) for m in network.predictions(network.decode(batch()))] == [
        (2, 1, 64 // scale, 96 // scale) for scale in (32, 16, 8, 4)
    ]
    trained = {(key.split(".")[0], parameter.requires_grad) for key, parameter in network.named_parameters()}
    assert trained == {("encoder", False), ("decoder", True), ("heads", False), ("merge", True)}
    assert [type(head) for head in network.heads] == [nn.Conv2d] * 4


def test_fpns_depth_depends_on_each_of_its_four_predictions():
    network = small("fpn")
    with torch.no_grad():
        before = network(batch()).depth
        for head in network.heads:
            head.bias += 1.0
            after = network(batch()).depth
            assert not torch.equal(before, after)
            before = after


def test_unets_depth_depends_on_every_feature_map_of_the_encoder():
    network = small("unet")
    with torch.inference_mode():
        depth, features = network(batch()).depth, network.encoder(batch())
        assert [f.shape[2] for f in features] == [64, 32, 16, 8, 4, 2]
        for index in range(1, 6):
            changed = [f + 1 if i == index else f for i, f in enumerate(features)]
            handle = network.encoder.register_forward_hook(lambda module, inputs, output, changed=changed: changed)
            assert not torch.equal(network(batch()).depth, depth), f"feature map {index}"
            handle.remove()


def test_the_bounded_head_maps_any_number_to_metres():
    raw = torch.tensor([-torch.inf, -1.0, 0.0, 1.0, torch.inf, 1e9])
    metres = ToMetres()(raw)
    expected = [0.1, 0.1 * 200 ** (1 / (1 + np.e)), np.sqrt(0.1 * 20), 0.1 * 200 ** (np.e / (1 + np.e)), 20, 20]
    np.testing.assert_allclose(metres, expected, rtol=1e-6)
    assert ToMetres()(raw.half()).dtype == torch.float32
