"""What an experiment trains: its runs, and how a budget of time is shared among them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from depth_models.config import TrainConfig
from depth_models.errors import DepthModelsError
from depth_models.experiments.probe import Probe
from depth_models.experiments.shares import Choice, Chooser
from depth_models.experiments.sizes import canvases, changes
from depth_models.files import written_whole

NETWORKS = ("baseline", "unet", "fpn", "multiscale")  # in the paper's order
LOSSES = ("l1", "l2", "smooth_l1")
EXPERIMENTS = ("losses", "table1", "ablations", "figures")
TRAINING_PART = 0.7  # of the budget; probing, tests, figures and a slower machine take the rest
TESTING_PART = 0.15
_LOOK_S = 0.03  # seconds to read a test frame, to bring its depth to its size, and to compare


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
        runs: that fit it.
        test_step: every `test_step`th frame of the test part is tested.
        notes: sentences on what could not be had.
    """

    request: Request
    runs: tuple[Planned, ...]
    test_step: int
    notes: tuple[str, ...]

    def save(self, path: Path) -> None:
        """Write as JSON, whole or not at all."""
        runs = [vars(p) | {"run": vars(p.run), "config": p.config.to_dict()} for p in self.runs]
        values = {"request": vars(self.request), "runs": runs, "test_step": self.test_step, "notes": self.notes}
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
            plan = cls(before, runs, values["test_step"], tuple(values["notes"]))
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


def make_plan(
    request: Request,
    parts: dict[str, int],
    frame: tuple[int, int],
    probe: Probe,
    obtainable: Callable[[str], bool],
) -> Plan:
    """Share a budget among an experiment's runs; the same probe gives the same plan.

    Every run gets an equal share of the time; what a fast network leaves over goes to the slower ones. All runs of a
    network have the same size, frames and epochs, so that they can be compared.

    Args:
        request: what was asked for.
        parts: number of frames of the split's 'train', 'val' and 'test'.
        frame: (height, width) of the data's frames.
        probe: measures a configuration.
        obtainable: whether the pretrained weights of an encoder of that name can be had.

    Raises:
        DepthModelsError: the budget is too small, or a part is empty.
    """
    for part in ("train", "val", "test"):
        if not parts[part]:
            raise DepthModelsError(f"split {request.split!r} has no frame in its part {part!r}; choose another --split")
    runs = runs_of(request.experiment)
    chooser = Chooser(request.split, parts, canvases(frame), request.seed, probe, obtainable)
    networks = sorted({run.network for run in runs}, key=lambda network: chooser.smallest(network).step_s)
    choices: dict[str, Choice] = {}
    left = len(runs)
    used_s = 0.0
    for network in networks:
        own = sum(run.network == network for run in runs)
        share_s = (TRAINING_PART * (request.budget_s - chooser.spent_s) - used_s) / left
        choices[network] = chooser.choose(network, share_s)
        left, used_s = left - own, used_s + own * choices[network].seconds
    planned = tuple(_plan_run(run, choices[run.network], parts["train"]) for run in runs)
    frame_s = sum(choice.frame_s + _LOOK_S for choice in choices.values())
    test_step = math.ceil(parts["test"] * frame_s / (TESTING_PART * request.budget_s))
    return Plan(request, planned, test_step, tuple(chooser.notes))


def _plan_run(run: Run, choice: Choice, paper_frames: int) -> Planned:
    cuts = changes(choice.config, choice.frames["train"], paper_frames)
    return Planned(run, run.configuration(choice.config), choice.frames, choice.seconds, tuple(cuts))
