"""Several data sets as one: a folder of files, or what `train` is given with more than one `--data`."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from depth_models.data.nyu import NyuFile
from depth_models.data.source import Source
from depth_models.data.transforms import mask_border
from depth_models.errors import DepthModelsError
from depth_models.types import Sample


class Joined:
    """The frames of several sources, one after the other.

    Args:
        sources: one or more.
        path: what they are called together.

    Attributes:
        path, scenes, scene_types: see `Source`.
        content: None: what lies in the border of a source's frames is already invalid.
        description: see `Source`; with what the sources' descriptions agree on.
    """

    content: tuple[int, int, int, int] | None = None

    def __init__(self, sources: Sequence[Source], path: Path) -> None:
        self.path, self._sources = path, list(sources)
        self._ends = list(accumulate(map(len, self._sources)))
        self.scenes: Sequence[str] = [scene for source in self._sources for scene in source.scenes]
        self.scene_types: Sequence[str] = [kind for source in self._sources for kind in source.scene_types]
        first, *others = (source.description for source in self._sources)
        common = {name: value for name, value in first.items() if all(o.get(name) == value for o in others)}
        self.description: dict[str, Any] = common | {"file": path.name, "frames": len(self.scenes)}

    def __len__(self) -> int:
        return len(self.scenes)

    def __getitem__(self, index: int) -> Sample:
        """Frame number `index`.

        Raises:
            DepthModelsError: it cannot be read.
        """
        number = bisect_right(self._ends, index)
        source = self._sources[number]
        first = self._ends[number] - len(source)
        return mask_border(source[index - first], source.content)


class ShardFolder(Joined):
    """A folder of .mat files in NYUv2's layout, such as a long rendering leaves; each is kept open once it was read.

    Args:
        path: the folder; its files are taken in the order of their names.
        depth: see `NyuFile`.

    Raises:
        DepthModelsError: a file cannot be read.
    """

    def __init__(self, path: str | Path, depth: str = "depths") -> None:
        path = Path(path).absolute()
        files: list[Any] = [NyuFile(file, depth) for file in _shards(path)]
        super().__init__(files, path)

    @staticmethod
    def recognises(path: Path) -> bool:
        """A folder with .mat files in it."""
        return path.is_dir() and bool(_shards(path))


def _shards(folder: Path) -> list[Path]:
    """The files; one that is being written has a name that begins with a dot."""
    return sorted(path for path in folder.glob("*.mat") if not path.name.startswith("."))


class Mixture(Joined):
    """Several data sets; scenes are told apart by their data set's path.

    Args:
        sources: two or more.

    Attributes:
        origin: per frame, the number of its source.

    Raises:
        DepthModelsError: one of them twice.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        paths = [source.path.absolute() for source in sources]
        if len(set(paths)) < len(paths):
            raise DepthModelsError(f"expected different data sets, got {', '.join(map(str, paths))}")
        super().__init__(sources, Path(" + ".join(path.name for path in paths)))
        self.origin = [number for number, source in enumerate(sources) for _ in range(len(source))]
        self.scenes = [f"{paths[number]}/{scene}" for number, scene in zip(self.origin, self.scenes, strict=True)]
        self.description = {
            "file": self.path.name,
            "frames": len(self),
            "sources": [source.description for source in sources],
        }


def origins_of(source: Source) -> list[int]:
    """Per frame, the number of its data set: 0 throughout where it is one."""
    return source.origin if isinstance(source, Mixture) else [0] * len(source)
