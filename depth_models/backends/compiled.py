"""What back-ends share that compile a network into files: the cache, and the check against PyTorch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from depth_models.backends.base import Backend
from depth_models.backends.cache import LOG, cached
from depth_models.errors import DepthModelsError

if TYPE_CHECKING:
    from depth_models.checkpoint import Checkpoint
    from depth_models.preprocess import Preprocess

_PATTERNS = 2  # of the check when a file is built


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
        from depth_models.backends.parity import compare
        from depth_models.backends.pytorch import Eager

        canvases, truth = _frames(checkpoint.preprocess, precision)
        backend, reference = cls.open(folder, device, precision, None), Eager.load(checkpoint, "cpu", "fp32", None)
        parity = compare(backend, reference, precision, canvases, truth)
        backend.close()
        parity.require(f"{checkpoint.network!r} on back-end {cls.name!r}")
        return {"network": checkpoint.network, "parity": parity.to_dict()}


def _frames(pre: Preprocess, precision: str) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]] | None]:
    """Canvases to compare on, and their truth where there is one.

    Less precision is judged on rooms: patterns are unlike any picture that a network was made for, and what it says of
    them turns on little (the bundled unet in bf16 is 0.4 % off on rooms, 1.3 % on patterns). Where no rooms can be
    rendered patterns must do, but for int8.

    Raises:
        DepthModelsError: no rooms can be rendered for int8.
    """
    from depth_models.backends.parity import patterns
    from depth_models.backends.quantisation import CALIBRATION, CHECK, room_samples

    if precision != "fp32":
        try:
            rooms = room_samples(CALIBRATION, CHECK, pre.height, pre.width)
        except DepthModelsError as error:
            if precision == "int8":  # is calibrated on rooms, and held to their truth
                raise
            LOG.warning("%s; %s is compared on patterns instead", error, precision)
        else:
            return np.stack([pre.canvas(s.rgb) for s in rooms]), [pre.target(s) for s in rooms]
    return patterns(_PATTERNS, pre.height, pre.width), None
