"""What every data set offers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from depth_models.types import Sample


class Source(Protocol):
    """Random access to frames; it can be sent to a loader's process.

    A class `C` of `sources.SOURCES` is opened as `C(path, depth)`, and `C.recognises(path)` says, by names alone and
    without reading much, whether the path is of its layout.

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
