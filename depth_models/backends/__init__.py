"""What runs a network: one interface (`base.Backend`), a file a back-end, each library imported only when asked for."""

from depth_models.backends.base import Backend, Outputs
from depth_models.backends.onnx_runtime import OnnxRuntime, OnnxRuntimeTensorRT
from depth_models.backends.open_vino import OpenVINO
from depth_models.backends.pytorch import Compiled, Eager
from depth_models.backends.tensor_rt import TensorRT

BACKENDS: dict[str, type[Backend]] = {
    backend.name: backend for backend in (Eager, Compiled, OnnxRuntime, OnnxRuntimeTensorRT, OpenVINO, TensorRT)
}
PRECISIONS = ("fp32", "fp16", "bf16", "int8")

__all__ = ["BACKENDS", "PRECISIONS", "Backend", "Outputs"]
