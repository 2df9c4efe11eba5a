"""TensorRT on NVIDIA GPUs. An engine runs on the kind of GPU and the version that built it, so both name it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from depth_models.backends.base import Outputs
from depth_models.backends.cache import LOG
from depth_models.backends.compiled import CompiledBackend
from depth_models.errors import DepthModelsError

if TYPE_CHECKING:
    import torch

    from depth_models.checkpoint import Checkpoint

_FILE = "model.engine"
_MOST = 16  # the largest batch that an engine takes; it is tuned for 1
_WORKSPACE_BYTES = 4 << 30


class TensorRT(CompiledBackend):
    """A TensorRT engine; PyTorch holds its memory on the GPU, and its passes are recorded as CUDA graphs."""

    name: ClassVar[str] = "tensorrt"
    package: ClassVar[str] = "tensorrt"
    extra: ClassVar[str] = "tensorrt"

    @classmethod
    def precisions(cls, device: str) -> tuple[str, ...]:
        return () if device == "cpu" else ("fp32", "fp16", "int8")

    @classmethod
    def identity(cls, device: str) -> str:
        return gpu_identity(device)

    @classmethod
    def build(
        cls, checkpoint: Checkpoint, folder: Path, device: str, precision: str, calibration: Sequence[np.ndarray] | None
    ) -> None:
        from depth_models.backends.export import onnx_program

        LOG.info("TensorRT tries its kernels on this GPU; this takes minutes")
        pre = checkpoint.preprocess
        engine = _engine(onnx_program(checkpoint, precision, calibration), (pre.height, pre.width), device)
        (folder / _FILE).write_bytes(engine)

    @classmethod
    def open(cls, folder: Path, device: str, precision: str, threads: int | None) -> TensorRT:
        return cls(folder / _FILE, device)

    def __init__(self, path: Path, device: str) -> None:
        import tensorrt
        import torch

        self._device = torch.device(device)
        with torch.cuda.device(self._device):
            runtime = tensorrt.Runtime(tensorrt.Logger(tensorrt.Logger.ERROR))
            self._engine = runtime.deserialize_cuda_engine(path.read_bytes())
            if self._engine is None:
                raise DepthModelsError(
                    f"{path} is not an engine of TensorRT {tensorrt.__version__} for {gpu_identity(device)}; build it "
                    "again on this machine"
                )
            self._context = self._engine.create_execution_context()
        names = [self._engine.get_tensor_name(i) for i in range(self._engine.num_io_tensors)]
        self._outputs = names[1:]
        self._graphs: dict[int, _Pass] = {}

    def __call__(self, canvases: np.ndarray) -> Outputs:
        import torch

        count = len(canvases)
        with torch.cuda.device(self._device):
            if count not in self._graphs:
                self._graphs[count] = _Pass(self._context, self._outputs, canvases.shape, self._device)
            return Outputs(*(x.cpu().numpy() for x in self._graphs[count](torch.from_numpy(canvases))))

    def close(self) -> None:
        self._graphs.clear()
        del self._context, self._engine


class _Pass:
    """The engine recorded for one batch size, with the memory that it reads and writes."""

    def __init__(self, context: Any, outputs: list[str], shape: tuple[int, ...], device: torch.device) -> None:
        import torch

        count, height, width, _ = shape
        self._input = torch.zeros(shape, dtype=torch.uint8, device=device)
        self._outputs = [torch.empty(count, 1, height, width, device=device) for _ in outputs]
        context.set_input_shape("canvas", shape)
        context.set_tensor_address("canvas", self._input.data_ptr())
        for name, tensor in zip(outputs, self._outputs, strict=True):
            context.set_tensor_address(name, tensor.data_ptr())
        side = torch.cuda.Stream(device)
        context.execute_async_v3(side.cuda_stream)  # once outside, as it initialises what cannot be recorded
        side.synchronize()
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, stream=side):
            context.execute_async_v3(side.cuda_stream)

    def __call__(self, canvases: torch.Tensor) -> list[torch.Tensor]:
        self._input.copy_(canvases.pin_memory(), non_blocking=True)
        self._graph.replay()
        return self._outputs


def gpu_identity(device: str) -> str:
    """The GPU's name and compute capability."""
    import torch

    major, minor = torch.cuda.get_device_capability(device)
    return f"{torch.cuda.get_device_name(device)} sm_{major}{minor}"


def _engine(program: Path, size: tuple[int, int], device: str) -> bytes:
    """Build from ONNX. Types are those of the file (strongly typed), so its precision is the engine's."""
    import tensorrt
    import torch

    with torch.cuda.device(device):
        logger = tensorrt.Logger(tensorrt.Logger.ERROR)
        builder = tensorrt.Builder(logger)
        network = builder.create_network(1 << int(tensorrt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
        parser = tensorrt.OnnxParser(network, logger)
        if not parser.parse_from_file(str(program)):
            reasons = "; ".join(str(parser.get_error(i)) for i in range(parser.num_errors))
            raise DepthModelsError(f"TensorRT cannot read the exported network: {reasons}")
        config = builder.create_builder_config()
        config.set_memory_pool_limit(tensorrt.MemoryPoolType.WORKSPACE, _WORKSPACE_BYTES)
        profile = builder.create_optimization_profile()
        profile.set_shape("canvas", *((count, *size, 3) for count in (1, 1, _MOST)))
        config.add_optimization_profile(profile)
        engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise DepthModelsError("TensorRT could not build an engine; is the GPU's memory taken by others?")
    return bytes(engine)
