"""DepthPredictor against a pipeline written by hand, and what it promises: sizes, batches, threads, errors."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image

from depth_models import Checkpoint, Depth, DepthModelsError, DepthOutput, DepthPredictor, Preprocess, create_network
from depth_models.backends.pytorch import Eager
from depth_models.enlarging import upsample_depth
from depth_models.networks.registry import DepthNetwork

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
MEAN, STD, FOCAL = np.array([0.5, 0.4, 0.3]), np.array([0.2, 0.25, 0.3]), 80.0
SIZE = (64, 96)


def rgb_image(height, width, seed=0):
    """Random coarse blocks, so that neighbouring pixels differ and shrinking does not make it grey."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (-(-height // 8), -(-width // 8), 3), dtype=np.uint8)
    return coarse.repeat(8, 0).repeat(8, 1)[:height, :width].copy()


@pytest.fixture(scope="module")
def checkpoint():
    torch.manual_seed(0)
    network = create_network("unet", encoder="resnet18", decoder_channels=(32, 16, 16, 8, 8))
    with torch.no_grad():
        network.head.weight *= 50  # untrained it says nearly the same everywhere, which would prove little
    return Checkpoint.of(network, Preprocess(*SIZE, tuple(MEAN), tuple(STD), FOCAL))


@pytest.fixture(scope="module")
def predictor(checkpoint):
    return DepthPredictor(checkpoint, device="cpu")


def by_hand(checkpoint, rgb):
    """The network's depth of an image that fits the canvas as it is, through numpy float64."""
    image = ((rgb / 255.0 - MEAN) / STD).transpose(2, 0, 1)[None]
    network = checkpoint.build().double()
    with torch.no_grad():
        return network(torch.from_numpy(image)).depth[0, 0].numpy()


def test_depth_is_that_of_a_pipeline_written_by_hand(checkpoint, predictor):
    rgb = rgb_image(*SIZE)
    depth = predictor(rgb)
    assert isinstance(depth, Depth)
    assert depth.metres.dtype == np.float32
    assert depth.valid.all()
    np.testing.assert_allclose(depth.metres, by_hand(checkpoint, rgb), rtol=1e-3)
    assert depth.metres.std() > 0.1


def test_a_portrait_image_is_padded_left_and_right(checkpoint, predictor):
    rgb = rgb_image(64, 32)
    canvas = np.empty((*SIZE, 3))
    canvas[:] = np.rint(MEAN * 255)
    canvas[:, 32:64] = rgb
    np.testing.assert_allclose(predictor(rgb).metres, by_hand(checkpoint, canvas)[:, 32:64], rtol=1e-3)


def test_a_large_image_is_averaged_and_its_depth_enlarged(checkpoint, predictor):
    rgb = rgb_image(128, 192)
    canvas = np.floor(rgb.reshape(64, 2, 96, 2, 3).mean(axis=(1, 3)) + 0.5)
    expected = upsample_depth(by_hand(checkpoint, canvas).astype(np.float32), 128, 192)
    # Rounding may tip a pixel from interpolation to nearest.
    assert np.isclose(predictor(rgb).metres, expected, rtol=1e-3).mean() > 0.999


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (480, 640), (641, 239), (64, 96), (33, 97)])
def test_depth_has_the_images_size(size, predictor):
    depth = predictor(rgb_image(*size))
    assert depth.metres.shape == depth.valid.shape == size
    assert depth.valid.all()
    assert 0.1 - 1e-6 <= depth.metres.min() <= depth.metres.max() <= 20.0 + 1e-4


def test_the_same_image_gives_the_same_bytes(checkpoint, predictor):
    rgb = rgb_image(100, 150)
    first = predictor(rgb).metres
    assert np.array_equal(predictor(rgb).metres, first)
    assert np.array_equal(DepthPredictor(checkpoint, device="cpu")(rgb).metres, first)
    assert not np.array_equal(predictor(255 - rgb).metres, first)


def test_a_batch_gives_what_its_images_give_alone(predictor):
    images = [rgb_image(*size, seed=seed) for seed, size in enumerate([(64, 96), (128, 64), (50, 200)])]
    depths = predictor.batch(images, 100.0, 100.0)
    assert len(depths) == 3
    for image, depth in zip(images, depths, strict=True):
        alone = predictor(image, 100.0, 100.0)
        assert depth.metres.shape == image.shape[:2]
        # Rounding may tip a pixel from interpolation to nearest.
        assert np.isclose(depth.metres, alone.metres, rtol=1e-3).mean() > 0.999
    assert predictor.batch([]) == []


def test_array_pillow_image_and_path_are_one_image(predictor, tmp_path):
    rgb = rgb_image(48, 80)
    path = tmp_path / "image.png"
    Image.fromarray(rgb).save(path)
    expected = predictor(rgb).metres
    view = np.flip(np.flip(rgb, 1).copy(), 1)  # its columns lie backwards in memory
    for image in (Image.fromarray(rgb), path, str(path), np.asfortranarray(rgb), view):
        assert np.array_equal(predictor(image).metres, expected)


@pytest.mark.parametrize(
    "image",
    [None, 3, [[0, 0, 0]], np.zeros((4, 5), np.uint8), np.zeros((4, 5, 4), np.uint8), np.zeros((0, 5, 3), np.uint8)],
)
def test_what_is_no_image_is_refused(image, predictor):
    with pytest.raises(DepthModelsError, match="an image "):
        predictor(image)


def test_the_focal_length_scales_the_metres(predictor):
    rgb = rgb_image(128, 192)  # half its size on the canvas
    canonical = predictor(rgb).metres
    assert np.array_equal(predictor(rgb, fx=160.0, fy=160.0).metres, canonical), "160 px is 80 px on the canvas"
    assert np.array_equal(predictor(rgb, fx=320.0, fy=320.0).metres, 2 * canonical)
    assert np.array_equal(predictor(rgb, fx=40.0, fy=40.0).metres, canonical / 4)
    np.testing.assert_allclose(predictor(rgb, fx=500.0, fy=720.0).metres, canonical * 600 / 160, rtol=1e-6)


@pytest.mark.parametrize(("fx", "fy"), [(500.0, None), (0.0, 500.0), (math.nan, math.nan)])
def test_a_bad_focal_length_is_refused_before_the_network_runs(fx, fy, predictor, monkeypatch):
    monkeypatch.setattr(predictor, "_backend", lambda canvases: pytest.fail("the network ran"))
    with pytest.raises(DepthModelsError, match="fx and fy must both be positive"):
        predictor(rgb_image(10, 10), fx, fy)


class Oracle(DepthNetwork):
    """Reads metres at the canonical focal length out of the colour: red / 16."""

    def forward(self, image):
        red = (image[:, :1] * STD[0] + MEAN[0]) * 255
        return DepthOutput(red.round() / 16)


class OracleCheckpoint:
    network = "oracle"
    preprocess = Preprocess(64, 96, tuple(MEAN), tuple(STD), FOCAL)

    def build(self):
        return Oracle()


def painted(height, width, f, canvas_f):
    """A wall at 2 m with a box at 1 m, seen by a camera of focal length f; the colour is what the oracle reads."""
    y, x = np.mgrid[:height, :width]
    x, y = (x + 0.5 - width / 2) / f, (y + 0.5 - height / 2) / f
    metres = np.where((abs(x) < 0.1) & (abs(y) < 0.1), 1.0, 2.0)
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[..., 0] = np.rint(metres * FOCAL / canvas_f * 16)
    return rgb, metres


def test_two_cameras_of_one_wall_agree_to_the_bit_with_a_perfect_network():
    predictor = DepthPredictor(OracleCheckpoint(), device="cpu")
    for size, f, canvas_f in (((64, 96), 80.0, 80.0), ((128, 192), 320.0, 160.0), ((256, 192), 640.0, 160.0)):
        rgb, metres = painted(*size, f, canvas_f)
        depth = predictor(rgb, fx=f, fy=f).metres
        assert set(np.unique(depth)) == {1.0, 2.0}
        np.testing.assert_array_equal(depth, metres)


def test_threads_take_turns(predictor):
    images = [rgb_image(60, 90, seed) for seed in range(8)]
    expected = [predictor(image).metres for image in images]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda i: predictor(images[i % 8]).metres, range(32)))
    for index, result in enumerate(results):
        assert np.array_equal(result, expected[index % 8])


def test_it_is_warm_when_made(checkpoint, monkeypatch):
    calls, run = [], Eager.__call__
    monkeypatch.setattr(Eager, "__call__", lambda self, x: calls.append(x.shape) or run(self, x))
    DepthPredictor(checkpoint, device="cpu")
    assert calls == [(1, *SIZE, 3)]


def test_bfloat16_is_close_to_float32(checkpoint, predictor):
    half = DepthPredictor(checkpoint, device="cpu", precision="bf16")
    depth = half(rgb_image(*SIZE)).metres
    assert depth.dtype == np.float32
    assert (half.precision, predictor.precision) == ("bf16", "fp32")
    error = np.abs(depth / predictor(rgb_image(*SIZE)).metres - 1)
    assert 0 < error.max() < 0.2
    assert error.mean() < 0.02


def test_auto_takes_what_the_machine_has(checkpoint, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    predictor = DepthPredictor(checkpoint)
    assert (predictor.device, predictor.backend, predictor.precision) == ("cpu", "torch", "fp32")


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:7"])
def test_a_gpu_that_is_not_there_is_a_clear_error(device, checkpoint, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DepthModelsError) as caught:
        DepthPredictor(checkpoint, device=device)
    assert f"device '{device}' was asked for, and torch {torch.__version__} sees 0 CUDA devices" in str(caught.value)
    assert "use device 'cpu' or 'auto'" in str(caught.value)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"device": "gpu"}, "unknown device 'gpu'; expected 'auto', 'cpu', 'cuda' or 'cuda:N'"),
        ({"device": "cuda:x"}, "unknown device 'cuda:x'"),
        ({"device": "cpu:0"}, "unknown device 'cpu:0'"),
        ({"backend": "tflite"}, "unknown backend 'tflite'; expected 'auto' or one of torch"),
        ({"precision": "int4"}, "unknown precision 'int4'; expected 'auto' or one of fp32, fp16, bf16, int8"),
        ({"precision": "fp16"}, "precision 'fp16' needs a GPU; on a CPU use 'fp32' or 'bf16'"),
    ],
)
def test_an_option_that_cannot_be_is_refused(option, message, checkpoint):
    with pytest.raises(DepthModelsError) as caught:
        DepthPredictor(checkpoint, **({"device": "cpu"} | option))
    assert message in str(caught.value)


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-2), ("fp16", 5e-2), ("bf16", 0.2)])
def test_a_gpu_agrees_with_the_cpu(precision, tolerance, checkpoint, predictor):
    gpu = DepthPredictor(checkpoint, device="cuda", precision=precision)
    assert gpu.device == "cuda:0"
    images = [rgb_image(*SIZE, seed=seed) for seed in range(3)]
    for ours, theirs in zip(gpu.batch(images), predictor.batch(images), strict=True):
        np.testing.assert_allclose(ours.metres, theirs.metres, rtol=tolerance)


@pytest.mark.gpu
@needs_gpu
def test_auto_takes_the_gpu_in_half_precision(checkpoint):
    predictor = DepthPredictor(checkpoint)
    assert (predictor.device, predictor.precision) == ("cuda:0", "fp16")
