"""OpenVINO: the fastest on Intel's and AMD's CPUs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from xml.etree import ElementTree

import numpy as np

from depth_models.backends.base import Outputs
from depth_models.backends.compiled import CompiledBackend
from depth_models.errors import DepthModelsError

if TYPE_CHECKING:
    import openvino

    from depth_models.checkpoint import Checkpoint

_FILE = "model.xml"  # and model.bin beside it


class OpenVINO(CompiledBackend):
    """OpenVINO on the CPU. 'bf16' needs a CPU that multiplies bfloat16 (AVX512-BF16 or AMX).

    In bf16 the first grouped convolution stays in fp32: a light encoder's first depthwise one, which takes little of
    the time and makes most of the difference. On rooms the depth of the bundled networks differs by 0.4 to 0.7 % from
    fp32's, and by 0.6 to 1.1 % without.
    """

    name: ClassVar[str] = "openvino"
    package: ClassVar[str] = "openvino"
    extra: ClassVar[str] = "openvino"

    @classmethod
    def precisions(cls, device: str) -> tuple[str, ...]:
        return ("fp32", "bf16", "int8") if device == "cpu" else ()

    @classmethod
    def build(
        cls, checkpoint: Checkpoint, folder: Path, device: str, precision: str, calibration: Sequence[np.ndarray] | None
    ) -> None:
        import openvino

        from depth_models.backends.export import KEY, description, onnx_program
        from depth_models.backends.open_vino_graph import rewrite

        program = onnx_program(checkpoint, "int8" if precision == "int8" else "fp32", calibration)
        # Not convert_model, with which a quantised file of 1.7 % mean difference has 12 %.
        model = openvino.Core().read_model(program)
        rewrite(model)
        model.set_rt_info(json.dumps(description(checkpoint, precision)), KEY)
        openvino.save_model(model, folder / _FILE, compress_to_fp16=False)
        if precision == "bf16":  # is chosen when it is opened; the weights are fp32's
            _keep_in_fp32(folder / _FILE, model)

    @classmethod
    def open(cls, folder: Path, device: str, precision: str, threads: int | None) -> OpenVINO:
        return cls(folder / _FILE, precision, threads)

    def __init__(self, path: Path, precision: str, threads: int | None) -> None:
        import openvino

        self._core = openvino.Core()
        has_bf16 = "BF16" in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if precision == "bf16" and not has_bf16:
            raise DepthModelsError(
                "precision 'bf16' needs a CPU with AVX512-BF16 or AMX, and this one has neither; use 'fp32' or 'int8'"
            )
        self._options: dict[str, Any] = {
            # Of what is not quantised. Without it, a CPU with bfloat16 takes that for fp32 too.
            "INFERENCE_PRECISION_HINT": "bf16" if has_bf16 and precision != "fp32" else "f32",
            "PERFORMANCE_HINT": "LATENCY",
            # A thread that is bound to a core waits for whatever else runs there, such as the camera's driver: a pass
            # takes two to three times as long on a busy machine.
            "ENABLE_CPU_PINNING": False,
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


def _keep_in_fp32(path: Path, model: openvino.Model) -> None:
    """Mark the first grouped convolution of a written model as one whose precision no hint changes.

    Only there: the CPU's plug-in cannot compile a marked convolution that it would fuse with a residual sum.
    """
    grouped = (op.get_friendly_name() for op in model.get_ordered_ops() if op.get_type_name() == "GroupConvolution")
    name = next(grouped, None)
    tree = ElementTree.parse(path)
    for layer in tree.iter("layer"):
        if layer.get("name") == name:
            facts = ElementTree.Element("rt_info")
            ElementTree.SubElement(facts, "attribute", name="precise", version="0")
            layer.insert(1, facts)  # after <data>
    tree.write(path)
