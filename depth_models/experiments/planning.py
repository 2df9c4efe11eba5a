"""How a budget of time is shared among an experiment's runs, and how it is kept when the machine becomes slower.

Every run gets an equal share; what a fast network leaves over goes to the slower ones. `shares` says in what order a
run is cut. Where not even the smallest runs fit, the losses L1 and L2 of the dearest network are dropped, then those of
the next; where that is not enough, the budget is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from depth_models.errors import DepthModelsError
from depth_models.experiments import shares
from depth_models.experiments.plan import NETWORKS, Plan, Planned, Request, Run, runs_of
from depth_models.experiments.probe import STEPS, Probe
from depth_models.experiments.shares import Choice, Chooser
from depth_models.experiments.sizes import canvases, changes, quick

TRAINING_PART = 0.7  # of what probing leaves of the budget; tests and figures take the rest
LATEST_PART = 0.8  # where training must end on a machine that became slower
_TESTING_PART = 0.15
_LOOK_S = 0.03  # seconds to read a test frame, to bring its depth to its size, and to compare
_FEWEST_TESTED = 32  # as are left to validate
_FEWEST_TRAIN = 4 * STEPS  # frames, to measure with


def make_plan(
    request: Request,
    parts: dict[str, int],
    frame: tuple[int, int],
    probe: Probe,
    obtainable: Callable[[str], bool],
) -> Plan:
    """Share a budget among an experiment's runs; the same probe gives the same plan.

    All runs of a network have the same size, frames and epochs, so that they can be compared.

    Args:
        request: what was asked for.
        parts: number of frames of the split's 'train', 'val' and 'test'.
        frame: (height, width) of the data's frames.
        probe: measures a configuration.
        obtainable: whether the pretrained weights of an encoder of that name can be had.

    Raises:
        DepthModelsError: the budget is too small, or a part has too few frames.
    """
    for part, fewest in (("train", _FEWEST_TRAIN), ("val", 1), ("test", 1)):
        if parts[part] < fewest:
            raise DepthModelsError(
                f"split {request.split!r} has {parts[part]} frames in its part {part!r}, and it takes {fewest}; choose "
                "another --split, or more data"
            )
    chooser = Chooser(request.split, parts, canvases(frame), request.seed, probe, obtainable)
    runs = runs_of(request.experiment)
    least = {n: chooser.least_s(n) for n in NETWORKS if any(run.network == n for run in runs)}
    networks = sorted(least, key=lambda network: least[network])
    runs, notes = _affordable(runs, least, request.budget_s, chooser.spent_s)
    choices: dict[str, Choice] = {}
    left, used_s = len(runs), 0.0
    for network in networks:
        left_s = TRAINING_PART * (request.budget_s - chooser.spent_s) - used_s
        own = sum(run.network == network for run in runs)
        later_s = sum(least[run.network] for run in runs if run.network not in (*choices, network))
        choices[network] = chooser.choose(network, min(left_s / left, (left_s - later_s) / own))
        left, used_s = left - own, used_s + own * choices[network].seconds
    runs.sort(key=lambda run: networks.index(run.network))
    planned = tuple(_plan_run(run, choices[run.network], parts["train"]) for run in runs)
    frame_s = sum(choice.frame_s + _LOOK_S for choice in choices.values())
    wanted = -(-parts["test"] * frame_s // (_TESTING_PART * request.budget_s))
    test_step = max(min(int(wanted), parts["test"] // _FEWEST_TESTED), 1)
    return Plan(request, planned, chooser.spent_s, test_step, (*chooser.notes, *notes))


def _affordable(
    runs: list[Run], least: Mapping[str, float], budget_s: float, spent_s: float
) -> tuple[list[Run], list[str]]:
    """The runs whose smallest sizes fit the budget, and what was dropped in a sentence each."""
    notes = []
    for network in sorted(least, key=lambda n: -least[n]):
        if sum(least[run.network] for run in runs) <= TRAINING_PART * (budget_s - spent_s):
            break
        kept = [run for run in runs if run.network != network or run.loss == "smooth_l1"]
        if len(kept) < len(runs):
            notes.append(f"{network}: its runs with l1 and l2 were dropped, as not even the smallest fit the budget.")
        runs = kept
    needed_s = sum(least[run.network] for run in runs) / TRAINING_PART + spent_s
    if needed_s > budget_s:
        raise DepthModelsError(
            f"the budget of {budget_s / 60:.2g} min is too small: the smallest runs that say anything "
            f"({shares.FEWEST_EPOCHS} epochs of {shares.FEWEST_FRAMES} frames) take {needed_s / 60:.2g} min here with "
            f"measuring, tests and figures; give --budget {1.2 * needed_s / 60:.2g} or more, or ask for one experiment "
            "alone"
        )
    return runs, notes


def _plan_run(run: Run, choice: Choice, paper_frames: int) -> Planned:
    cuts = changes(choice.config, choice.frames["train"], paper_frames)
    return Planned(run, run.configuration(choice.config), choice.frames, choice.seconds, tuple(cuts))


def shortened(plan: Plan, took: Mapping[str, float], paper_frames: int) -> Plan:
    """The plan with fewer epochs for the networks to come, where the runs so far took longer than planned.

    Args:
        plan: of the experiment.
        took: seconds of each finished run, by its name.
        paper_frames: training frames of the data's whole training part.

    Returns:
        `plan` itself where there is time for all of it.
    """
    done = [planned for planned in plan.runs if planned.run.name in took]
    begun = {planned.run.network for planned in done}
    coming = [planned for planned in plan.runs if planned.run.network not in begun]
    if not done or not coming:
        return plan
    pace = sum(took.values()) / sum(planned.seconds for planned in done)
    others_s = sum(p.seconds for p in plan.runs if p.run.network in begun and p not in done)
    left_s = LATEST_PART * (plan.request.budget_s - plan.probing_s) - sum(took.values()) - pace * others_s
    part = left_s / (pace * sum(planned.seconds for planned in coming))
    runs = tuple(_shorter(p, part, paper_frames) if p in coming else p for p in plan.runs)
    if part >= 1 or runs == plan.runs:
        return plan
    names = ", ".join(dict.fromkeys(planned.run.network for planned in coming))
    note = f"{names}: fewer epochs than planned, as runs before took {pace:.1f} times as long as was measured."
    return replace(plan, runs=runs, notes=(*plan.notes, note))


def _shorter(planned: Planned, part: float, paper_frames: int) -> Planned:
    epochs = max(int(part * planned.config.epochs), min(shares.FEWEST_EPOCHS, planned.config.epochs))
    config = quick(replace(planned.config, epochs=epochs), planned.frames["train"])
    cuts = changes(config, planned.frames["train"], paper_frames)
    seconds = planned.seconds * epochs / planned.config.epochs
    return replace(planned, config=config, seconds=seconds, cuts=tuple(cuts))
