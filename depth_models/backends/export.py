"""A checkpoint as a program that other runtimes read: uint8 canvas in, metres out, preprocessing in its metadata."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from depth_models.backends.cache import cached
from depth_models.backends.quantisation import CALIBRATION, quantise, room_samples
from depth_models.errors import DepthModelsError

if TYPE_CHECKING:
    import torch

    from depth_models.checkpoint import Checkpoint

KEY = "depth_models"  # of the metadata
FORMAT_VERSION = 1
OPSET = 17
_FILE = "program.onnx"
_DTYPES = {"fp32": "float32", "fp16": "float16"}


def description(checkpoint: Checkpoint, precision: str) -> dict[str, Any]:
    """What an exported file says of itself, for JSON.

    A canvas is the image scaled to fit (height, width), its aspect kept, centred and padded with the mean colour;
    normalisation is part of the program. `focal_px` is the canonical focal length f_c on the canvas: multiply depth
    with f / f_c for an image whose focal length is f there. `calibration` makes metres of what comes out.
    """
    return {
        "format": KEY,
        "version": FORMAT_VERSION,
        "network": checkpoint.network,
        "config": checkpoint.config,
        "preprocess": checkpoint.preprocess.to_dict(),
        "precision": precision,
        "weights": checkpoint.digest,
        "input": "canvas: (N, height, width, 3) uint8 RGB",
        "outputs": {
            name: f"(N, 1, height, width) float32, {what}"
            for name, what in zip(output_names(checkpoint), ("depth, metres", "standard deviation of it"), strict=False)
        },
    }


def output_names(checkpoint: Checkpoint) -> tuple[str, ...]:
    """'depth', and 'sigma' where the network has a head for it."""
    return ("depth", "sigma") if checkpoint.config.get("sigma") else ("depth",)


def onnx_program(checkpoint: Checkpoint, precision: str, calibration: Sequence[np.ndarray] | None = None) -> Path:
    """The checkpoint as an ONNX file in the cache, for the back-ends that are built from one.

    Args:
        checkpoint: to be exported.
        precision: 'fp32', 'fp16' or 'int8'.
        calibration: (height, width, 3) uint8 canvases for int8; None for rooms, rendered where they are not cached.

    Raises:
        DepthModelsError: as `write_onnx`, or as `quantise`.
    """
    import torch

    pre = checkpoint.preprocess
    key: dict[str, Any] = {"weights": checkpoint.digest, "onnx": OPSET, "torch": torch.__version__}
    key |= {"precision": precision, "size": [pre.height, pre.width]}
    if calibration is not None:
        key["calibration"] = hashlib.sha256(b"".join(map(bytes, calibration))).hexdigest()

    def build(folder: Path) -> dict[str, Any]:
        if precision == "int8":
            canvases = calibration
            if canvases is None:
                canvases = [pre.canvas(s.rgb) for s in room_samples(0, CALIBRATION, pre.height, pre.width)]
            quantise(onnx_program(checkpoint, "fp32"), folder / _FILE, canvases)
            _describe(checkpoint, folder / _FILE, precision)
        else:
            write_onnx(checkpoint, folder / _FILE, precision)
        return {"network": checkpoint.network}

    return cached(key, build) / _FILE


def write_onnx(checkpoint: Checkpoint, path: Path, precision: str = "fp32") -> None:
    """Write an ONNX file; the batch is dynamic, the canvas that of the checkpoint.

    Args:
        checkpoint: to be written.
        path: of the file, written in place.
        precision: 'fp32', or 'fp16' for GPUs: half-precision weights and activations, normalisation in fp32.

    Raises:
        DepthModelsError: the package onnx is missing, or torch cannot express the network.
    """
    try:
        import onnx  # noqa: F401  (torch's exporter needs it, and says so later and less clearly)
    except ModuleNotFoundError as error:
        raise DepthModelsError(
            "exporting needs the Python package onnx, which is not installed; "
            "pip install 'depth_estimation_ros[onnxruntime]' brings it"
        ) from error
    import torch

    names = output_names(checkpoint)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tracing: shapes are constants here, as they should be
        program = traced(checkpoint, getattr(torch, _DTYPES[precision]))
        try:
            # The exporter by torch.export takes ten times as long and gives the same graph.
            torch.onnx.export(
                program, (_example(checkpoint),), str(path), dynamo=False, opset_version=OPSET, input_names=["canvas"],
                output_names=list(names), dynamic_axes={name: {0: "N"} for name in ("canvas", *names)},
            )  # fmt: skip
        except Exception as error:  # torch has many classes for what it cannot express
            raise DepthModelsError(f"network {checkpoint.network!r} cannot be exported: {error}") from error
    _describe(checkpoint, path, precision)


def _describe(checkpoint: Checkpoint, path: Path, precision: str) -> None:
    """Put the description into an ONNX file's metadata."""
    import onnx

    model = onnx.load(path)
    onnx.helper.set_model_props(model, {KEY: json.dumps(description(checkpoint, precision))})
    onnx.save(model, path)


def _example(checkpoint: Checkpoint) -> torch.Tensor:
    import torch

    pre = checkpoint.preprocess
    # Two images: a batch of one would be written into the graph where a shape is computed with it.
    return torch.zeros(2, pre.height, pre.width, 3, dtype=torch.uint8)


def traced(checkpoint: Checkpoint, dtype: torch.dtype) -> torch.jit.ScriptModule:
    """The network with its normalisation, recorded for the checkpoint's canvas."""
    import torch

    class Program(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = checkpoint.build().to(dtype)
            pre = checkpoint.preprocess
            self.mean, self.std = (255 * torch.tensor(v) for v in (pre.mean, pre.std))

        def forward(self, canvas: torch.Tensor) -> tuple[torch.Tensor, ...]:
            """(N, H, W, 3) uint8 -> the outputs, (N, 1, H, W) float32 each."""
            image = ((canvas.float() - self.mean) / self.std).permute(0, 3, 1, 2)
            output = self.network(image.to(dtype))
            return tuple(x.float() for x in (output.depth, output.sigma) if x is not None)

    with torch.no_grad():
        return torch.jit.trace(Program().eval(), (_example(checkpoint),), check_trace=False, strict=False)
