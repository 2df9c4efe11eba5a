"""OpenVINO: the fastest on Intel's and AMD's CPUs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from depth_models.backends.base import Outputs
from depth_models.backends.compiled import CompiledBackend

if TYPE_CHECKING:
    from depth_models.checkpoint import Checkpoint

_FILE = "model.xml"  # and model.bin beside it
_TYPES = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}  # what is not quantised in int8 stays in fp32


class OpenVINO(CompiledBackend):
    """OpenVINO on the CPU. 'bf16' needs a CPU that multiplies bfloat16 (AVX512-BF16 or AMX)."""

    name: ClassVar[str] = "openvino"
    package: ClassVar[str] = "openvino"
    extra: ClassVar[str] = "openvino"

    @classmethod
    def precisions(cls, device: str) -> tuple[str, ...]:
        return ("fp32", "bf16", "int8") if device == "cpu" else ()

    @classmethod
    def build(cls, checkpoint: Checkpoint, folder: Path, device: str, precision: str) -> None:
        write_ir(checkpoint, folder / _FILE, precision)

    @classmethod
    def open(cls, folder: Path, device: str, precision: str, threads: int | None) -> OpenVINO:
        return cls(folder / _FILE, precision, threads)

    def __init__(self, path: Path, precision: str, threads: int | None) -> None:
        import openvino

        self._core = openvino.Core()
        require_bf16(self._core, precision)
        self._options: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": _TYPES[precision],  # else a CPU with bfloat16 takes that for fp32
            "PERFORMANCE_HINT": "LATENCY",
        }
        if threads is not None:
            self._options["INFERENCE_NUM_THREADS"] = threads
        self._path = path
        self._requests: dict[int, Any] = {}
        self._request(1)

    def _request(self, count: int) -> Any:
        """What runs batches of `count`; compiled for it, as fixed shapes are faster."""
        if count not in self._requests:
            model = self._core.read_model(self._path)
            shape = model.input(0).partial_shape
            shape[0] = count
            model.reshape({model.input(0): shape})
            self._requests[count] = self._core.compile_model(model, "CPU", self._options).create_infer_request()
        return self._requests[count]

    def __call__(self, canvases: np.ndarray) -> Outputs:
        request = self._request(len(canvases))
        # Copies: the request writes its next results into the same memory.
        return Outputs(*(array.copy() for array in request.infer([canvases], share_inputs=True).to_tuple()))

    def close(self) -> None:
        self._requests.clear()
        del self._core


def require_bf16(core: Any, precision: str) -> None:
    """Raise a DepthModelsError where bf16 is asked for and the CPU has no instructions for it."""
    from depth_models.errors import DepthModelsError

    if precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise DepthModelsError(
            "precision 'bf16' needs a CPU with AVX512-BF16 or AMX, and this one has neither; use 'fp32' or 'int8'"
        )


def write_ir(checkpoint: Checkpoint, path: Path, precision: str) -> None:
    """Write OpenVINO's model.xml and model.bin, the description under rt_info/depth_models."""
    import openvino

    from depth_models.backends.export import KEY, description, onnx_program

    model = openvino.convert_model(onnx_program(checkpoint, "int8" if precision == "int8" else "fp32"))
    model.set_rt_info(json.dumps(description(checkpoint, precision)), KEY)
    openvino.save_model(model, path, compress_to_fp16=False)
