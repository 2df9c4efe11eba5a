"""`torch.compile`, with its want of a compiler told at once and in plain words."""

from __future__ import annotations

import os
import shutil

import torch
from torch import nn

from depth_models.errors import DepthModelsError


def compiled(module: nn.Module, device: str, mode: str = "default") -> nn.Module:
    """The module, to be compiled when it is first called, which takes minutes.

    Args:
        module: on `device`.
        device: 'cpu' or 'cuda:N'.
        mode: of `torch.compile`.

    Raises:
        DepthModelsError: on a CPU, there is no C++ compiler where torch looks for one.
    """
    compiler = os.environ.get("CXX", "g++")  # as torch's Inductor finds it
    if device == "cpu" and shutil.which(compiler) is None:
        raise DepthModelsError(
            f"to compile a network takes a C++ compiler, and {compiler!r} is not found: apt install g++, or name "
            "another one in the environment variable CXX, or do without (compile: false, another back-end)"
        )
    return torch.compile(module, mode=mode)  # type: ignore[return-value]
