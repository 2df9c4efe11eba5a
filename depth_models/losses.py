"""Training losses over the valid pixels (paper, section 4.1, and the field's usual others)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from depth_models.errors import DepthModelsError
from depth_models.types import DepthOutput

BETA_M = 2.0  # Smooth L1 turns from square to linear here: the data's mean depth


def _masked_mean(values: Tensor, valid: Tensor) -> Tensor:
    """Mean over the pixels where `valid`; 0 (with a gradient of 0) where there is none."""
    return torch.where(valid, values, 0.0).sum() / valid.sum().clamp_min(1)


def l1(depth: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Mean |x - y|, metres. All arguments (N, 1, H, W); `target` may be anything finite where not `valid`."""
    return _masked_mean((depth - target).abs(), valid)


def l2(depth: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Mean (x - y)^2, square metres."""
    return _masked_mean((depth - target).square(), valid)


def smooth_l1(depth: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """(x - y)^2 / (2 beta) where |x - y| < beta, else |x - y| - beta / 2; beta = 2 m."""
    return _masked_mean(F.smooth_l1_loss(depth, target, reduction="none", beta=BETA_M), valid)


def log_l1(depth: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Mean |ln x - ln y|: near and far count by their ratio, as AbsRel and the deltas count them."""
    return _masked_mean(_log_difference(depth, target, valid).abs(), valid)


def silog(depth: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Scale-invariant logarithmic error (Eigen et al. 2014, eq. 4), the mean over images of mean g^2 - 0.5 (mean g)^2.

    g = ln x - ln y. Images without a valid pixel count as 0.
    """
    difference = _log_difference(depth, target, valid)
    pixels = valid.sum(dim=(1, 2, 3)).clamp_min(1)
    mean = difference.sum(dim=(1, 2, 3)) / pixels
    return (difference.square().sum(dim=(1, 2, 3)) / pixels - 0.5 * mean.square()).mean()


def gradient(depth: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Mean |gradient of ln x - ln y|, summed over four scales and both axes (MegaDepth's gradient matching).

    It sharpens a network that has learnt where edges are, and smooths one that has not: the best guess of an absolute
    error for an edge of uncertain place is no edge. So it is for the end of a long training, with a small weight.
    """
    difference = _log_difference(depth, target, valid)
    total = depth.new_zeros(())
    for scale in range(4):
        d, v = difference[..., :: 2**scale, :: 2**scale], valid[..., :: 2**scale, :: 2**scale]
        total = total + _masked_mean((d[..., 1:] - d[..., :-1]).abs(), v[..., 1:] & v[..., :-1])
        total = total + _masked_mean((d[..., 1:, :] - d[..., :-1, :]).abs(), v[..., 1:, :] & v[..., :-1, :])
    return total


def _log_difference(depth: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """ln depth - ln target, 0 where not valid."""
    return torch.where(valid, depth.log() - torch.where(valid, target, 1.0).log(), 0.0)


LOSSES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "l1": l1,
    "l2": l2,
    "smooth_l1": smooth_l1,
    "log_l1": log_l1,
    "silog": silog,
    "gradient": gradient,
}


class Criterion:
    """A weighted sum of losses, summed over a network's depth and its aux maps (paper, section 4.5).

    Args:
        weights: weight by name of `LOSSES`.

    Raises:
        DepthModelsError: no loss, an unknown name, or a weight that is not positive.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        unknown = sorted(set(weights) - set(LOSSES))
        if unknown or not weights or not all(w > 0 for w in weights.values()):
            raise DepthModelsError(
                f"loss must give positive weights to some of {', '.join(LOSSES)}; got {dict(weights)}"
            )
        self.weights = dict(weights)

    def __call__(self, output: DepthOutput, target: Tensor, valid: Tensor) -> Tensor:
        """Scalar loss of a batch; (N, 1, H, W) float32 target in the network's metres, and its bool mask."""
        total = target.new_zeros(())
        for depth in (output.depth, *output.aux):
            for name, weight in self.weights.items():
                total = total + weight * LOSSES[name](depth.float(), target, valid)
        return total
