"""The page's part on targets: what was asked, what was reached, and what bounds it."""

from __future__ import annotations

from typing import Any

from tables import NOT_YET, label, table
from ways import CASES, FREE, Case

_TARGETS = """## Targets

What was asked, as ratios to eager PyTorch fp32, batch 1, same threads; *reached* is the fastest of the ways that have
it. The figures were set when eager PyTorch was not channels-last here, and slower: see *memory formats* below.
"""
_BOUNDS = """### What bounds them

*Asked* and *reached* as GFLOP/s: the operations of a pass (a multiplication and an addition are two) over its time,
on OpenVINO. The *peak* is what large convolutions reach here ({convolution}): {gflops}. Memory is read
at {read:.1f} GB/s. *At most* is how many times as fast as eager PyTorch a pass would be if every layer ran at the peak.
*Shares* are of the time by OpenVINO's own clocks, and the *largest layers* those that take the most of it.
"""
_FORMATS = """### Memory formats

Eager PyTorch of this package keeps tensors channels-last. That is not what most code does, and it is what every ratio
on this page is to. Eager PyTorch channels-first in the same rounds:
"""


def targets(measured: dict[str, Any]) -> str:
    """The table of targets, and of what bounds the networks."""
    rows, missing = [], []
    for name, case in [(name, case) for name, case in CASES.items() if case.asked]:
        if name not in measured:
            missing.append(f"{case.title}: {NOT_YET.format(name)}")
            continue
        for kind, precisions, asked in _asked(case):
            best = _best(case, measured[name], precisions)
            if best is None:
                rows.append([case.title, kind, f"{asked:.1f}", "", "", "all are refused"])
                continue
            verdict = "reached" if best["ratio_to_eager"] >= asked else f"{best['ratio_to_eager'] / asked:.0%} of it"
            way = label(best["backend"], best["precision"], case.bundled)
            rows.append([case.title, kind, f"{asked:.1f}", f"{best['ratio_to_eager']:.2f}", way, verdict])
    text = _TARGETS + "\n" + table(["network", "", "asked", "reached", "by", ""], rows, left=2)
    text += "".join(f"\n{line}\n" for line in missing)
    return text + ("\n" + _bounds(measured) if "peaks" in measured else "")


def memory_formats(measured: dict[str, Any]) -> str:
    """How much slower eager PyTorch is channels-first, and what the ratios would be to that."""
    rows = []
    for name in [name for name in CASES if name in measured]:
        by_way = {(row["backend"], row["precision"]): row for row in measured[name]["rows"]}
        last, first = by_way["torch", "fp32"], by_way["torch-nchw", "fp32"]
        best = max(by_way.values(), key=lambda row: row["ratio_to_eager"])
        rows.append(
            [
                CASES[name].title, *(f"{row['latency_ms']['p50']:.1f}" for row in (last, first)),
                f"{1 / first['ratio_to_eager']:.2f}", label(best["backend"], best["precision"], CASES[name].bundled),
                f"{best['ratio_to_eager']:.2f}", f"{best['ratio_to_eager'] / first['ratio_to_eager']:.2f}",
            ]
        )  # fmt: skip
    head = ["network", "channels-last ms", "channels-first ms", "times as slow", "fastest", "ratio", "to the latter"]
    return _FORMATS + "\n" + table(head, rows, left=1)


def _asked(case: Case) -> list[tuple[str, tuple[str, ...], float]]:
    """(what, its precisions, ratio) of both targets."""
    assert case.asked is not None
    return [("fp32 or bf16", ("fp32", "bf16"), case.asked[0]), ("int8", ("int8",), case.asked[1])]


def _best(case: Case, found: dict[str, Any], precisions: tuple[str, ...]) -> dict[str, Any] | None:
    """The fastest row; of trained weights only what the package would run, None where it would run none."""
    rows = [row for row in found["rows"] if row["precision"] in precisions]
    rows = [row for row in rows if not (case.bundled and FREE in row["backend"])]
    return max(rows, key=lambda row: row["ratio_to_eager"], default=None)


def _openvino(found: dict[str, Any], precision: str) -> dict[str, Any] | None:
    """Its row, held to the limit or not; None where it is not installed or this CPU lacks the precision."""
    rows = (row for row in found["rows"] if row["backend"].startswith("openvino"))
    return next((row for row in rows if row["precision"] == precision), None)


def _bounds(measured: dict[str, Any]) -> str:
    peaks = measured["peaks"]
    rows = []
    for name in [name for name in CASES if name in measured and CASES[name].asked]:
        found = measured[name]
        for _, precisions, asked in _asked(CASES[name]):
            precision = precisions[-1]
            row = _openvino(found, precision)
            if row is None:
                continue
            profile, peak, eager = found["profiles"][precision], peaks["gflops"][precision], _eager_gflops(found)
            reached = eager * row["ratio_to_eager"]
            shares = [f"{kind} {share:.0%}" for kind, share in profile["shares"].items() if share >= 0.03]
            rows.append(
                [
                    f"{CASES[name].title} {precision}", f"{profile['gflop']:.1f}", f"{eager:.0f}",
                    f"{asked * eager:.0f} ({asked * eager / peak:.0%})", f"{reached:.0f} ({reached / peak:.0%})",
                    f"{peak / eager:.1f}", ", ".join(shares), "; ".join(map(_layer, profile["layers"])),
                ]
            )  # fmt: skip
    head = ["network", "GFLOP", "eager GFLOP/s", "asked (of the peak)", "reached (of the peak)", "at most", "shares"]
    gflops = ", ".join(f"{precision} {value:.0f} GFLOP/s" for precision, value in peaks["gflops"].items())
    text = _BOUNDS.format(convolution=peaks["convolution"], gflops=gflops, read=peaks["read_gbs"])
    return text + "\n" + table([*head, "largest layers"], rows, left=1) + "\n" + _reasons(measured)


def _eager_gflops(found: dict[str, Any]) -> float:
    profile = next(iter(found["profiles"].values()))
    return profile["gflop"] / found["rows"][0]["latency_ms"]["p50"] * 1e3


def _layer(layer: dict[str, Any]) -> str:
    speed = ""
    if layer["gflops"] is not None:
        speed = f", {layer['gflops']:.0f} GFLOP/s"
        speed += f", {layer['weights_gbs']:.1f} GB/s of weights" * layer["layer"].startswith("matrix")
    return f"{layer['layer']} ({layer['share']:.0%}{speed})"


def _reasons(measured: dict[str, Any]) -> str:
    """A sentence for each target that was missed."""
    lines = []
    for name in [name for name in CASES if name in measured and CASES[name].asked]:
        case, found = CASES[name], measured[name]
        for kind, precisions, asked in _asked(case):
            row, best = _openvino(found, precisions[-1]), _best(case, found, precisions)
            if row is not None and (best is None or best["ratio_to_eager"] < asked):
                peak = measured["peaks"]["gflops"][row["precision"]]
                lines.append(f"* {case.title}, {kind}, {asked:.1f} asked: {_reason(case, found, row, asked, peak)}.")
    return "Missed:\n\n" + "\n".join(lines) + "\n" if lines else ""


def _reason(case: Case, found: dict[str, Any], row: dict[str, Any], asked: float, peak: float) -> str:
    """By its figures; `row` is OpenVINO's in the precision that could reach it."""
    refused = ""
    if case.bundled and FREE in row["backend"]:
        refused = f"OpenVINO {row['precision']} has {row['ratio_to_eager']:.2f}, and is refused with these weights"
        if row["ratio_to_eager"] >= asked:
            return refused
        refused += "; "
    profile = found["profiles"][row["precision"]]
    needed = asked * _eager_gflops(found) / peak
    matrices = sum(layer["share"] for layer in profile["layers"] if layer["layer"].startswith("matrix"))
    beside = 1 - sum(profile["shares"].get(kind, 0) for kind in ("Convolution", "GroupConvolution"))
    if needed > 1:
        return f"{refused}that is {needed:.0%} of the speed that large convolutions have here, out of this CPU's reach"
    if matrices > 0.1:
        return f"{refused}{matrices:.0%} of the time go into matrices whose weights come from memory once a pass"
    return (
        f"{refused}that is {needed:.0%} of the peak, in all layers alike; {beside:.0%} of the time are no convolutions"
    )
