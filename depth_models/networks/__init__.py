"""The networks: one file each, found by name through the registry. A new network adds its import line here."""

from depth_models.networks import baseline, dpt, fpn, multiscale, unet  # noqa: F401  (importing a file registers its network)
from depth_models.networks.registry import create_network, list_networks

__all__ = ["create_network", "list_networks"]
