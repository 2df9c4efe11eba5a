"""docs/performance.md from what `run.py` measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bounds
from gpu_page import gpu
from tables import NOT_YET, label, table
from ways import CASES, FREE

HEAD = """# Performance

```
make performance                                         all of this page, on this machine
python benchmarks/performance/measure.py unet messages       some parts of it: {parts}
```

The page is written by the command, and its figures lie in [performance.json](performance.json). The first run on a
machine compiles the networks; after that all parts take a quarter of an hour on an idle machine like this one. What
is compared was measured in turns within one process, so that other work on the machine meets all alike; *ratio* is how
many times as fast as eager PyTorch in fp32 with the same number of threads, the median over the rounds of each way
against the eager pass of its own round. Milliseconds depend on the machine, ratios less.
"""
NETWORKS = """## Networks

Batch 1, {threads} threads, from a uint8 canvas to float32 depth on the host. *p95* of few rounds is about the largest.
*Memory*: most resident memory of a process of its own that loads the network and runs it twice. *File*: what is read to
load it. *Difference*: of its depth from eager fp32's, mean over the pixels of some pictures, or of rooms (bf16 and int8
of bundled weights). The networks that are not bundled have the paper's configuration, 480x640 and random weights, which
are as fast as trained ones; what int8 does to their depth means nothing, so their int8 is calibrated on four patterns
and not held to a limit. *not held*: what the package refuses to run, since the difference is above its limit (bf16 1 %,
int8 3 %), measured for its speed alone. Compiling the two deepest networks with `torch.compile` takes more than five
minutes and is left out.
"""
MESSAGES = """## From message to message

An image message of {image} to a depth message of the same size, in one process and without publishing, bundled unet
(canvas {canvas}), {rounds} rounds. The *typical node* was written for this benchmark: cv_bridge's copies, Pillow and
torchvision's steps, channels-first eager PyTorch, `.cpu().numpy()`, bytes assigned
([typical_node.py](../benchmarks/performance/typical_node.py)); it answers the same message with the same weights. Ways
that the package refuses for these weights are not here. The last columns: how many times as fast.
"""
SCALING = """## Batch, threads, size

Bundled unet; milliseconds an image (p50), and the ratio to eager PyTorch of the same batch, threads and size. {free}
"""
START = """## The first depth

Seconds from the start of a Python process to the depth of a first VGA image, bundled unet, everything compiled and in
the cache (median of {rounds} processes each, in turns); no ROS in it.
"""


def page(results: dict[str, Any]) -> str:
    """The whole page, Markdown.

    Args:
        results: `machine`, and `parts` by name with `date`, `weights` and `result`.
    """
    here, parts = results["machine"], results["parts"]
    head = HEAD.format(parts=", ".join(["peaks", *CASES, "messages", "scaling", "start", "energy", "gpu"]))
    sections: dict[str, Callable[[Any], str]] = {
        "messages": _messages, "scaling": _scaling, "start": _start, "energy": _energy, "gpu": gpu
    }  # fmt: skip
    measured = {name: part["result"] for name, part in parts.items()}
    networks = NETWORKS.format(threads=here["cores"]) + "\n" + _networks(measured)
    text = [head, _machine(here, parts), networks, bounds.targets(measured), bounds.memory_formats(measured)]
    for name, section in sections.items():
        text.append(section(measured[name]) if name in measured else f"## {name.title()}\n\n{NOT_YET.format(name)}\n")
    return "\n".join(text)


def _machine(here: dict[str, Any], parts: dict[str, Any]) -> str:
    dates = sorted({part["date"] for part in parts.values()})
    of_bundled = ("unet", "fpn", "messages", "scaling", "start")
    weights = {tuple(part["weights"].items()) for name, part in parts.items() if name in of_bundled}
    rows = [
        ["CPU", f"{here['cpu']}, {here['cores']} cores"],
        ["instruction sets", ", ".join(here["instructions"])],
        ["memory", f"{here['memory_gb']} GB"],
        ["GPU", here["gpu"] or "none"],
        ["system", f"{here['system']}, Python {here['python']}"],
        ["versions", ", ".join(f"{name} {version or '(missing)'}" for name, version in here["versions"].items())],
        ["bundled weights", "; ".join(", ".join(f"{n} {digest}" for n, digest in one) for one in sorted(weights))],
        ["date", dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"],
    ]
    return "## Machine\n\n" + table(["", ""], rows)


def _networks(measured: dict[str, Any]) -> str:
    head = ["network", "way", "p50 ms", "p95 ms", "ratio", "memory MB", "file MB", "difference", "rounds"]
    rows, notes = [], []
    for name, case in CASES.items():
        if name not in measured:
            rows.append([case.title, NOT_YET.format(name), *[""] * 7])
            continue
        for row in measured[name]["rows"]:
            height, width = row["size"]
            rows.append(
                [
                    f"{case.title}, {height}x{width}", label(row["backend"], row["precision"], case.bundled),
                    *(f"{row['latency_ms'][p]:.1f}" for p in ("p50", "p95")), f"{row['ratio_to_eager']:.2f}",
                    f"{row['peak_memory_mb']:.0f}", f"{row['file_mb']:.1f}",
                    "" if row["difference"] is None else f"{row['difference']:.2%}", str(row["rounds"]),
                ]
            )  # fmt: skip
        notes += [f"* {case.title}, {way}: {reason}" for way, reason in measured[name]["refused"].items()]
    refused = "\nWhat the package says to those that it refuses:\n\n" + "\n".join(notes) + "\n" if notes else ""
    return table(head, rows, left=2) + refused


def _messages(result: dict[str, Any]) -> str:
    rows = [[row["what"], *(f"{row[p]:.1f}" for p in ("p50", "p95"))] for row in result["rows"]]
    for cells, row in zip(rows, result["rows"], strict=True):
        cells += [f"{row['to_alone']:.2f}", f"{row['to_typical']:.2f}"]
    head = ["", "p50 ms", "p95 ms", "to the network alone", "to the typical node"]
    return MESSAGES.format(**result) + "\n" + table(head, rows, left=1)


def _scaling(result: list[dict[str, Any]]) -> str:
    ways = list(dict.fromkeys(way for setting in result for way in setting["ways"]))
    shown = list(dict.fromkeys(way.replace(FREE, "") for way in ways))
    rows = []
    for setting in result:
        found = {way.replace(FREE, ""): (figures, FREE in way) for way, figures in setting["ways"].items()}
        cells = [
            f"{found[way][0]['p50']:.1f} ({found[way][0]['ratio']:.2f}){'*' * found[way][1]}" if way in found else ""
            for way in shown
        ]
        height, width = setting["size"]
        rows.append([str(setting["batch"]), str(setting["threads"]), f"{height}x{width}", *cells])
    free = "With *: for speed alone, not held to the limit (int8 of another size is calibrated on four patterns)."
    head = ["batch", "threads", "canvas", *(label(*way.split(), trained=True) for way in shown)]
    return SCALING.format(free=free if any(FREE in way for way in ways) else "") + "\n" + table(head, rows, left=0)


def _start(result: list[dict[str, Any]]) -> str:
    rows = [
        [label(*row["way"].split(), trained=True), f"{row['seconds']:.2f}", f"{row['ratio']:.2f}",
         "yes" if row["imports_torch"] else "no"]
        for row in result
    ]  # fmt: skip
    head = ["", "seconds", "times as fast as eager", "imports torch"]
    return START.format(rounds=result[0]["rounds"]) + "\n" + table(head, rows, left=1)


def _energy(result: dict[str, float] | None) -> str:
    if result is None:
        return "## Energy\n\nThis machine shows none: no counter under `/sys/class/powercap` can be read.\n"
    rows = [[label(*way.split(), trained=True), f"{joules:.3f}"] for way, joules in result.items()]
    text = "## Energy\n\nOf the CPU packages, idle power too; bundled unet.\n\n"
    return text + table(["", "J a depth"], rows, left=1)
