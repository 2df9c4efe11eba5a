"""ONNX Runtime on CPUs, and on NVIDIA GPUs through CUDA or TensorRT."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from depth_models.backends.base import Outputs, device_index
from depth_models.backends.compiled import CompiledBackend
from depth_models.backends.tensor_rt import TensorRT
from depth_models.errors import DepthModelsError

if TYPE_CHECKING:
    from depth_models.checkpoint import Checkpoint

_FILE = "model.onnx"


class OnnxRuntime(CompiledBackend):
    """ONNX Runtime: its CPU or its CUDA provider, as the device says."""

    name: ClassVar[str] = "onnxruntime"
    package: ClassVar[str] = "onnxruntime"
    extra: ClassVar[str] = "onnxruntime"

    @classmethod
    def precisions(cls, device: str) -> tuple[str, ...]:
        return ("fp32", "int8") if device == "cpu" else ("fp32", "fp16")

    @classmethod
    def build(
        cls, checkpoint: Checkpoint, folder: Path, device: str, precision: str, calibration: Sequence[np.ndarray] | None
    ) -> None:
        from depth_models.backends.export import onnx_program

        _require(cls._providers(device, folder))
        program = onnx_program(checkpoint, precision, calibration)
        try:
            (folder / _FILE).hardlink_to(program)
        except OSError:  # a file system without them
            shutil.copyfile(program, folder / _FILE)

    @classmethod
    def open(cls, folder: Path, device: str, precision: str, threads: int | None) -> OnnxRuntime:
        return cls(folder / _FILE, cls._providers(device, folder), threads)

    @classmethod
    def _providers(cls, device: str, folder: Path) -> list[Any]:
        """Provider names and options; the CPU's takes what the others cannot run."""
        if device == "cpu":
            return ["CPUExecutionProvider"]
        cuda = ("CUDAExecutionProvider", {"device_id": device_index(device), "use_tf32": 0})
        return [cuda, "CPUExecutionProvider"]

    def __init__(self, path: Path, providers: list[Any], threads: int | None) -> None:
        import onnxruntime

        first = _require(providers)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors
        # Threads that wait by spinning would take the CPU from the camera's callbacks.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if threads is not None:
            options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(str(path), options, providers)
        if self._session.get_providers()[0] != first:
            raise DepthModelsError(f"onnxruntime could not start {first}; are CUDA and cuDNN of its version installed?")

    def __call__(self, canvases: np.ndarray) -> Outputs:
        return Outputs(*self._session.run(None, {"canvas": canvases}))

    def close(self) -> None:
        del self._session


def _require(providers: list[Any]) -> str:
    """The name of the first; a DepthModelsError where this installation does not have it."""
    import onnxruntime

    first = providers[0] if isinstance(providers[0], str) else providers[0][0]
    available = onnxruntime.get_available_providers()
    if first not in available:
        raise DepthModelsError(
            f"this onnxruntime has no {first}, only {', '.join(available)}; "
            "on a GPU: pip uninstall onnxruntime; pip install onnxruntime-gpu"
        )
    return first


class OnnxRuntimeTensorRT(OnnxRuntime):
    """ONNX Runtime with TensorRT for what that can run, and CUDA for the rest."""

    name: ClassVar[str] = "onnxruntime-tensorrt"

    @classmethod
    def precisions(cls, device: str) -> tuple[str, ...]:
        return TensorRT.precisions(device)

    @classmethod
    def identity(cls, device: str) -> str:
        return TensorRT.identity(device)

    @classmethod
    def _providers(cls, device: str, folder: Path) -> list[Any]:
        engine = {
            "device_id": device_index(device),
            "trt_engine_cache_enable": True,
            "trt_engine_cache_path": str(folder / "engines"),
        }
        return [("TensorrtExecutionProvider", engine), *super()._providers(device, folder)]
