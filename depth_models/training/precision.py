"""Mixed precision as it pays: what a step computes in half precision, and what not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.functional import conv2d
from torch.overrides import TorchFunctionMode

TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@contextmanager
def mixed_precision(device: str, precision: str) -> Iterator[None]:
    """Let what is computed in this context run in a precision; weights, their gradients and BatchNorm stay float32.

    On CPUs depthwise convolutions stay float32 as well: oneDNN has no fast backward pass in bfloat16 for those of
    stride 2 or of 5x5 (`benchmarks/mixed_precision.py`), and a light encoder is made of them.

    Args:
        device: 'cpu' or 'cuda:N'.
        precision: one of `TYPES`; in 'fp32' nothing changes.
    """
    kind, dtype = torch.device(device).type, TYPES[precision]
    if dtype == torch.float32:
        yield
        return
    with torch.autocast(kind, dtype):
        if kind == "cpu":
            with _DepthwiseInFloat():
                yield
        else:
            yield


class _DepthwiseInFloat(TorchFunctionMode):
    """Takes grouped convolutions out of autocast."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        groups = args[6] if len(args) > 6 else kwargs.get("groups", 1)
        if func is not conv2d or groups == 1:
            return func(*args, **kwargs)
        with torch.autocast("cpu", enabled=False):
            return func(args[0].float(), *args[1:], **kwargs)
