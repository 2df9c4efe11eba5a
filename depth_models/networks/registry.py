"""Networks by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

from torch import Tensor, nn

from depth_models.errors import DepthModelsError
from depth_models.networks.sigma import SigmaHead
from depth_models.types import DepthOutput

_REGISTRY: dict[str, type[DepthNetwork]] = {}


class DepthNetwork(nn.Module):
    """Base of every network: `forward(image (N, 3, H, W) float) -> DepthOutput` with depth in metres, positive.

    Attributes:
        name: the registry's name.
        config: keyword arguments that build the same architecture again (pretrained weights are not part of it).
        stride: height and width of the input must be multiples of this. 16 serves encoders of stride 32 too, as every
            decoder resizes to its skip connection: 240 rows go 120, 60, 30, 15, 8 and back.
        small: a configuration that builds and runs in a moment, for tests and dry runs; `small_size` is its input.
        sigma_head: what tells the standard deviation of the depth; None where the configuration has no `sigma: true`.
    """

    name: ClassVar[str]
    stride: ClassVar[int] = 16
    small: ClassVar[dict[str, Any]] = {}
    small_size: ClassVar[tuple[int, int]] = (64, 96)
    config: dict[str, Any]
    sigma_head: SigmaHead | None

    def __init__(self) -> None:
        super().__init__()
        self.sigma_head = None

    def frozen_modules(self) -> list[nn.Module]:
        """Modules that no training may move; a subclass chooses by its configuration."""
        return []

    def train(self, mode: bool = True) -> DepthNetwork:
        """As `nn.Module.train`, but frozen modules stay in eval mode and without gradient, whatever is asked.

        Eval mode matters as much as the gradient: BatchNorm would otherwise go on moving its running statistics.
        """
        super().train(mode)
        for module in self.frozen_modules():
            module.eval()
            module.requires_grad_(False)
        return self

    def check_input(self, image: Tensor) -> None:
        """Refuse an image that the network cannot take: (N, 3, H, W) with H and W multiples of `stride`."""
        if image.ndim != 4 or image.shape[1] != 3 or any(s == 0 or s % self.stride for s in image.shape[2:]):
            raise DepthModelsError(
                f"{self.name} expects an image batch (N, 3, H, W) with H and W multiples of {self.stride}, "
                f"got {tuple(image.shape)}"
            )

    def sigma(self, maps: Sequence[Tensor], depth: Tensor) -> Tensor | None:
        """(N, 1, H, W) standard deviation of `depth` from a decoder's maps; None without `sigma_head`."""
        return None if self.sigma_head is None else self.sigma_head(maps, depth)

    def forward(self, image: Tensor) -> DepthOutput:
        """Depth of a batch of normalised images."""
        raise NotImplementedError


_Network = TypeVar("_Network", bound=type[DepthNetwork])


def register(name: str) -> Callable[[_Network], _Network]:
    """Class decorator: makes a `DepthNetwork` available as `create_network(name)`."""

    def add(cls: _Network) -> _Network:
        cls.name = name
        _REGISTRY[name] = cls
        return cls

    return add


def list_networks() -> list[str]:
    """Names that `create_network` takes, sorted."""
    return sorted(_REGISTRY)


def network_class(name: str) -> type[DepthNetwork]:
    """The class registered as `name`.

    Raises:
        DepthModelsError: unknown name; the message lists the known ones.
    """
    if name not in _REGISTRY:
        raise DepthModelsError(f"unknown network {name!r}; known networks: {', '.join(list_networks())}")
    return _REGISTRY[name]


def create_network(name: str, **config: Any) -> DepthNetwork:
    """Build a network, in eval mode; weights are random unless the configuration names pretrained ones.

    Args:
        name: one of `list_networks()`.
        config: the network's own keyword arguments; see its class. Nothing is downloaded unless asked for.

    Raises:
        DepthModelsError: unknown name or keyword, or a value that the network refuses.
    """
    cls = network_class(name)
    known = list(inspect.signature(cls.__init__).parameters)[1:]
    unknown = sorted(set(config) - set(known))
    if unknown:
        raise DepthModelsError(f"network {name!r} has no option {', '.join(unknown)}; its options: {', '.join(known)}")
    try:
        return cls(**config).eval()
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:  # from torch or Python
        raise DepthModelsError(f"network {name!r} cannot be built with {config}: {error}") from error
