"""The scale of a sequence over time, drawn."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from depth_models.consistency.report import Report
from depth_models.files import written_whole


def draw_scale(reports: Mapping[str, Report], title: str, path: Path) -> None:
    """Draw the scale of every frame, a line a report.

    Args:
        reports: by name, of one sequence.
        title: one line.
        path: of the PNG.

    Raises:
        ModuleNotFoundError: matplotlib is missing, which the extra `train` brings.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((9, 3.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for name, report in reports.items():
        stamps = np.array(report.stamps_s) - report.stamps_s[0]
        scale = np.exp(np.array(report.log_scale, float))  # None becomes NaN, which leaves a gap
        jitter = "" if report.scale.jitter is None else f", jitter {report.scale.jitter:.2%}"
        axes.plot(stamps, scale, linewidth=1, label=f"{name}{jitter}")
    kind = next(iter(reports.values())).scale_from
    axes.axhline(1, color="0.6", linewidth=0.8)
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("time (s)")
    axes.set_ylabel(f"scale, from {kind}")
    axes.grid(alpha=0.3)
    axes.legend(loc="best", fontsize=8)
    with written_whole(path) as temporary:
        figure.savefig(temporary, dpi=110)
