"""What an experiment trains: its runs, each with its size, frames and epochs, and the file that records them."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from depth_models.config import TrainConfig
from depth_models.errors import DepthModelsError
from depth_models.files import written_whole

NETWORKS = ("baseline", "unet", "fpn", "multiscale")  # in the paper's order
LOSSES = ("l1", "l2", "smooth_l1")
EXPERIMENTS = ("losses", "table1", "ablations", "figures")


@dataclass(frozen=True)
class Run:
    """One training of an experiment.

    Attributes:
        network, loss: their names.
        augmented: whether with the paper's augmentation.
        coarse: whether with the coarse path, for 'multiscale'.
    """

    network: str
    loss: str = "smooth_l1"
    augmented: bool = True
    coarse: bool = True

    @property
    def name(self) -> str:
        """Unique in an experiment, and its folder's name."""
        return f"{self.network}-{self.loss}{'' if self.augmented else '-plain'}{'' if self.coarse else '-fine'}"

    def configuration(self, config: TrainConfig) -> TrainConfig:
        """`config` of the network, changed to be of this run."""
        still = {"rotation_p": 0.0, "flip_p": 0.0, "grey_p": 0.0}
        return replace(
            config,
            loss={self.loss: 1.0},
            augmentation=config.augmentation if self.augmented else replace(config.augmentation, **still),
            options=config.options if self.coarse else config.options | {"coarse": False},
        )


PLAIN, FINE = Run("baseline", augmented=False), Run("multiscale", coarse=False)


def runs_of(experiment: str) -> list[Run]:
    """The runs that an experiment needs, each once.

    Args:
        experiment: one of `EXPERIMENTS`, or 'all'.

    Raises:
        DepthModelsError: another name.
    """
    runs = {
        "losses": [Run(network, loss) for network in NETWORKS for loss in LOSSES],
        "table1": [Run(network) for network in NETWORKS],
        "ablations": [Run("baseline"), PLAIN, Run("multiscale"), FINE],
        "figures": [Run(network) for network in NETWORKS],
    }
    if experiment != "all" and experiment not in runs:
        raise DepthModelsError(f"unknown experiment {experiment!r}; known: {', '.join(EXPERIMENTS)}, all")
    names = EXPERIMENTS if experiment == "all" else (experiment,)
    return list(dict.fromkeys(run for name in names for run in runs[name]))


@dataclass(frozen=True)
class Planned:
    """A run as it will be done.

    Attributes:
        run: which.
        config: its configuration, whole.
        frames: how many train and validate.
        seconds: that it should take.
        cuts: what it has otherwise than the paper, a phrase each.
    """

    run: Run
    config: TrainConfig
    frames: dict[str, int]
    seconds: float
    cuts: tuple[str, ...]


@dataclass(frozen=True)
class Request:
    """What was asked for.

    Attributes:
        experiment: one of `EXPERIMENTS`, or 'all'.
        data: the data's own description.
        split: see `depth_models.data.splits`.
        budget_s: for everything, seconds.
        seed: of the weights, the order and the augmentation.
    """

    experiment: str
    data: dict[str, Any]
    split: str
    budget_s: float
    seed: int


@dataclass(frozen=True)
class Plan:
    """What is to be done.

    Attributes:
        request: what was asked for.
        runs: that fit it, those of a network one after the other.
        probing_s: seconds that measuring the machine took.
        test_step: every `test_step`th frame of the test part is tested.
        notes: sentences on what could not be had or was cut.
    """

    request: Request
    runs: tuple[Planned, ...]
    probing_s: float
    test_step: int
    notes: tuple[str, ...]

    def save(self, path: Path) -> None:
        """Write as JSON, whole or not at all."""
        runs = [vars(p) | {"run": vars(p.run), "config": p.config.to_dict()} for p in self.runs]
        values = vars(self) | {"request": vars(self.request), "runs": runs}
        with written_whole(path) as temporary:
            temporary.write_text(json.dumps(values, indent=1))

    @classmethod
    def load(cls, path: Path, request: Request) -> Plan:
        """Read what `save` wrote.

        Raises:
            DepthModelsError: it is not readable, or was made for another request.
        """
        try:
            values = json.loads(path.read_text())
            before = Request(**values["request"])
            runs = tuple(_planned(p) for p in values["runs"])
            plan = cls(before, runs, values["probing_s"], values["test_step"], tuple(values["notes"]))
        except (ValueError, KeyError, TypeError) as error:
            raise DepthModelsError(f"{path}: not a plan of an experiment ({error}); choose another --out") from error
        now = json.loads(json.dumps(vars(request)))  # as a file has it
        changed = [
            f"{name} {vars(before)[name]!r}, not {now[name]!r}" for name in now if vars(before)[name] != now[name]
        ]
        if changed:
            raise DepthModelsError(
                f"{path.parent}: holds an experiment of {'; '.join(changed)}; choose another folder with --out"
            )
        return plan


def _planned(values: dict[str, Any]) -> Planned:
    config = TrainConfig.from_dict(values["config"])
    return Planned(Run(**values["run"]), config, values["frames"], values["seconds"], tuple(values["cuts"]))
