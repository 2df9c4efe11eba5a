"""What every back-end is: a network, ready to run on one device."""

from __future__ import annotations

import importlib.util
from abc import ABC, abstractmethod
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from depth_models.errors import DepthModelsError

if TYPE_CHECKING:
    from depth_models.checkpoint import Checkpoint


class Outputs(NamedTuple):
    """What a network gives for a batch, on the host.

    Attributes:
        depth: (N, 1, H, W) float32, the network's depth on its canvas.
        sigma: (N, 1, H, W) float32, standard deviation of `depth`; None where the network has no head for it.
    """

    depth: np.ndarray
    sigma: np.ndarray | None = None


class Backend(ABC):
    """A network ready to run. Not safe for several threads at once: `DepthPredictor` lets them take turns.

    Class attributes:
        name: what a user calls it.
        package: the Python package that it needs.
        extra: of this distribution, which brings the package.
    """

    name: ClassVar[str]
    package: ClassVar[str]
    extra: ClassVar[str] = ""

    @classmethod
    def precisions(cls, device: str) -> tuple[str, ...]:
        """What it can compute in on a device ('cpu' or 'cuda:N'), the most exact first; empty where it cannot run."""
        raise NotImplementedError

    @classmethod
    @abstractmethod
    def load(cls, checkpoint: Checkpoint, device: str, precision: str, threads: int | None) -> Backend:
        """Make the checkpoint's network ready.

        Args:
            checkpoint: its tensors are read only where no compiled form of it is in the cache.
            device: 'cpu' or 'cuda:N'.
            precision: one of `precisions(device)`.
            threads: of the CPU; None leaves it to the library.

        Raises:
            DepthModelsError: its package or the device is missing, or it cannot run this network as exactly as
                it should.
        """

    @abstractmethod
    def __call__(self, canvases: np.ndarray) -> Outputs:
        """Run on (N, height, width, 3) uint8 canvases, as `Preprocess.canvas` makes them; any N from 1."""

    def close(self) -> None:  # noqa: B027  (most have nothing to do)
        """Free what it holds; it is not called again."""

    @classmethod
    def is_installed(cls) -> bool:
        """Is its package there? Nothing is imported."""
        return importlib.util.find_spec(cls.package) is not None

    @classmethod
    def version(cls) -> str:
        """Its package's version; '' where that is not known."""
        try:
            return version(cls.package)
        except PackageNotFoundError:
            return ""

    @classmethod
    def require(cls) -> None:
        """Raise a DepthModelsError with the pip command unless the package is there."""
        if not cls.is_installed():
            raise DepthModelsError(
                f"backend {cls.name!r} needs the Python package {cls.package}, which is not installed; "
                f"pip install 'depth_estimation_ros[{cls.extra}]' brings it"
            )


def device_index(device: str) -> int:
    """N of 'cuda:N'."""
    return int(device.partition(":")[2] or 0)
