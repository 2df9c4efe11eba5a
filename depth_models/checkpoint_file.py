"""What lies in a checkpoint's file: tensors, and a description of what they are; read without running code of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from depth_models.errors import DepthModelsError

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = "depth_models"
VERSION = 1
# What a file's description holds.
_KEYS = {"format": str, "version": int, "network": str, "config": dict, "preprocess": dict, "record": dict}


class StoredTensors(Mapping[str, "Tensor"]):
    """Tensors of an open file, read when first used; a file that takes its place meanwhile changes nothing."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._tensors: dict[str, Tensor] | None = None

    def arrays(self) -> Mapping[str, np.ndarray]:
        """The same as arrays of the stored type, without torch."""
        if self._tensors is not None:
            return {name: tensor.numpy() for name, tensor in self._tensors.items()}
        return {name: self._file.get_tensor(name) for name in self._file.keys()}  # noqa: SIM118

    def _read(self) -> dict[str, Tensor]:
        if self._tensors is None:
            import torch

            self._tensors = {name: torch.from_numpy(array).float() for name, array in self.arrays().items()}
        return self._tensors

    def __getitem__(self, name: str) -> Tensor:
        return self._read()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())


def read_file(path: Path) -> tuple[dict[str, Any], StoredTensors]:
    """The description, its keys and their types checked, and the tensors of a file.

    Raises:
        DepthModelsError: no such file, not safetensors (a pickle, say), truncated, not one of ours, or newer.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise DepthModelsError(f"{path}: no such checkpoint file")
    try:
        file = safe_open(path, framework="np")  # checks that the file is whole
        metadata = file.metadata() or {}
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise DepthModelsError(
            f"{path}: not a complete safetensors file ({error}). Pickled weights (.pth, .pt) are refused because "
            "loading them can run code; was the download cut short?"
        ) from error
    return _document(path, metadata), StoredTensors(file)


def _document(path: Path, metadata: dict[str, str]) -> dict[str, Any]:
    """The file's description, checked."""
    if FORMAT not in metadata:
        raise DepthModelsError(
            f"{path}: a safetensors file without this package's description; it holds tensors, not a checkpoint. "
            "Checkpoint.save writes one; an encoder's tensors belong into the option encoder_weights"
        )
    try:
        document = json.loads(metadata[FORMAT])
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        document = {}
    version = document.get("version")
    if isinstance(version, int) and version > VERSION:
        raise DepthModelsError(
            f"{path}: format version {version}, and this package reads up to {VERSION}; upgrade depth_estimation_ros"
        )
    wrong = [key for key, kind in _KEYS.items() if not isinstance(document.get(key), kind)]
    if wrong or document["format"] != FORMAT:
        raise DepthModelsError(
            f"{path}: the file's description is malformed (at {', '.join(wrong or ['format'])}); "
            "save it again with depth_models"
        )
    return document
