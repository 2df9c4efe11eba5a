"""A checkpoint as a file for other runtimes, measured against PyTorch before it is let out."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from depth_models.backends.compiled import CompiledBackend
from depth_models.backends.onnx_runtime import OnnxRuntime
from depth_models.backends.open_vino import OpenVINO
from depth_models.backends.parity import Parity, compare
from depth_models.backends.pytorch import Eager
from depth_models.backends.quantisation import CALIBRATION, CHECK, room_samples
from depth_models.backends.tensor_rt import TensorRT
from depth_models.backends.torchscript import TorchScript
from depth_models.checkpoint import Checkpoint
from depth_models.errors import DepthModelsError
from depth_models.types import Sample

# What writes and reads a format, and in which precisions; OpenVINO chooses between fp32 and bf16 when it runs.
FORMATS: dict[str, tuple[type[CompiledBackend], tuple[str, ...]]] = {
    "onnx": (OnnxRuntime, ("fp32", "fp16", "int8")),
    "openvino": (OpenVINO, ("fp32", "int8")),
    "tensorrt": (TensorRT, ("fp32", "fp16", "int8")),
    "torchscript": (TorchScript, ("fp32",)),
}
SUFFIXES = {"onnx": ".onnx", "openvino": ".xml", "tensorrt": ".engine", "torchscript": ".pt"}


def export(
    checkpoint: Checkpoint, path: Path, form: str, precision: str, samples: Sequence[Sample] | None = None
) -> Parity:
    """Write one file (OpenVINO: also a .bin beside it), which is whole, or not there.

    Args:
        checkpoint: to be exported.
        path: of the file, with the suffix of `SUFFIXES`.
        form: a key of `FORMATS`.
        precision: one that the format has.
        samples: frames with truth for the check and, of them every other, for int8's calibration; None for rooms.

    Returns:
        How far the file's depth is from PyTorch's.

    Raises:
        DepthModelsError: unknown format or precision, wrong suffix, a package or the renderer is missing, the place
            cannot be written, or the depth differs too much.
    """
    if form not in FORMATS:
        raise DepthModelsError(f"unknown format {form!r}; expected one of {', '.join(FORMATS)}")
    writer, precisions = FORMATS[form]
    if precision not in precisions:
        raise DepthModelsError(f"format {form!r} has the precisions {', '.join(precisions)}; got {precision!r}")
    if path.suffix != SUFFIXES[form]:
        raise DepthModelsError(f"{path}: a file of format {form!r} ends in {SUFFIXES[form]}")
    writer.require()
    device = "cuda:0" if writer is TensorRT else "cpu"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.stem}.", dir=path.parent) as name:
            parity = _write(writer, checkpoint, Path(name), device, precision, samples)
            files = sorted(Path(name).iterdir(), key=lambda file: file.suffix == path.suffix)  # the named one last
            for file in files:
                file.replace(path.with_suffix(file.suffix))
    except OSError as error:
        reason = error.strerror or error
        raise DepthModelsError(f"{path}: cannot be written ({reason}); nothing was left there") from error
    return parity


def _write(
    writer: type[CompiledBackend], checkpoint: Checkpoint, folder: Path, device: str, precision: str,
    samples: Sequence[Sample] | None,
) -> Parity:  # fmt: skip
    """Into an empty folder, and compare."""
    pre = checkpoint.preprocess
    check, calibration = samples, None
    if check is None:
        check = room_samples(CALIBRATION, CHECK, pre.height, pre.width)
    elif precision == "int8":
        calibration, check = [pre.canvas(s.rgb) for s in check[::2]], check[1::2]
    writer.build(checkpoint, folder, device, precision, calibration)
    backend = writer.open(folder, device, precision, None)
    canvases, truth = np.stack([pre.canvas(s.rgb) for s in check]), [pre.target(s) for s in check]
    parity = compare(backend, Eager.load(checkpoint, "cpu", "fp32", None), precision, canvases, truth)
    backend.close()
    parity.require(f"{checkpoint.network!r} as {writer.name}")
    return parity
