"""Metric depth from one camera: networks, training and inference, without ROS.

Names are imported when first used, so that `import depth_models` costs no torch.
"""

from importlib import import_module
from typing import Any

from depth_models.errors import DepthModelsError
from depth_models.types import Depth, DepthOutput

_LAZY = {
    "Checkpoint": "depth_models.checkpoint",
    "DepthPredictor": "depth_models.predictor",
    "Preprocess": "depth_models.preprocess",
    "create_network": "depth_models.networks",
    "list_networks": "depth_models.networks",
}

__all__ = ["Depth", "DepthModelsError", "DepthOutput", *_LAZY]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'depth_models' has no attribute {name!r}; it has {', '.join(__all__)}")
