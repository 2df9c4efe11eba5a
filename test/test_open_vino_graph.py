"""Graphs are rewritten for OpenVINO into the same function."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from test_backends import checkpoint_of

from depth_models import list_networks
from depth_models.backends.export import onnx_program
from depth_models.backends.parity import patterns

openvino = pytest.importorskip("openvino")

from depth_models.backends.open_vino_graph import bilinear, rewrite  # noqa: E402  (needs the package)


@pytest.mark.parametrize(("inputs", "outputs"), [(60, 240), (7, 14), (5, 12), (9, 10), (1, 3)])
def test_bilinear_weights_are_torchs(inputs, outputs):
    x = torch.rand(1, 1, inputs, 1, dtype=torch.float64)
    expected = F.interpolate(x, (outputs, 1), mode="bilinear", align_corners=False).numpy()[0, 0]
    np.testing.assert_allclose(bilinear(inputs, outputs) @ x.numpy()[0, 0], expected, rtol=1e-6)


def run(model, canvases):
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    return openvino.Core().compile_model(model, "CPU", options)([canvases]).to_tuple()


def kinds(model):
    return [operation.get_type_name() for operation in model.get_ordered_ops()]


@pytest.mark.parametrize("name", list_networks())
def test_a_rewritten_network_gives_the_same_depth_and_sigma(name):
    checkpoint = checkpoint_of(name, **({"sigma": True} if name in ("unet", "fpn") else {}))
    pre = checkpoint.preprocess
    plain, ours = (openvino.Core().read_model(onnx_program(checkpoint, "fp32")) for _ in range(2))
    rewrite(ours)
    canvases = patterns(2, pre.height, pre.width)
    for before, after in zip(run(plain, canvases), run(ours, canvases), strict=True):
        assert before.std() > 1e-3 * before.mean()
        np.testing.assert_allclose(after, before, rtol=1e-4)


def test_single_maps_are_enlarged_by_products_and_thin_convolutions_split():
    """A unet's head and its sigma; a fpn's merging, three levels, its depth and its sigma."""
    for name, enlargements in (("unet", 1), ("fpn", 5)):
        model = openvino.Core().read_model(onnx_program(checkpoint_of(name, sigma=True), "fp32"))
        before = kinds(model)
        rewrite(model)
        after = kinds(model)
        assert before.count("Interpolate") - after.count("Interpolate") == enlargements
        assert after.count("MatMul") - before.count("MatMul") == 2 * enlargements
        assert after.count("GroupConvolution") - before.count("GroupConvolution") == 1


def test_a_convolution_from_many_channels_and_a_sum_of_channels_stay():
    parameter = openvino.opset13.parameter([1, 32, 8, 8], np.float32)
    places = ([1, 1], [1, 1], [1, 1], [1, 1])
    wide = openvino.opset13.convolution(parameter, np.ones((1, 32, 3, 3), np.float32), *places)
    summed = openvino.opset13.convolution(parameter, np.ones((1, 32, 1, 1), np.float32), *places)
    model = openvino.Model([wide, summed], [parameter])
    rewrite(model)
    assert kinds(model).count("Convolution") == 2
