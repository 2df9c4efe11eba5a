"""Data sets behind one interface: a class for each layout, found by what lies at a path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from depth_models.data.fetching import located
from depth_models.data.joined import Mixture, ShardFolder
from depth_models.data.nyu import NyuFile
from depth_models.data.pairs import PairFolder
from depth_models.data.prepared import PreparedFolder
from depth_models.data.source import Source
from depth_models.data.tum import TumFolder
from depth_models.errors import DepthModelsError

# By name; the first that recognises a path opens it.
SOURCES: dict[str, Any] = {
    "prepared": PreparedFolder,
    "nyu": NyuFile,
    "pairs": PairFolder,
    "tum": TumFolder,
    "shards": ShardFolder,
}


def open_source(path: str | Path, depth: str = "depths") -> Source:
    """Open a data set of any known layout.

    Args:
        path: file or folder; or 'nyu', where nothing of that name lies: NYU Depth V2's labelled file, fetched once
            (2.97 GB).
        depth: which truth, where there are two: 'depths' (filled in, or exact) or 'rawDepths' (as measured).

    Raises:
        DepthModelsError: nothing there, of no known layout, or broken; or as `located`.
    """
    path = located(path)
    for source in SOURCES.values():
        if source.recognises(path):
            return source(path, depth)
    raise DepthModelsError(f"{path}: not a data set of a known layout; known: {', '.join(SOURCES)}")


def open_sources(paths: str | Path | Sequence[str | Path], depth: str = "depths") -> Source:
    """Open one data set, or several as one `Mixture`; see `open_source`.

    Raises:
        DepthModelsError: as `open_source`; or the same data set twice.
    """
    if isinstance(paths, (str, Path)):
        return open_source(paths, depth)
    sources = [open_source(path, depth) for path in paths]
    return sources[0] if len(sources) == 1 else Mixture(sources)
