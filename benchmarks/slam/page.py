"""The benchmark's tables and drawing, put into a page between two marks; what stands around them stays."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import variants

from depth_models.data.posed import read_trajectory
from depth_models.files import written_whole

BEGIN, END = "<!-- written by benchmarks/slam/run.py: begin -->", "<!-- end -->"
Results = dict[str, dict[str, list[dict[str, Any]]]]  # by sequence, by variant, a run each
_DRAWN = ("true depth", "constant", "raw", "points")


def write(path: Path, results: Results, folders: list[Path]) -> None:
    """Renew the page's part between the marks, and PATH.png and PATH.json beside it."""
    drawing = path.with_suffix(".png")
    with written_whole(drawing) as temporary:
        draw(temporary, results, folders)
    with written_whole(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(_without_infinity(figures(results)), indent=1) + "\n")
    part = f"{BEGIN}\n{tables(results)}\n![Trajectories from above, metres]({drawing.name})\n{END}"
    text = path.read_text() if path.is_file() else f"{BEGIN}{END}\n"
    before, _, rest = text.partition(BEGIN)
    with written_whole(path) as temporary:
        temporary.write_text(before + part + rest.partition(END)[2])


def figures(results: Results) -> dict[str, dict[str, dict[str, float]]]:
    """By sequence and variant, the median over the runs of each figure; a lost run counts as infinite error.

    `rigid` and `scaled`: ATE over the length of the path; `rpe`: m/m; `scale`: the map's metres to one true metre;
    `tracked`: share of the frames; `lost`: share of the runs.
    """
    return {
        sequence: {variant: _medians(runs) for variant, runs in of_sequence.items()}
        for sequence, of_sequence in results.items()
    }


def _without_infinity(value: Any) -> Any:
    """JSON has no infinity: null instead."""
    if isinstance(value, dict):
        return {name: _without_infinity(inner) for name, inner in value.items()}
    return value if np.isfinite(value) else None


def _medians(runs: list[dict[str, Any]]) -> dict[str, float]:
    kept = [run for run in runs if "lost" not in run]
    inf = float("inf")

    def median(figure: Any) -> float:
        return statistics.median([inf if "lost" in run else figure(run) for run in runs])

    return {
        "rigid": median(lambda run: run["rigid"]["ate_m"] / run["path_m"]),
        "scaled": median(lambda run: run["scaled"]["ate_m"] / run["path_m"]),
        "rpe": median(lambda run: run["rigid"]["rpe"] or inf),
        "scale": statistics.median([run["scale"] for run in kept]) if kept else float("nan"),
        "tracked": statistics.median([run["tracked"] for run in runs]),
        "lost": 1 - len(kept) / len(runs),
    }


def tables(results: Results) -> str:
    """One row a variant over all sequences; one row a sequence with each variant's rigid error."""
    by_sequence = figures(results)
    lines = [
        "| depth | ATE | ATE, scaled | RPE over 1 m | scale of the map | tracked | runs lost |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for variant in variants.VARIANTS:
        rows = [of_sequence[variant.name] for of_sequence in by_sequence.values()]
        cells = [_mean(rows, name) for name in ("rigid", "scaled", "rpe")]
        scales = [row["scale"] for row in rows if np.isfinite(row["scale"])]
        cells.append(f"{min(scales):.2f} to {max(scales):.2f}" if scales else "")
        if variant.depth is None:
            cells[0] = cells[2] = cells[3] = ""  # in its own unit of length
        tracked, lost = (float(np.mean([row[name] for row in rows])) for name in ("tracked", "lost"))
        lines.append(f"| {variant.name} | {' | '.join(cells)} | {tracked:.1%} | {lost:.0%} |")
    lines += ["", *(f"* *{variant.name}*: {variant.about}." for variant in variants.VARIANTS), ""]
    named = [variant for variant in variants.VARIANTS if variant.depth is not None]
    lines += [f"| ATE of | {' | '.join(v.name for v in named)} |", f"|---|{'---:|' * len(named)}"]
    for sequence, row in by_sequence.items():
        lines.append(f"| {sequence} | {' | '.join(_share(row[v.name]['rigid']) for v in named)} |")
    return "\n".join(lines) + "\n"


def _mean(rows: list[dict[str, float]], name: str) -> str:
    """Over the sequences; those that were lost have no error to count, so they are named instead."""
    kept = [row[name] for row in rows if np.isfinite(row[name])]
    missing = f" ({len(rows) - len(kept)} lost)" if len(kept) < len(rows) else ""
    return _share(float(np.mean(kept))) + missing if kept else "lost"


def _share(value: float) -> str:
    return f"{value:.1%}" if np.isfinite(value) else "lost"


def draw(path: Path, results: Results, folders: list[Path]) -> None:
    """Every sequence from above, aligned without scale: truth, and the run of median error of some variants."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(3, len(folders))
    rows = -(-len(folders) // columns)
    figure = Figure(figsize=(4 * columns, 3.6 * rows + 0.5), layout="constrained")
    FigureCanvasAgg(figure)
    for number, folder in enumerate(folders, start=1):
        axes = figure.add_subplot(rows, columns, number, aspect="equal", title=folder.absolute().name)
        truth = read_trajectory(folder / "groundtruth.txt")[1][:, :3, 3]
        axes.plot(truth[:, 0], truth[:, 1], color="black", linewidth=2, label="truth")
        for name in [name for name in _DRAWN if name in results[folder.absolute().name]]:
            kept = [run for run in results[folder.absolute().name][name] if "lost" not in run]
            if kept:
                run = sorted(kept, key=lambda run: run["rigid"]["ate_m"])[len(kept) // 2]
                way = np.array(run["rigid"]["positions"])
                axes.plot(way[:, 0], way[:, 1], linewidth=1, label=name)
        axes.tick_params(labelsize=7)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=1 + len(_DRAWN))
    figure.savefig(path, dpi=80)
