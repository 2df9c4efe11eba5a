"""The average of two checkpoints' weights, one of which was trained on from the other.

Along the line between them the error is often less than at both ends, and what the first could do beyond the data of
the second comes back (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models", arXiv 2109.01903).
"""

from __future__ import annotations

from dataclasses import replace

import torch

from depth_models.checkpoint import Checkpoint
from depth_models.errors import DepthModelsError


def average(first: Checkpoint, second: Checkpoint, share: float) -> Checkpoint:
    """The checkpoint of (1 - share) times the weights of `first` plus share times those of `second`.

    A sigma head is left out, as it would be that of neither depth. The record is empty.

    Args:
        share: 0 to 1.

    Raises:
        DepthModelsError: share out of range; networks, options or inputs differ.
    """
    if not 0 <= share <= 1:
        raise DepthModelsError(f"the second one's share must be in 0 to 1, got {share}")
    one, two = first.without_sigma(), second.without_sigma()
    for what in ("network", "config", "preprocess"):
        mine, other = getattr(one, what), getattr(two, what)
        if mine != other:
            raise DepthModelsError(
                f"{first.source} and {second.source} differ in {what} ({mine} and {other}); only weights of the same "
                "network for the same input have an average"
            )
    for checkpoint in (one, two):
        checkpoint.build()  # checks names, shapes and values
    tensors = {name: torch.lerp(tensor, two.tensors[name], share) for name, tensor in one.tensors.items()}
    return replace(two, tensors=tensors, record={}, source="")
