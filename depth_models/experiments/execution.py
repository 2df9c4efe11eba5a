"""An experiment from its plan to its report; one that was stopped goes on where it was."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from depth_models.data.sources import Source, open_source
from depth_models.data.splits import make_split
from depth_models.errors import DepthModelsError
from depth_models.experiments import figures, numbers
from depth_models.experiments.plan import EXPERIMENTS, Plan, Planned, Request
from depth_models.experiments.planning import make_plan, shortened
from depth_models.experiments.probe import Probe, probe_on
from depth_models.experiments.report import write_report
from depth_models.experiments.workspace import Workspace
from depth_models.files import PACKAGE
from depth_models.networks.encoders import create_encoder
from depth_models.training import train

Progress = Callable[[str, float, float], None]


def experiment(
    name: str,
    data: Path,
    out: Path,
    budget_s: float,
    split: str = "scene",
    seed: int = 0,
    command: str = "",
    progress: Progress = lambda doing, done_s, all_s: None,
    probe: Probe | None = None,
) -> dict[str, Any]:
    """Run one of the paper's experiments, or go on with it.

    Args:
        name: one of `plan.EXPERIMENTS`, or 'all'.
        data: what `open_source` opens.
        out: folder for the plan, the runs, figures, results.json, report.html and report.md.
        budget_s: for everything, seconds.
        split: see `depth_models.data.splits`.
        seed: of all runs.
        command: what the user typed, for the report.
        progress: called with what is done now, and how many seconds of the plan's are done and planned.
        probe: measures a configuration; None for a real one on the data.

    Returns:
        Every number of the report; the same as results.json.

    Raises:
        DepthModelsError: unknown experiment; data, split or folder that cannot be used; a budget that is too small.
    """
    if name not in (*EXPERIMENTS, "all"):
        raise DepthModelsError(f"unknown experiment {name!r}; known: {', '.join(EXPERIMENTS)}, all")
    source = open_source(data)
    request = Request(name, source.description, split, budget_s, seed)
    plan = _plan(request, source, out / "plan.json", probe or probe_on(data), progress)
    work = Workspace(out, plan, source)
    work, took = _train(work, data, progress)
    began_s = time.monotonic()
    names = EXPERIMENTS if name == "all" else (name,)
    planned_s = sum(planned.seconds for planned in plan.runs)
    progress("tests and figures", planned_s, planned_s)
    results: dict[str, Any] = {
        title: compute(work)
        for title, compute in (
            ("losses", numbers.losses), ("table1", numbers.table_1), ("ablations", numbers.ablations),
        )
        if title in names
    }  # fmt: skip
    results["figures"] = figures.draw(work, names)
    analysing_s = work.number("analysing-seconds", lambda: time.monotonic() - began_s)
    return write_report(_about(work, command, took, analysing_s) | results, out)


def _plan(request: Request, source: Source, path: Path, probe: Probe, progress: Progress) -> Plan:
    if path.is_file():
        return Plan.load(path, request)
    progress("measuring this machine", 0, 1)
    split = make_split(request.split, source.scenes)
    parts = {part: len(split.part(part)) for part in ("train", "val", "test")}
    height, width = source[0].valid.shape
    plan = make_plan(request, parts, (height, width), probe, _obtainable)
    plan.save(path)
    return plan


def _obtainable(encoder: str) -> bool:
    try:
        create_encoder(encoder, "imagenet")
    except DepthModelsError:
        return False
    return True


def _train(work: Workspace, data: Path, progress: Progress) -> tuple[Workspace, dict[str, float]]:
    """Every run to its end, once, with the plan as it then is; the seconds that each took since its last start."""
    done_s, took = 0.0, dict[str, float]()
    for number in range(len(work.plan.runs)):
        if not work.folder(work.plan.runs[number].run).exists():
            work = replace(work, plan=shortened(work.plan, took, len(work.indices["train"])))
            work.plan.save(work.path / "plan.json")
        planned, all_s = work.plan.runs[number], sum(planned.seconds for planned in work.plan.runs)
        name = planned.run.name
        doing = f"{name} ({number + 1} of {len(work.plan.runs)})"
        progress(doing, done_s, all_s)

        def step(event: dict[str, Any], doing: str, to_s: float, own_s: float, all_s: float) -> None:
            progress(doing, to_s + own_s * event["step"] / event["steps"], all_s)

        told = partial(step, doing=doing, to_s=done_s, own_s=planned.seconds, all_s=all_s)
        took[name] = work.number(f"{name}-seconds", partial(_seconds, planned, data, work.folder(planned.run), told))
        done_s += planned.seconds
    return work, took


def _seconds(planned: Planned, data: Path, folder: Path, step: Callable[[dict[str, Any]], None]) -> float:
    """Trains a run, and says how long it took."""
    began_s = time.monotonic()
    command = f"depth-models train --config {folder}/config.yaml --data {data} --out ..."
    train(planned.config, data, folder, step, command)
    return time.monotonic() - began_s


def _about(work: Workspace, command: str, took: dict[str, float], analysing_s: float) -> dict[str, Any]:
    """What was done, on what, and how."""
    request = work.plan.request
    used_s = {"measuring": work.plan.probing_s, "training": sum(took.values()), "tests and figures": analysing_s}
    return {
        "experiment": request.experiment,
        "command": command,
        "data": request.data,
        "rooms": "rooms" in str(request.data.get("generator", "")),
        "split": request.split,
        "frames": {part: len(indices) for part, indices in work.indices.items()},
        "test_step": work.plan.test_step,
        "budget_min": request.budget_s / 60,
        "used_min": {doing: seconds / 60 for doing, seconds in used_s.items()},
        "seed": request.seed,
        "notes": list(work.plan.notes),
        "environment": _environment(),
        "runs": [_run_card(work, planned, took) for planned in work.plan.runs],
    }


def _run_card(work: Workspace, planned: Planned, took: dict[str, float]) -> dict[str, Any]:
    folder = work.folder(planned.run)
    return {
        "name": planned.run.name,
        **asdict(planned.run),
        "frames": planned.frames,
        "epochs": planned.config.epochs,
        "planned_s": planned.seconds,
        "took_s": took[planned.run.name],
        "cuts": list(planned.cuts),
        "config": planned.config.to_dict(),
        "checkpoint": str(folder / "best.safetensors"),
    }


def _environment() -> dict[str, str]:
    def known(package: str) -> str:
        try:
            return version(package)
        except PackageNotFoundError:
            return "not installed"

    packages = (PACKAGE, "torch", "segmentation-models-pytorch", "numpy", "opencv-python-headless", "h5py")
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    return {
        "date": time.strftime("%Y-%m-%d"),
        "python": platform.python_version(),
        **{package: known(package) for package in packages},
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} used",
        "processor": _processor(),
        "gpu": gpu,
    }


def _processor() -> str:
    """Its name where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
