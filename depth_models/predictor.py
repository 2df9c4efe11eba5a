"""Checkpoint to depth: owns the device, the precision and the back-end."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from depth_models.backends import BACKENDS, PRECISIONS
from depth_models.backends.cache import LOG
from depth_models.backends.choice import load
from depth_models.checkpoint import Checkpoint, find_checkpoint
from depth_models.errors import DepthModelsError
from depth_models.images import as_rgb
from depth_models.types import Depth


class DepthPredictor:
    """Metric depth of images, with one network on one device.

    Ready (weights on the device, kernels warm) when the constructor returns. On a CPU the same image gives the same
    bytes. Calls from several threads are safe: they take turns.

    'auto' does not surprise: on a CPU it computes in fp32 with whichever installed back-end is fastest here, all of
    which agree with PyTorch to 0.01 % of the depth. bf16 and int8 are faster still, differ by up to 1 and 3 % on
    average, and are used only if asked for. On a GPU it is fp16, as everybody expects there. A checkpoint that is new
    to the machine is compiled and measured first, which takes seconds for a light network and a minute for one of 200 M
    parameters; that is logged (logger `depth_models`), and remembered in the cache (see `depth_models.backends.cache`).

    Attributes:
        checkpoint: what was loaded.
        device: 'cpu' or 'cuda:N'.
        backend: what runs the network, a key of `depth_models.backends.BACKENDS`.
        precision: 'fp32', 'fp16', 'bf16' or 'int8': the type of the convolutions; depth itself is float32.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        device: str = "auto",
        backend: str = "auto",
        precision: str = "auto",
        threads: int | None = None,
    ) -> None:
        self.checkpoint = checkpoint
        if backend not in ("auto", *BACKENDS):
            raise DepthModelsError(f"unknown backend {backend!r}; expected 'auto' or one of {', '.join(BACKENDS)}")
        self.device = _device(device, backend)
        self.precision = _precision(precision, self.device)
        try:
            self._backend = load(checkpoint, backend, self.device, self.precision, threads)
        except DepthModelsError as error:
            if self.device == "cpu" or (device, backend, precision) != ("auto", "auto", "auto"):
                raise
            LOG.warning("%s; the CPU is taken instead", error)
            self.device, self.precision = "cpu", "fp32"
            self._backend = load(checkpoint, backend, self.device, self.precision, threads)
        self.backend = self._backend.name
        self._lock = threading.Lock()
        pre = checkpoint.preprocess
        self(np.zeros((pre.height, pre.width, 3), np.uint8))

    @classmethod
    def from_checkpoint(
        cls,
        name_or_path: str | Path,
        device: str = "auto",
        backend: str = "auto",
        precision: str = "auto",
        threads: int | None = None,
    ) -> DepthPredictor:
        """Load a bundled checkpoint by name, or a file.

        Args:
            name_or_path: `depth-models weights list` has the names.
            device: 'auto' (a GPU where there is one), 'cpu', 'cuda' or 'cuda:N'.
            backend: 'auto' (the fastest), 'torch', 'torch-compile', 'onnxruntime', 'onnxruntime-tensorrt', 'openvino'
                or 'tensorrt'.
            precision: 'auto' (fp16 on a GPU, fp32 on a CPU), 'fp32', 'fp16', 'bf16' or 'int8'.
            threads: of the CPU; None leaves it to the back-end, which takes a thread a core.

        Raises:
            DepthModelsError: no such checkpoint or a broken one, no such device, an unknown option, or a back-end that
                was asked for and is not installed or cannot run this. Where 'auto' is asked for the others are tried.
        """
        return cls(Checkpoint.load(find_checkpoint(name_or_path)), device, backend, precision, threads)

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
        canvases = np.stack([pre.canvas(rgb) for rgb in rgbs])
        with self._lock:
            outputs = self._backend(canvases)
        sigmas = [None] * len(sizes) if outputs.sigma is None else list(outputs.sigma)
        return [pre.restore(d, h, w, fx, fy, s) for d, s, (h, w) in zip(outputs.depth, sigmas, sizes, strict=True)]


def _device(name: str, backend: str) -> str:
    """'auto', 'cpu', 'cuda' or 'cuda:N' to 'cpu' or 'cuda:N'; 'auto' is what the back-end runs on."""
    if name == "cpu" or (name == "auto" and (_only_on_cpus(backend) or not _has_gpu())):
        return "cpu"
    kind, _, index = name.partition(":")
    if name != "auto" and (kind != "cuda" or (index and not index.isdigit())):
        raise DepthModelsError(f"unknown device {name!r}; expected 'auto', 'cpu', 'cuda' or 'cuda:N'")
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(index or 0) >= count:
        raise DepthModelsError(
            f"device {name!r} was asked for, and torch {torch.__version__} sees {count} CUDA devices; "
            "use device 'cpu' or 'auto', or install a CUDA build of torch and the GPU's driver"
        )
    return f"cuda:{int(index or 0)}"


def _only_on_cpus(backend: str) -> bool:
    return backend != "auto" and not BACKENDS[backend].precisions("cuda")


def _has_gpu() -> bool:
    """Does torch see a CUDA device? torch, which takes seconds, is asked only where there may be one."""
    if sys.platform == "linux" and not any(
        any(Path("/dev").glob(f"{name}*")) for name in ("nvidia", "nvhost", "dxg", "kfd")
    ):
        return False
    import torch

    return torch.cuda.is_available()


def _precision(name: str, device: str) -> str:
    if name == "auto":
        return "fp32" if device == "cpu" else "fp16"
    if name not in PRECISIONS:
        raise DepthModelsError(f"unknown precision {name!r}; expected 'auto' or one of {', '.join(PRECISIONS)}")
    if name == "fp16" and device == "cpu":
        raise DepthModelsError("precision 'fp16' needs a GPU; on a CPU use 'fp32' or 'bf16'")
    return name
