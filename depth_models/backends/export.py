"""A checkpoint as a program that other runtimes read: uint8 canvas in, metres out, preprocessing in its metadata."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depth_models.backends.cache import cached
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


def onnx_program(checkpoint: Checkpoint, precision: str) -> Path:
    """The checkpoint as an ONNX file in the cache, for the back-ends that are built from one.

    Args:
        checkpoint: to be exported.
        precision: 'fp32', 'fp16' or 'int8'.

    Raises:
        DepthModelsError: as `write_onnx`, or as `quantise`.
    """
    import torch

    pre = checkpoint.preprocess
    size = [pre.height, pre.width]
    key = {
        "weights": checkpoint.digest,
        "onnx": OPSET,
        "torch": torch.__version__,
        "precision": precision,
        "size": size,
    }

    def build(folder: Path) -> dict[str, Any]:
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
        import onnx
    except ModuleNotFoundError as error:
        raise DepthModelsError(
            "exporting needs the Python package onnx, which is not installed; "
            "pip install 'depth_estimation_ros[onnxruntime]' brings it"
        ) from error
    import torch

    names = output_names(checkpoint)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tracing: shapes are constants here, as they should be
        program = _traced(checkpoint, getattr(torch, _DTYPES[precision]))
        try:
            # The exporter by torch.export takes ten times as long and gives the same graph.
            torch.onnx.export(
                program, (_example(checkpoint),), str(path), dynamo=False, opset_version=OPSET, input_names=["canvas"],
                output_names=list(names), dynamic_axes={name: {0: "N"} for name in ("canvas", *names)},
            )  # fmt: skip
        except Exception as error:  # torch has many classes for what it cannot express
            raise DepthModelsError(f"network {checkpoint.network!r} cannot be exported: {error}") from error
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {KEY: json.dumps(description(checkpoint, precision))})
    onnx.save(model, path)


def write_torchscript(checkpoint: Checkpoint, path: Path) -> None:
    """Write a TorchScript file, for LibTorch; its description is the extra file `depth_models`."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.jit.freeze(_traced(checkpoint, torch.float32))
        extra = {KEY: json.dumps(description(checkpoint, "fp32"))}
        torch.jit.save(program, str(path), _extra_files=extra)


def _example(checkpoint: Checkpoint) -> torch.Tensor:
    import torch

    pre = checkpoint.preprocess
    # Two images: a batch of one would be written into the graph where a shape is computed with it.
    return torch.zeros(2, pre.height, pre.width, 3, dtype=torch.uint8)


def _traced(checkpoint: Checkpoint, dtype: torch.dtype) -> torch.jit.ScriptModule:
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
