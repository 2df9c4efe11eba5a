"""A network's graph, rewritten where OpenVINO's CPU plug-in is slow; the same function, to rounding.

`python benchmarks/rewriting.py` measures what it brings.
"""

from __future__ import annotations

import numpy as np
import openvino
from openvino import opset13

_FEW = 16  # channels: less than one tile of a matrix unit holds


def rewrite(model: openvino.Model) -> None:
    """Replace, in place, bilinear enlargements of single maps and convolutions from few channels to one.

    Args:
        model: as `openvino.Core.read_model` gives it, its height and width fixed.
    """
    for operation in model.get_ordered_ops():
        if operation.get_type_name() == "Interpolate" and _is_enlargement(operation):
            _replace(operation, _as_products(operation))
        elif operation.get_type_name() == "Convolution" and _is_thin(operation):
            _replace(operation, _as_depthwise(operation))
    model.validate_nodes_and_infer_types()


def _replace(old: openvino.Node, new: openvino.Node) -> None:
    new.set_friendly_name(old.get_friendly_name())
    for reader in old.output(0).get_target_inputs():
        reader.replace_source_output(new.output(0))


def _is_enlargement(operation: openvino.Node) -> bool:
    """Is it bilinear, of one channel and a fixed size, as torch computes it with align_corners=False?"""
    facts, before, after = operation.get_attributes(), _size(operation.input_value(0)), _size(operation.output(0))
    linear = facts["mode"].startswith("linear") and facts["coordinate_transformation_mode"].endswith("half_pixel")
    return linear and before[:1] == (1,) and before[1] < after[1] and before[2] < after[2]


def _size(output: openvino.Output) -> tuple[int, ...]:
    """(channels, height, width); () where one is not fixed."""
    _, *sides = output.get_partial_shape()
    return () if len(sides) != 3 or any(side.is_dynamic for side in sides) else tuple(s.get_length() for s in sides)


def _as_products(operation: openvino.Node) -> openvino.Node:
    """rows @ map @ columns: the plug-in enlarges a single map pixel by pixel, and multiplies matrices fast."""
    before, after = _size(operation.input_value(0)), _size(operation.output(0))
    rows, columns = (opset13.constant(bilinear(before[i], after[i])) for i in (1, 2))
    tall = opset13.matmul(rows, operation.input_value(0), transpose_a=False, transpose_b=False)
    return opset13.matmul(tall, columns, transpose_a=False, transpose_b=True)


def bilinear(inputs: int, outputs: int) -> np.ndarray:
    """(outputs, inputs) float32 weights of linear interpolation, pixel centres at halves, edges repeated."""
    place = np.maximum((np.arange(outputs) + 0.5) * inputs / outputs - 0.5, 0)
    low = np.floor(place).astype(int)
    high, part = np.minimum(low + 1, inputs - 1), place - low
    eye = np.eye(inputs)
    return (eye[low] * (1 - part)[:, None] + eye[high] * part[:, None]).astype(np.float32)


def _is_thin(operation: openvino.Node) -> bool:
    """Is it from few channels to one, and more than a weighted sum of them?"""
    weights = operation.input_value(1).get_node()
    shape = tuple(weights.get_output_shape(0)) if weights.get_type_name() == "Constant" else ()
    return len(shape) == 4 and shape[0] == 1 and 1 < shape[1] <= _FEW and shape[2] * shape[3] > 1


def _as_depthwise(operation: openvino.Node) -> openvino.Node:
    """A filter for each channel, then their sum: a matrix unit would compute 16 or 32 outputs for the one."""
    weights, facts = operation.input_value(1).get_node().get_data(), operation.get_attributes()
    channels = weights.shape[1]
    filters = opset13.constant(weights.reshape(channels, 1, 1, *weights.shape[2:]))
    places = (facts["strides"], facts["pads_begin"], facts["pads_end"], facts["dilations"])
    filtered = opset13.group_convolution(operation.input_value(0), filters, *places)
    ones = opset13.constant(np.ones((1, channels, 1, 1), np.float32))
    return opset13.convolution(filtered, ones, [1, 1], [0, 0], [0, 0], [1, 1])
