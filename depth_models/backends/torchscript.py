"""TorchScript, for C++ programs with LibTorch: a format to export to, and its reader, which checks what was written."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from depth_models.backends.base import Outputs
from depth_models.backends.compiled import CompiledBackend
from depth_models.backends.export import KEY, description, traced

if TYPE_CHECKING:
    from depth_models.checkpoint import Checkpoint

_FILE = "model.pt"


class TorchScript(CompiledBackend):
    """A frozen program on the CPU; its description is the extra file `depth_models`."""

    name: ClassVar[str] = "torchscript"
    package: ClassVar[str] = "torch"

    @classmethod
    def precisions(cls, device: str) -> tuple[str, ...]:
        return ("fp32",) if device == "cpu" else ()

    @classmethod
    def build(
        cls, checkpoint: Checkpoint, folder: Path, device: str, precision: str, calibration: Sequence[np.ndarray] | None
    ) -> None:
        import torch

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of tracing: shapes are constants here, as they should be
            program = torch.jit.freeze(traced(checkpoint, torch.float32))
            extra = {KEY: json.dumps(description(checkpoint, precision))}
            torch.jit.save(program, str(folder / _FILE), _extra_files=extra)

    @classmethod
    def open(cls, folder: Path, device: str, precision: str, threads: int | None) -> TorchScript:
        return cls(folder / _FILE)

    def __init__(self, path: Path) -> None:
        import torch

        self._program = torch.jit.load(str(path))

    def __call__(self, canvases: np.ndarray) -> Outputs:
        import torch

        with torch.inference_mode():
            return Outputs(*(output.numpy() for output in self._program(torch.from_numpy(canvases))))
