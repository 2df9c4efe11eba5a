"""What `depth-models evaluate` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from depth_models.comparison import Group, Report
    from depth_models.published import Published

_NAME, _COLUMN = 16, 11  # characters


def tables(reports: Mapping[str, Report], published: Sequence[Published]) -> str:
    """Reports side by side, then each by range of depth and by type of scene.

    Args:
        reports: by name, one or more, of the same frames.
        published: rows to stand beside them.
    """
    parts = [_side_by_side(reports)]
    if published:
        parts.append(_published(published))
    for name, report in reports.items():
        parts.append(_groups(f"{name}, by true depth (pooled):", report.by_range))
        if report.by_scene_type:
            parts.append(_groups(f"{name}, by type of scene (pooled):", report.by_scene_type))
    return "\n\n".join(parts)


def _side_by_side(reports: Mapping[str, Report]) -> str:
    width = max(2 * _COLUMN, *(len(name) + 2 for name in reports))
    first = next(iter(reports.values()))
    lines = [
        f"{first.frames} frames, {first.pixels} pixels",
        " " * _NAME + "".join(f"{name:>{width}}" for name in reports),
        " " * _NAME + "".join(f"{'per image':>{width - _COLUMN}}{'pooled':>{_COLUMN}}" for _ in reports),
    ]

    def line(name: str, pairs: Sequence[tuple[float, float] | None]) -> str:
        cells = [f"{p[0]:>{width - _COLUMN}.4f}{p[1]:>{_COLUMN}.4f}" if p else f"{'-':>{width}}" for p in pairs]
        return f"{name:<{_NAME}}{''.join(cells)}"

    for name in first.per_image:
        lines.append(line(name, [(r.per_image[name], r.pooled[name]) for r in reports.values()]))
    for name in ("boundary_f1", "plane_rms"):
        found = [r.structure.get(name) for r in reports.values()]
        lines.append(line(name, [(s["per_image"], s["pooled"]) if s else None for s in found]))
    for name in dict.fromkeys(name for report in reports.values() for name in report.confidence):
        told = [r.confidence.get(name) for r in reports.values()]
        lines.append(line(name, [(c["per_image"], c["pooled"]) if c else None for c in told]))
    for name, values in (
        ("clamped", [r.clamped for r in reports.values()]),
        ("missing", [r.missing for r in reports.values()]),
    ):
        lines.append(f"{name:<{_NAME}}{''.join(f'{value:>{width}.2%}' for value in values)}")
    constant = first.constant
    lines.append(
        f"best constant: {constant['metres']:.2f} m gives abs_rel {constant['abs_rel']:.4f}, "
        f"delta1 {constant['delta1']:.4f} (pooled)"
    )
    return "\n".join(lines)


def _published(rows: Sequence[Published]) -> str:
    lines = ["published, not measured:", f"{'':<20}{'delta1':>8}{'rmse':>8}  under"]
    lines += [f"{row.name:<20}{row.delta1:>8.3f}{row.rmse:>8.3f}  {row.conditions or 'not known'}" for row in rows]
    return "\n".join(lines)


def _groups(title: str, groups: Mapping[str, Group]) -> str:
    """A row a group, a column a metric."""
    metrics = list(next(iter(groups.values())).pooled)
    widths = {metric: max(8, len(metric) + 1) for metric in metrics}
    head = f"{'':<{_NAME}}{'frames':>7}" + "".join(f"{metric:>{width}}" for metric, width in widths.items())
    lines = [title, head]
    for name, group in groups.items():
        values = "".join(f"{group.pooled[metric]:>{width}.3f}" for metric, width in widths.items())
        lines.append(f"{name:<{_NAME}}{group.frames:>7}{values}")
    return "\n".join(lines)
