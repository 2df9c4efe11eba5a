"""The report of an experiment: results.json, and from it one HTML and one Markdown page."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import yaml

from depth_models.experiments.findings import FEWEST_FRAMES, LEARNT
from depth_models.experiments.page import Code, Page, Picture, Section, Table, Verdict, to_html, to_markdown
from depth_models.files import written_whole

_TITLES = {"losses": "Losses", "table1": "Table 1", "ablations": "Ablations", "figures": "Figures"}
ROOMS = "synthetic rooms"


def write_report(results: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Write results.json, report.html and report.md into a folder that holds the pictures.

    Args:
        results: what `execution.experiment` found.
        folder: of the experiment.

    Returns:
        `results` with what is not a number as None, as JSON has it, and with the paths of the files.
    """
    files = {"html": folder / "report.html", "markdown": folder / "report.md", "json": folder / "results.json"}
    results = _json(results) | {"files": {kind: str(path) for kind, path in files.items()}}
    page = _page(results)
    texts = {
        "html": to_html(page, folder),
        "markdown": to_markdown(page),
        "json": json.dumps(results, indent=1, allow_nan=False),
    }
    for kind, path in files.items():
        with written_whole(path) as temporary:
            temporary.write_text(texts[kind], encoding="utf-8")
    return results


def _json(value: Any) -> Any:
    """Plain JSON: NaN and infinities become None, tuples lists."""
    if isinstance(value, dict):
        return {key: _json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _page(results: dict[str, Any]) -> Page:
    data = f"{ROOMS}, not NYU Depth V2" if results["rooms"] else results["data"]["file"]
    frames = results["frames"]
    sections = [_summary(results)]
    for name, build in (("losses", _losses), ("table1", _table1), ("ablations", _ablations)):
        if name in results:
            sections.append(Section(_TITLES[name], build(results[name], data)))
    for picture in results["figures"]:
        wanted = _TITLES[picture["experiment"]]
        if wanted not in [section.title for section in sections]:
            sections.append(Section(wanted))
        section = next(section for section in sections if section.title == wanted)
        section.parts.append(Picture(picture["file"], f"{picture['caption']} Data: {data}."))
    sections += [_cuts(results, data), _how(results)]
    return Page(
        f"Estimating depth from RGB monocular images: the experiments{f' on {ROOMS}' if results['rooms'] else ''}",
        f"Data: {data} ({results['data']['file']}, split {results['split']}: {frames['train']} frames to train, "
        f"{frames['val']} to validate, {frames['test']} tested). "
        f"{_time(results)} Seed {results['seed']}.",
        sections,
    )


def _time(results: dict[str, Any]) -> str:
    used = results["used_min"]
    each = ", ".join(f"{doing} {minutes:.1f}" for doing, minutes in used.items())
    return f"Budget {results['budget_min']:g} min; it took {sum(used.values()):.1f} min ({each})."


def _summary(results: dict[str, Any]) -> Section:
    """All findings at a glance, before what they rest on."""
    section = Section("Findings")
    for name in ("losses", "ablations"):
        section.parts += [Verdict(**finding) for finding in results.get(name, {}).get("findings", [])]
    if uncounted := results.get("losses", {}).get("uncounted"):
        section.parts.append(f"Of the losses: {uncounted}")
    section.parts.append(
        f"The rule, set before any run: a verdict takes {FEWEST_FRAMES} frames or more to validate and to test on, and "
        "networks that have learnt, with a validation MAE at the best epoch of at most "
        f"{LEARNT:.2f} times that of the best constant depth. Without them a claim is not decidable."
    )
    if results["rooms"]:
        section.parts.append(
            f"All numbers here are of {ROOMS}, which a program drew. They say how the networks compare there; they are "
            "not results on NYU Depth V2, and published numbers are not their equals."
        )
    section.parts.append(
        "The budget cut what the paper trains (see What was cut). A verdict holds for these sizes, frames and epochs."
    )
    return section


def _losses(losses: dict[str, Any], data: str) -> list[Any]:
    rows = [
        [
            f"{row['network']}, {row['loss']}",
            *(_number(row[name], 3) for name in ("mae", "rmse", "abs_rel")),
            _number(row["of_constant"], 2),
            f"{row['best_epoch']} of {row['epochs']}",
            *(_percent(row[name]) for name in ("scatter_mae", "scatter_rmse", "scatter_own", "spikes")),
            _number(row["detail"], 2),
        ]
        for row in losses["rows"]
    ]
    header = [
        "network, loss", "MAE (m)", "RMSE (m)", "AbsRel", "MAE over constant's", "best epoch",
        "scatter of MAE", "of RMSE", "of its loss", "spikes", "detail",
    ]  # fmt: skip
    return [
        Table(f"Validation at each run's best epoch, and how steadily it came there. Data: {data}.", header, rows),
        "Losses have different units, so they are compared by MAE, RMSE and AbsRel of the validation part. MAE over "
        "constant's is relative to the best constant depth, which is 1. Scatter is "
        "the standard deviation of a validation curve about its own smooth trend, relative to its mean; spikes is the "
        "share of steps whose gradient is five times the median of the fifty before; detail is the share of the "
        "truth's relief that the prediction has (1 is all).",
    ]


def _table1(table: dict[str, Any], data: str) -> list[Any]:
    names = ("measured", "published", "corrected")
    rows = []
    for network, row in table["rows"].items():
        rows.append([network, *(_cell(row[kind], key) for kind in names for key in ("l1", "l2", "smooth_l1"))])
    units = ("L1 (m)", "L2 (m²)", "Smooth L1")
    header = ["network", *(f"{unit}, {kind}" for kind in ("measured here", "published", "corrected") for unit in units)]
    frames = next(iter(table["rows"].values()))["frames"]
    more = [
        [
            network,
            *(_number(row["per_image"][k], 3) for k in ("abs_rel", "rmse", "delta1", "delta2", "delta3", "silog")),
        ]
        for network, row in table["rows"].items()
    ]
    return [
        Table(
            f"The four networks with Smooth L1 (beta = 2) on {frames} test frames of {data}; beside them the paper's "
            "Table 1 on NYU Depth V2, as published and as corrected. Those are published, not measured.",
            header,
            rows,
        ),
        *table["explanation"],
        Table(
            f"The same predictions by the field's usual metrics, means over images. Data: {data}.",
            ["network", "AbsRel", "RMSE (m)", "delta1", "delta2", "delta3", "SILog"],
            more,
        ),
    ]


def _cell(row: dict[str, Any], key: str) -> str:
    return ("≤ " if key == "smooth_l1" and row["at_most"] else "") + _number(row[key], 3)


def _ablations(ablations: dict[str, Any], data: str) -> list[Any]:
    prior = [[name, _number(v["blank"], 2), _number(v["mirror"], 2)] for name, v in ablations["position_prior"].items()]
    spread = [[name, _number(value, 2)] for name, value in ablations["spread"].items()]
    over = [
        [name, str(v["epochs"]), str(v["best_epoch"]), _percent(v["rise"]), _percent(v["train_fall"])]
        for name, v in ablations["overfitting"].items()
    ]
    return [
        Table(
            f"Position prior, 1 where the image is ignored and 0 where it is followed. Data: {data}.",
            ["run", "blank image against mean depth", "stays when mirrored"],
            prior,
        ),
        Table(f"Spread of the predictions, relative to the truth's. Data: {data}.", ["run", "spread"], spread),
        Table(
            f"Where the validation loss is lowest, and what both losses do from there to the end. Data: {data}.",
            ["run", "epochs", "best epoch", "validation rises", "training falls"],
            over,
        ),
    ]


def _cuts(results: dict[str, Any], data: str) -> Section:
    cuts = {run["network"]: "; ".join(run["cuts"]) or "nothing" for run in results["runs"]}
    header = ["network", "otherwise than the paper"]
    times = [
        [run["name"], f"{run['frames']['train']} / {run['frames']['val']}", str(run["epochs"]),
         f"{run['planned_s']:.0f} s", f"{run['took_s']:.0f} s"]
        for run in results["runs"]
    ]  # fmt: skip
    parts: list[Any] = [
        Table(f"What the budget cut, in all runs of a network. Data: {data}.", header, list(cuts.items()), prose=True),
        Table(
            f"Every run; it took so long since its last start. Data: {data}.",
            ["run", "frames to train / validate", "epochs", "planned", "took"],
            times,
        ),
        *results["notes"],
    ]
    if results["test_step"] > 1:
        parts.append(f"Of the test part one frame in {results['test_step']} was tested.")
    return Section("What was cut", parts)


def _how(results: dict[str, Any]) -> Section:
    environment = [[name, value] for name, value in results["environment"].items()]
    parts: list[Any] = [Code(results["command"]), Table("Environment.", ["", ""], environment, prose=True)]
    for run in results["runs"]:
        parts.append(
            Code(
                yaml.safe_dump(run["config"], sort_keys=False, default_flow_style=None, width=110).strip(),
                f"Configuration of {run['name']}",
            )
        )
    parts.append("A run is repeated by depth-models train --config runs/NAME/config.yaml --data FILE --out FOLDER.")
    return Section("How it was made", parts)


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"
