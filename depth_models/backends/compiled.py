"""What back-ends share that compile a network into files: the cache, and the check against PyTorch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from depth_models.backends.base import Backend
from depth_models.backends.cache import LOG, cached

if TYPE_CHECKING:
    from depth_models.checkpoint import Checkpoint

_FRAMES = 2  # of the check when a file is built


class CompiledBackend(Backend):
    """A back-end whose network is built once into a folder of the cache, and read from there without torch.

    Attributes:
        recipe: changes when `build` writes other files of the same weights.
    """

    recipe: ClassVar[int] = 1

    @classmethod
    @abstractmethod
    def build(
        cls, checkpoint: Checkpoint, folder: Path, device: str, precision: str, calibration: Sequence[np.ndarray] | None
    ) -> None:
        """Write files into `folder`; `calibration`, for int8, are canvases (height, width, 3); None for rooms."""

    @classmethod
    @abstractmethod
    def open(cls, folder: Path, device: str, precision: str, threads: int | None) -> Backend:
        """Load what `build` wrote."""

    @classmethod
    def identity(cls, device: str) -> str:
        """What of the device the files depend on; '' where they run on any."""
        return ""

    @classmethod
    def load(cls, checkpoint: Checkpoint, device: str, precision: str, threads: int | None) -> Backend:
        cls.require()
        return cls.open(cls.built(checkpoint, device, precision), device, precision, threads)

    @classmethod
    def built(cls, checkpoint: Checkpoint, device: str, precision: str) -> Path:
        """The cache's folder with what `build` wrote; built now, and compared with PyTorch, where it is not there.

        Raises:
            DepthModelsError: as `load`.
        """
        pre = checkpoint.preprocess
        key = {
            "weights": checkpoint.digest,
            "backend": cls.name,
            "version": cls.version(),
            "recipe": cls.recipe,
            "device": [device.partition(":")[0], cls.identity(device)],
            "precision": precision,
            "size": [pre.height, pre.width],
        }

        def build(folder: Path) -> dict[str, Any]:
            LOG.info("building %s for %s in %s, once for these weights", checkpoint.network, cls.name, precision)
            cls.build(checkpoint, folder, device, precision, None)
            return cls.checked(checkpoint, folder, device, precision)

        return cached(key, build)

    @classmethod
    def checked(cls, checkpoint: Checkpoint, folder: Path, device: str, precision: str) -> dict[str, Any]:
        """Facts of what `build` wrote, for people: how far its depth is from eager PyTorch's.

        Raises:
            DepthModelsError: too far for its precision.
        """
        from depth_models.backends.parity import compare, patterns
        from depth_models.backends.pytorch import Eager
        from depth_models.backends.quantisation import CALIBRATION, CHECK, room_samples

        pre, truth = checkpoint.preprocess, None
        canvases = patterns(_FRAMES, pre.height, pre.width)
        if precision == "int8":
            rooms = room_samples(CALIBRATION, CHECK, pre.height, pre.width)
            canvases, truth = np.stack([pre.canvas(s.rgb) for s in rooms]), [pre.target(s) for s in rooms]
        backend, reference = cls.open(folder, device, precision, None), Eager.load(checkpoint, "cpu", "fp32", None)
        parity = compare(backend, reference, precision, canvases, truth)
        backend.close()
        parity.require(f"{checkpoint.network!r} on back-end {cls.name!r}")
        return {"network": checkpoint.network, "parity": parity.to_dict()}
