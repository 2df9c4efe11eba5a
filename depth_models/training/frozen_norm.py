"""BatchNorm with its statistics held, folded into the convolutions before it while they train."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm, conv2d
from torch.overrides import TorchFunctionMode

from depth_models.networks.registry import DepthNetwork
from depth_models.preprocess import Preprocess


class FrozenNorm(TorchFunctionMode):
    """In this context a network's BatchNorms keep their running statistics and normalise by them, as in evaluation.

    Weights, scales and shifts train as they do otherwise, and are what a checkpoint holds: only what is computed
    differs. A norm that follows a convolution is a factor and a bias of it, which cost next to nothing, where BatchNorm
    goes over its whole map several times (`benchmarks/mixed_precision.py`). From random weights a network learns little
    so: its statistics are then those of no image.

    Args:
        network: whose norms; of another network's nothing changes.
        canvas: the network's input.
    """

    def __init__(self, network: DepthNetwork, canvas: Preprocess) -> None:
        super().__init__()
        self._norm_after = {id(conv.weight): norm for conv, norm in _pairs(network, canvas)}
        self._folded = {id(norm.bias) for norm in self._norm_after.values()}
        self._all = {id(norm.bias) for norm in _norms(network)}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is conv2d and id(args[1]) in self._norm_after:
            norm = self._norm_after[id(args[1])]
            weight, bias = _folded(norm, args[1], args[2])
            return func(args[0], weight, bias, *args[3:], **kwargs)
        if func is batch_norm and id(kwargs["bias"]) in self._folded:
            return args[0]
        if func is batch_norm and id(kwargs["bias"]) in self._all:
            return func(*args, **{**kwargs, "training": False})
        return func(*args, **kwargs)


def _folded(norm: nn.BatchNorm2d, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
    """Weights and biases of the convolution that does its own work and the norm's."""
    mean, variance = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
    scale = norm.weight * torch.rsqrt(variance + norm.eps)
    shift = norm.bias - mean * scale
    return weight * scale[:, None, None, None], shift if bias is None else shift + bias * scale


def _norms(network: DepthNetwork) -> list[nn.BatchNorm2d]:
    """Those that have statistics to hold, and a shift to be known by."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    return [norm for norm in norms if norm.track_running_stats and norm.affine]


def _pairs(network: DepthNetwork, canvas: Preprocess) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Every convolution whose output a norm takes, with that norm."""
    outputs: list[tuple[nn.Conv2d, Tensor]] = []
    pairs: list[tuple[nn.Conv2d, nn.BatchNorm2d]] = []

    def keep(conv: nn.Module, inputs: Any, output: Tensor) -> None:
        outputs.append((conv, output))  # type: ignore[arg-type]

    def pair(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        pairs.extend((conv, norm) for conv, output in outputs if output is inputs[0])  # type: ignore[misc]

    hooks = [m.register_forward_hook(keep) for m in network.modules() if isinstance(m, nn.Conv2d)]
    hooks += [norm.register_forward_pre_hook(pair) for norm in _norms(network)]
    training = network.training
    with torch.no_grad():
        network.eval()(next(network.parameters()).new_zeros(1, 3, canvas.height, canvas.width))
    network.train(training)
    for hook in hooks:
        hook.remove()
    return pairs
