"""Data sets behind one interface: a class for each layout, found by what lies at a path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from depth_models.data.nyu import NyuFile
from depth_models.data.pairs import PairFolder
from depth_models.data.prepared import PreparedFolder
from depth_models.data.tum import TumFolder
from depth_models.errors import DepthModelsError
from depth_models.types import Sample


class Source(Protocol):
    """Random access to frames; it can be sent to a loader's process.

    A class `C` of `SOURCES` is opened as `C(path, depth)`, and `C.recognises(path)` says, by names alone and without
    reading much, whether the path is of its layout.

    Attributes:
        path: the file or folder.
        scenes: per frame, the name of its scene.
        scene_types: per frame, the kind of its scene.
        content: (top, bottom, left, right) of the part of every frame inside a border that belongs to no picture, in
            rows and columns; None where there is no border.
        description: what a training record says of the data: JSON values, at least its name ('file') and 'frames'.
    """

    path: Path
    scenes: Sequence[str]
    scene_types: Sequence[str]
    content: tuple[int, int, int, int] | None
    description: dict[str, Any]

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample:
        """Frame number `index`; DepthModelsError where it cannot be read."""
        ...


# By name; the first that recognises a path opens it.
SOURCES: dict[str, Any] = {"prepared": PreparedFolder, "nyu": NyuFile, "pairs": PairFolder, "tum": TumFolder}


def open_source(path: str | Path, depth: str = "depths") -> Source:
    """Open a data set of any known layout.

    Args:
        path: file or folder.
        depth: which truth, where there are two: 'depths' (filled in, or exact) or 'rawDepths' (as measured).

    Raises:
        DepthModelsError: nothing there, of no known layout, or broken.
    """
    if not Path(path).exists():
        raise DepthModelsError(f"{path}: no such data file or folder")
    for source in SOURCES.values():
        if source.recognises(Path(path)):
            return source(path, depth)
    raise DepthModelsError(f"{path}: not a data set of a known layout; known: {', '.join(SOURCES)}")
