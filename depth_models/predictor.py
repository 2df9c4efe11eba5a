"""Checkpoint to depth: owns the device, the precision and the back-end."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from depth_models.checkpoint import Checkpoint, find_checkpoint
from depth_models.errors import DepthModelsError
from depth_models.images import as_rgb
from depth_models.types import Depth

BACKENDS = ("torch",)
_DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


class DepthPredictor:
    """Metric depth of images, with one network on one device.

    Ready (weights on the device, kernels warm) when the constructor returns. On a CPU the same image gives the same
    bytes. Calls from several threads are safe: they take turns.

    Attributes:
        checkpoint: what was loaded.
        device: 'cpu' or 'cuda:N'.
        backend: 'torch'.
        precision: 'fp32', 'fp16' or 'bf16': the type of the convolutions; depth itself is float32.
    """

    def __init__(
        self, checkpoint: Checkpoint, device: str = "auto", backend: str = "auto", precision: str = "auto"
    ) -> None:
        self.checkpoint = checkpoint
        self.device = _device(device)
        self.backend = _choice("backend", backend, BACKENDS, BACKENDS[0])
        on_gpu = self.device != "cpu"
        self.precision = _choice("precision", precision, tuple(_DTYPES), "fp16" if on_gpu else "fp32")
        if self.precision == "fp16" and not on_gpu:
            raise DepthModelsError("precision 'fp16' needs a GPU; on a CPU use 'fp32' or 'bf16'")
        network = checkpoint.build().to(self.device)
        # Faster on GPUs and on CPUs, and what `Preprocess.normalise` gives.
        self._network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # no annotation
        self._lock = threading.Lock()
        pre = checkpoint.preprocess
        self(np.zeros((pre.height, pre.width, 3), np.uint8))

    @classmethod
    def from_checkpoint(
        cls, name_or_path: str | Path, device: str = "auto", backend: str = "auto", precision: str = "auto"
    ) -> DepthPredictor:
        """Load a bundled checkpoint by name, or a file.

        Args:
            name_or_path: `depth-models networks` lists the bundled names.
            device: 'auto' (a GPU where there is one), 'cpu', 'cuda' or 'cuda:N'.
            backend: 'auto' or 'torch'.
            precision: 'auto' (fp16 on a GPU, fp32 on a CPU), 'fp32', 'fp16' or 'bf16'.

        Raises:
            DepthModelsError: no such checkpoint or a broken one, no such device, an unknown option.
        """
        return cls(Checkpoint.load(find_checkpoint(name_or_path)), device, backend, precision)

    def __call__(self, image: Any, fx: float | None = None, fy: float | None = None) -> Depth:
        """Depth of one image, in the image's own size.

        Args:
            image: (H, W, 3) uint8 RGB, a Pillow image, or a path.
            fx, fy: the image's focal length in its pixels, if known. Without it the image is taken to have the
                network's canonical field of view, and the metres are as wrong as that is.

        Raises:
            DepthModelsError: the image or the focal length cannot be used.
        """
        return self.batch([image], fx, fy)[0]

    def batch(self, images: Sequence[Any], fx: float | None = None, fy: float | None = None) -> list[Depth]:
        """Depth of several images of one camera in one pass; they may differ in size, but fx, fy are for all.

        Raises:
            DepthModelsError: as for one image.
        """
        if len(images) == 0:  # also of an array (N, H, W, 3), which has no truth value
            return []
        rgbs = [as_rgb(image) for image in images]
        pre = self.checkpoint.preprocess
        sizes = [rgb.shape[:2] for rgb in rgbs]
        for height, width in sizes:  # refuse a bad focal length before the network runs
            pre.metres_per_output(pre.letterbox(height, width), fx, fy)
        canvases = torch.from_numpy(np.stack([pre.canvas(rgb) for rgb in rgbs]))
        with self._lock, torch.inference_mode():
            depth, sigma = self._forward(canvases)
            sigmas = [None] * len(sizes) if sigma is None else list(sigma)
            return [pre.restore(d, h, w, fx, fy, s) for d, s, (h, w) in zip(depth, sigmas, sizes, strict=True)]

    def _forward(self, canvases: torch.Tensor) -> tuple[np.ndarray, np.ndarray | None]:
        """(N, H, W, 3) uint8 -> (N, 1, H, W) float32, on the host: depth, and sigma if there is one."""
        if self.device != "cpu":
            canvases = canvases.pin_memory().to(self.device, non_blocking=True)
        images = self.checkpoint.preprocess.normalise(canvases)
        dtype = _DTYPES[self.precision]
        with torch.autocast(self.device.split(":")[0], dtype, enabled=dtype != torch.float32):
            output = self._network(images)
        depth, sigma = (None if x is None else x.float().cpu().numpy() for x in (output.depth, output.sigma))
        return depth, sigma


def _device(name: str) -> str:
    """'auto', 'cpu', 'cuda' or 'cuda:N' to 'cpu' or 'cuda:N'."""
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return "cpu"
    kind, _, index = name.partition(":")
    if name != "auto" and (kind != "cuda" or (index and not index.isdigit())):
        raise DepthModelsError(f"unknown device {name!r}; expected 'auto', 'cpu', 'cuda' or 'cuda:N'")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(index or 0) >= count:
        raise DepthModelsError(
            f"device {name!r} was asked for, and torch {torch.__version__} sees {count} CUDA devices; "
            "use device 'cpu' or 'auto', or install a CUDA build of torch and the GPU's driver"
        )
    return f"cuda:{int(index or 0)}"


def _choice(what: str, value: str, choices: tuple[str, ...], default: str) -> str:
    if value == "auto":
        return default
    if value not in choices:
        raise DepthModelsError(f"unknown {what} {value!r}; expected 'auto' or one of {', '.join(choices)}")
    return value
