"""PyTorch: eager, which is the reference for all others, and compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from depth_models.backends.base import Backend, Outputs

if TYPE_CHECKING:
    import torch

    from depth_models.checkpoint import Checkpoint


class Eager(Backend):
    """The network as it is. On a GPU its kernels are recorded once a batch size, and replayed (CUDA graphs)."""

    name: ClassVar[str] = "torch"
    package: ClassVar[str] = "torch"

    @classmethod
    def precisions(cls, device: str) -> tuple[str, ...]:
        return ("fp32", "bf16") if device == "cpu" else ("fp32", "fp16", "bf16")

    @classmethod
    def load(cls, checkpoint: Checkpoint, device: str, precision: str, threads: int | None) -> Eager:
        return cls(checkpoint, device, precision, threads)

    def __init__(self, checkpoint: Checkpoint, device: str, precision: str, threads: int | None) -> None:
        import torch

        if threads is not None:
            torch.set_num_threads(threads)
        self._device = torch.device(device)
        self._dtype = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[precision]
        self._preprocess = checkpoint.preprocess
        # Channels-last is faster on GPUs and on CPUs, and what `Preprocess.normalise` gives.
        network = checkpoint.build().to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._network = self._prepared(_in_precision(network, self._dtype))
        self._graphs: dict[int, _Graph] = {}

    def _prepared(self, network: torch.nn.Module) -> Callable[[torch.Tensor], Any]:
        return network

    def __call__(self, canvases: np.ndarray) -> Outputs:
        import torch

        host = torch.from_numpy(canvases)
        with torch.inference_mode():
            if self._device.type == "cpu":
                depth, sigma = self._forward(self._preprocess.normalise(host))
            else:
                on_device = host.pin_memory().to(self._device, non_blocking=True)
                depth, sigma = self._replay(self._preprocess.normalise(on_device))
            return Outputs(depth.cpu().numpy(), None if sigma is None else sigma.cpu().numpy())

    def _forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """(N, 3, H, W) float32 -> depth and sigma, (N, 1, H, W) float32."""
        import torch

        with torch.autocast(self._device.type, self._dtype, enabled=self._dtype != torch.float32):
            output = self._network(images)
        return output.depth.float(), None if output.sigma is None else output.sigma.float()

    def _replay(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The same through a recording of a whole pass: one launch, where eager has one a layer."""
        if len(images) not in self._graphs:
            self._graphs[len(images)] = _Graph(self._forward, images)
        return self._graphs[len(images)](images)

    def close(self) -> None:
        self._graphs.clear()
        del self._network


class Compiled(Eager):
    """The network through torch.compile, which takes a C++ compiler on CPUs, and minutes when first used.

    On a GPU the compiler fuses and tunes kernels; the recording and replaying is ours.
    """

    name: ClassVar[str] = "torch-compile"

    def _prepared(self, network: torch.nn.Module) -> Callable[[torch.Tensor], Any]:
        from depth_models.compiling import compiled

        mode = "default" if self._device.type == "cpu" else "max-autotune-no-cudagraphs"
        return compiled(network, self._device.type, mode)


class _Graph:
    """One recorded pass for one batch size, with the memory that it reads and writes."""

    def __init__(self, forward: Callable[[torch.Tensor], Any], images: torch.Tensor) -> None:
        import torch

        self._input = images.clone(memory_format=torch.preserve_format)
        current, side = torch.cuda.current_stream(images.device), torch.cuda.Stream(images.device)
        side.wait_stream(current)
        with torch.cuda.stream(side):  # cuDNN chooses its algorithms before they are recorded
            for _ in range(3):
                forward(self._input)
        current.wait_stream(side)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.device(images.device), torch.cuda.graph(self._graph):
            self._outputs = forward(self._input)

    def __call__(self, images: torch.Tensor) -> Any:
        self._input.copy_(images)
        self._graph.replay()
        return self._outputs


def _in_precision(network: torch.nn.Module, dtype: torch.dtype) -> torch.nn.Module:
    """Convolutions and linear layers get their weights in `dtype` once; autocast would convert them in every pass.

    Normalisations keep float32, whose running statistics half precision would round.
    """
    import torch

    for module in network.modules():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.ConvTranspose2d, torch.nn.Linear)):
            module.to(dtype)
    return network
