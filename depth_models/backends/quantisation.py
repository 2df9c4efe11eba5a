"""int8: post-training quantisation by ONNX Runtime, whose files OpenVINO and TensorRT read too."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from depth_models.backends.cache import LOG, cached
from depth_models.errors import DepthModelsError
from depth_models.types import Camera, Sample

# Frames of rooms that none of the shipped data sets has. On 12 to check with, chance decided: of weighted means of the
# same two unets some passed and some lost up to 7 % of AbsRel to int8, in no order.
CALIBRATION, CHECK = 24, 48
_SEED = 770_001
_FRAMES = "frames.npz"
_QUANTISED = ("Conv", "Gemm", "MatMul")
_FIRST = 3  # convolutions that see the image keep their precision


def quantise(program: Path, path: Path, canvases: Sequence[np.ndarray]) -> None:
    """Write the int8 form of an ONNX program: 8-bit weights a channel and activations a tensor, as QDQ nodes.

    What needs few operations and much exactness stays as it is: the first convolutions, those that give the depth and
    its standard deviation, and depthwise ones. With a unet on rooms (OpenVINO), depth differed from fp32's by 9.8 % on
    average where all are quantised, by 3.5 % where the first and the last are not, and by 2.4 % where the depthwise
    ones are not either, at one speed. Ranges of activations are means over the frames of each frame's least and
    greatest value: with the extremes of all frames the bundled unet's depth differs by 3.0 %, with the means by 2.2 %.

    Args:
        program: of `write_onnx`, in fp32.
        path: of the file, written in place.
        canvases: (height, width, 3) uint8 each, such as the network will see: their ranges become the scales.

    Raises:
        DepthModelsError: the package onnxruntime is missing.
    """
    try:
        from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
        from onnxruntime.quantization.shape_inference import quant_pre_process
    except ModuleNotFoundError as error:
        raise DepthModelsError(
            f"int8 needs the Python package {error.name}, which is not installed; "
            "pip install 'depth_estimation_ros[onnxruntime]' brings it"
        ) from error

    class Frames(CalibrationDataReader):
        def __init__(self) -> None:
            self._left = iter(canvases)

        def get_next(self) -> dict[str, np.ndarray] | None:
            canvas = next(self._left, None)
            return None if canvas is None else {"canvas": canvas[None]}

    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(program), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared), str(path), Frames(), quant_format=QuantFormat.QDQ, per_channel=True,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, op_types_to_quantize=list(_QUANTISED),
            nodes_to_exclude=_kept(prepared), extra_options={"CalibMovingAverage": True},
        )  # fmt: skip


def _kept(program: Path) -> list[str]:
    """Names of the nodes that stay in fp32."""
    import onnx

    graph = onnx.load(program).graph
    shapes = {tensor.name: tensor.dims for tensor in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    depthwise = [node for node in convolutions if shapes.get(node.input[1], [0, 0])[1] == 1 and _groups(node) > 1]
    # The network's answers: depth, and where there is a head for it sigma, which comes later in the program.
    answers = [node for node in convolutions if shapes.get(node.input[1], [0])[0] == 1] or convolutions[-1:]
    return [node.name for node in [*convolutions[:_FIRST], *answers, *depthwise]]


def _groups(node: Any) -> int:
    return next((a.i for a in node.attribute if a.name == "group"), 1)


def room_samples(first: int, count: int, height: int, width: int) -> list[Sample]:
    """Frames of rooms with their truth, one a room; rendered once and kept in the cache.

    Args:
        first: number of the first room.
        count: how many.
        height, width: of the frames.

    Raises:
        DepthModelsError: the renderer is not installed.
    """
    try:
        from depth_models.data.rooms.generate import VERSION, VIEWS_PER_ROOM, dataset_frame
    except ModuleNotFoundError as error:
        raise DepthModelsError(
            f"rooms to calibrate and check with need the Python package {error.name}, which is not installed; "
            "pip install 'depth_estimation_ros[train]' brings it"
        ) from error

    def render(folder: Path) -> dict[str, Any]:
        LOG.info("rendering %d rooms to calibrate or check with", count)
        numbers = range(first, first + count)
        frames = [dataset_frame(_SEED, number * VIEWS_PER_ROOM, (height, width)) for number in numbers]
        cameras = [[f.camera.fx, f.camera.fy, f.camera.cx, f.camera.cy] for f in frames]
        np.savez(folder / _FRAMES, rgb=[f.rgb for f in frames], depth=[f.depth for f in frames], camera=cameras)
        return {}

    key = {"rooms": VERSION, "seed": _SEED, "first": first, "count": count, "size": [height, width]}
    arrays = np.load(cached(key, render) / _FRAMES)
    return [
        Sample(rgb, depth, depth > 0, Camera(fx, fy, cx, cy, width, height))
        for rgb, depth, (fx, fy, cx, cy) in zip(arrays["rgb"], arrays["depth"], arrays["camera"].tolist(), strict=True)
    ]
