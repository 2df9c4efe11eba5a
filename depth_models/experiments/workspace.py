"""The folder of an experiment: its plan, runs, numbers and pictures, each made once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from depth_models.data.sources import Source
from depth_models.data.splits import make_split
from depth_models.experiments.curves import Curves, read_curves
from depth_models.experiments.plan import Plan, Planned, Run, runs_of
from depth_models.files import written_whole
from depth_models.predictor import DepthPredictor
from depth_models.types import Sample

LOOKED_AT = 24  # frames, for the numbers that need several predictions of each


@dataclass(frozen=True)
class Workspace:
    """What the parts of an experiment share.

    Attributes:
        path: the folder.
        plan: what was trained.
        source: the data.
    """

    path: Path
    plan: Plan
    source: Source

    def folder(self, run: Run) -> Path:
        """Of a run's training."""
        return self.path / "runs" / run.name

    def planned(self, run: Run) -> Planned:
        """How a run was done."""
        return next(planned for planned in self.plan.runs if planned.run == run)

    @property
    def compared(self) -> list[Run]:
        """Of the runs that compare losses, those that the budget left."""
        return [run for run in runs_of("losses") if any(planned.run == run for planned in self.plan.runs)]

    def curves(self, run: Run) -> Curves:
        """Of a finished run."""
        return read_curves(self.folder(run) / "log.jsonl")

    def predictor(self, run: Run) -> DepthPredictor:
        """A finished run's best checkpoint."""
        return DepthPredictor.from_checkpoint(self.folder(run) / "best.safetensors", backend="torch")

    def number(self, name: str, compute: Callable[[], Any]) -> Any:
        """A JSON value by name, computed the first time only."""
        path = self.path / "numbers" / f"{name}.json"
        if not path.is_file():
            with written_whole(path) as temporary:
                temporary.write_text(json.dumps(compute()))
        return json.loads(path.read_text())

    @cached_property
    def indices(self) -> dict[str, Sequence[int]]:
        """Frames of 'train', 'val' and 'test' to look at; the test part as the plan thins it."""
        split = make_split(self.plan.request.split, self.source.scenes)
        return {"train": split.train, "val": split.val, "test": split.test[:: self.plan.test_step]}

    def samples(self, part: str, at_most: int | None = None) -> Iterator[Sample]:
        """Frames of a part; of more than `at_most` as many, evenly spread."""
        indices = self.indices[part]
        count = min(len(indices), at_most or len(indices))
        return (self.source[indices[i * len(indices) // count]] for i in range(count))
