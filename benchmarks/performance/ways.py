"""What is measured: networks, and ways to run them; some ways only the benchmark needs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from depth_models.backends import BACKENDS
from depth_models.backends.cache import cached
from depth_models.backends.compiled import CompiledBackend
from depth_models.backends.onnx_runtime import OnnxRuntime
from depth_models.backends.open_vino import OpenVINO
from depth_models.backends.parity import compare, patterns
from depth_models.backends.pytorch import Eager
from depth_models.bench import REFERENCE, Subject
from depth_models.checkpoint import Checkpoint
from depth_models.errors import DepthModelsError

if TYPE_CHECKING:
    import torch

Way = tuple[str, str]  # back-end and precision
NCHW: Way = ("torch-nchw", "fp32")
COMPILED: Way = ("torch-compile", "fp32")
FREE = "-free"  # what is appended to a back-end's name where it is not held to the limit
WAYS: tuple[Way, ...] = (
    REFERENCE, NCHW, COMPILED, ("onnxruntime", "fp32"), ("onnxruntime", "int8"),
    ("openvino", "fp32"), ("openvino", "bf16"), ("openvino", "int8"),
)  # fmt: skip
_CALIBRATION = 4


@dataclass(frozen=True)
class Case:
    """A network of the table.

    Attributes:
        title: for people.
        network: a bundled checkpoint's name, or the registry's where it is not bundled.
        bundled: else with the paper's configuration and random weights, which are as fast as trained ones.
        rounds: passes of each way.
        asked: how many times as fast as eager PyTorch it should be, in fp32 or bf16 and in int8; None for no target.
        compiled: also with torch.compile, which takes many minutes for deep networks.
    """

    title: str
    network: str
    bundled: bool
    rounds: int
    asked: tuple[float, float] | None = None
    compiled: bool = True

    @property
    def ways(self) -> list[Way]:
        """To be measured."""
        return [way for way in WAYS if self.compiled or way != COMPILED]

    def subject(self) -> Subject:
        """It, with a checkpoint on disk in either case: a network is then loaded as a user loads it."""
        if self.bundled:
            return Subject(self.network)
        name = "random.safetensors"

        def build(folder: Path) -> dict[str, Any]:
            Subject(self.network, untrained=True).checkpoint().save(folder / name)
            return {}

        return Subject(str(cached({"random": self.network, "size": "VGA"}, build) / name))


CASES = {
    "unet": Case("bundled unet", "unet", True, 30, (3.5, 5.0)),
    "fpn": Case("bundled fpn", "fpn", True, 30),
    "baseline": Case("baseline", "baseline", False, 9, (3.0, 4.0)),
    "unet-resnet152": Case("unet, ResNet-152", "unet", False, 5, (2.3, 3.5), compiled=False),
    "fpn-resnext101": Case("fpn, ResNeXt-101", "fpn", False, 5, (3.5, 4.5), compiled=False),
    "multiscale": Case("multiscale", "multiscale", False, 3, (7.0, 8.0)),
}


class ChannelsFirst(Eager):
    """Eager PyTorch with tensors as most code leaves them; the package's are channels-last."""

    name: ClassVar[str] = NCHW[0]

    def _prepared(self, network: torch.nn.Module) -> Callable[[torch.Tensor], Any]:
        import torch

        network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        return lambda images: network(images.contiguous())


class _Free(CompiledBackend):
    """For speed alone: calibrated on a few patterns, and not refused for what it differs from PyTorch."""

    @classmethod
    def build(
        cls, checkpoint: Checkpoint, folder: Path, device: str, precision: str, calibration: Sequence[np.ndarray] | None
    ) -> None:
        pre = checkpoint.preprocess
        canvases = list(patterns(_CALIBRATION, pre.height, pre.width)) if precision == "int8" else None
        super().build(checkpoint, folder, device, precision, canvases)

    @classmethod
    def checked(cls, checkpoint: Checkpoint, folder: Path, device: str, precision: str) -> dict[str, Any]:
        backend, reference = cls.open(folder, device, precision, None), Eager.load(checkpoint, "cpu", "fp32", None)
        canvases = patterns(1, checkpoint.preprocess.height, checkpoint.preprocess.width)
        return {"parity": compare(backend, reference, precision, canvases).to_dict()}


class FreeOpenVINO(_Free, OpenVINO):
    """See `_Free`."""

    name: ClassVar[str] = OpenVINO.name + FREE


class FreeOnnxRuntime(_Free, OnnxRuntime):
    """See `_Free`."""

    name: ClassVar[str] = OnnxRuntime.name + FREE


# In every process that imports this: the bench starts some of its own.
BACKENDS.update({cls.name: cls for cls in (ChannelsFirst, FreeOpenVINO, FreeOnnxRuntime)})


def runnable(checkpoint: Checkpoint, ways: Sequence[Way], held: bool) -> tuple[list[Way], dict[str, str]]:
    """Those of the ways that can run here, built.

    One that the package refuses, as its depth differs too much from PyTorch's, is measured all the same, as `_Free`.

    Args:
        checkpoint: to be run.
        ways: wanted.
        held: False where int8 shall not be held to the limits, such as with random weights.

    Returns:
        The ways, and by '<back-end> <precision>' why one was refused.
    """
    able, refused = [], {}
    for name, precision in ways:
        way, cls = (name, precision), BACKENDS[name]
        try:
            if issubclass(cls, CompiledBackend):
                if precision == "int8" and not held:
                    way = (name + FREE, precision)
                folder_of(checkpoint, way)
            able.append(way)
        except DepthModelsError as error:
            refused[f"{name} {precision}"] = str(error)
            if cls.is_installed() and not way[0].endswith(FREE):
                able.append((name + FREE, precision))
    return able, refused


def folder_of(checkpoint: Checkpoint, way: Way) -> Path:
    """The folder of a compiled network in the cache, built if need be."""
    cls = BACKENDS[way[0]]
    assert issubclass(cls, CompiledBackend)
    cls.require()
    return cls.built(checkpoint, "cpu", way[1])


def files_of(checkpoint: Checkpoint, way: Way) -> tuple[float, float | None]:
    """MB of the files that a way reads, and the mean relative difference of its depth; None for PyTorch itself."""
    if not issubclass(BACKENDS[way[0]], CompiledBackend):
        return Path(checkpoint.source).stat().st_size / 1e6, None
    folder = folder_of(checkpoint, way)
    about = json.loads((folder / "about.json").read_text())
    return sum((folder / name).stat().st_size for name in about["files"]) / 1e6, about["facts"]["parity"]["mean"]
