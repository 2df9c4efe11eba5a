"""The network as the node runs it: what goes wrong in it is one kind of error with a reason. Pure."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING

import numpy as np

from depth_estimation_ros.parameters import NodeParameters
from depth_models.memory import keep_freed_memory
from depth_models.types import Depth

if TYPE_CHECKING:
    from depth_models.predictor import DepthPredictor


class ModelError(RuntimeError):
    """The model gave no depth for an image; the next one may be answered.

    Attributes:
        reason: 'memory', 'nan' or 'error', for counting.
    """

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(text)
        self.reason = reason


class Model:
    """A predictor that is tried once more when memory ran out, and whose output is looked at."""

    def __init__(self, predictor: DepthPredictor) -> None:
        self._predictor = predictor

    @classmethod
    def load(cls, parameters: NodeParameters) -> Model:
        """Load the checkpoint that the parameters name.

        Raises:
            DepthModelsError: no such checkpoint or device, or an option that does not fit it.
        """
        from depth_models.predictor import DepthPredictor

        p = parameters
        model = cls(DepthPredictor.from_checkpoint(p.checkpoint, p.device, p.backend, p.precision, p.threads or None))
        keep_freed_memory()  # of images; not before, as loading frees more than is used ever again
        return model

    def __call__(self, rgb: np.ndarray, fx: float | None = None, fy: float | None = None) -> Depth:
        """As `DepthPredictor.__call__`.

        Raises:
            ModelError: whatever went wrong.
        """
        try:
            try:
                depth = self._predictor(rgb, fx=fx, fy=fy)
            except Exception as error:
                if not _is_out_of_memory(error):
                    raise
                failed = True
            else:
                failed = False
            if failed:  # outside the handler, whose traceback holds the tensors
                _free_memory()
                depth = self._predictor(rgb, fx=fx, fy=fy)
        except Exception as error:
            reason = "memory" if _is_out_of_memory(error) else "error"
            raise ModelError(f"the network failed: {type(error).__name__}: {error}", reason) from error
        if not depth.valid.any():
            raise ModelError("the network's output has no finite depth; try precision fp32, or other weights", "nan")
        return depth

    def description(self) -> dict[str, str]:
        """What is loaded, where it runs and how, for people."""
        checkpoint = self._predictor.checkpoint
        facts = {
            "model": checkpoint.network,
            "weights": str(checkpoint.source),
            "device": self._predictor.device,
            "backend": self._predictor.backend,
            "precision": self._predictor.precision,
            "sigma": "yes" if "sigma" in checkpoint.config else "no: depth/sigma stays silent",
        }
        if self._predictor.device != "cpu":
            import torch

            device = self._predictor.device
            facts["GPU"] = torch.cuda.get_device_name(device)
            facts["GPU memory (MB)"] = f"{torch.cuda.memory_reserved(device) / 1e6:.0f}"
        return facts


def _is_out_of_memory(error: Exception) -> bool:
    """On a GPU, on a CPU by torch ("can't allocate memory") or another library, or in Python."""
    text = str(error).lower()
    signs = ("out of memory", "allocate memory", "bad_alloc")
    return isinstance(error, MemoryError) or any(sign in text for sign in signs)


def _free_memory() -> None:
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
