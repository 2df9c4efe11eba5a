"""Measures how fast the package is on this machine, and writes docs/performance.md.

python benchmarks/performance/measure.py             everything
python benchmarks/performance/measure.py PART...     renews some parts, and the page; --help lists them

Results are kept in performance.json beside the page as soon as a part is done; those of another machine, or of other
versions of the libraries, are dropped. The first run on a machine compiles the networks, which takes longer.
"""

from __future__ import annotations

import argparse
import datetime
import json
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import layers
import machine
import performance_page
import scaling
from ways import CASES, COMPILED, NCHW, WAYS, Case, files_of, folder_of, runnable

from depth_models.backends import BACKENDS
from depth_models.bench import REFERENCE, bench
from depth_models.files import written_whole

PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"
SHORT = (REFERENCE, ("openvino", "fp32"), ("openvino", "bf16"), ("openvino", "int8"))
LARGER = ((480, 640), (720, 1280))  # than its own canvas
BATCHES = (1, 2, 4, 8, 16)


def network(case: Case, threads: int) -> dict[str, Any]:
    """One network of the table in all ways, with a profile of the ways that have a target."""
    subject = case.subject()
    checkpoint = subject.checkpoint()
    able, refused = runnable(checkpoint, case.ways, held=case.bundled)
    rows = []
    for row in bench(subject, able, "cpu", 1, threads, case.rounds):
        file_mb, difference = files_of(checkpoint, (row.backend, row.precision))
        rows.append(row.to_dict() | {"file_mb": file_mb, "difference": difference})
    compiled = [way for way in able if way[0].startswith("openvino")]
    profiles = {way[1]: layers.profile(folder_of(checkpoint, way), way[1], threads) for way in compiled}
    return {"rows": rows, "refused": refused, "profiles": profiles}


def messages(threads: int) -> dict[str, Any]:
    """From message to message, with the bundled unet."""
    import messages as way_of_a_message

    subject = CASES["unet"].subject()
    ways = [way for way in _held(subject.checkpoint()) if way not in (NCHW, COMPILED)]
    return way_of_a_message.measure(subject, ways, threads, 30)


def sizes(threads: int) -> list[dict[str, Any]]:
    """Batches, threads and sizes."""
    counts = sorted({1, threads // 2 or 1, threads})
    subject = CASES["unet"].subject()
    pre = subject.checkpoint().preprocess
    return scaling.scaling(subject, SHORT, BATCHES, counts, ((pre.height, pre.width), *LARGER), 20)


def start(threads: int) -> list[dict[str, Any]]:
    """First depth after the start of a process."""
    ways = [way for way in _held(CASES["unet"].subject().checkpoint()) if way != NCHW]
    return scaling.first_depth(CASES["unet"].network, ways, threads, 3)


def energy(threads: int) -> dict[str, float] | None:
    """Joules a depth."""
    subject = CASES["unet"].subject()
    return scaling.energy(subject, [way for way in SHORT if way in _held(subject.checkpoint())], threads)


def gpu(threads: int) -> dict[str, Any] | None:
    """The ladder on the first GPU; None where there is none."""
    if machine.gpu() is None:
        return None
    import gpu_ladder

    found: dict[str, Any] = {"roofline_tflops": gpu_ladder.roofline_tflops("cuda:0")}
    found["networks"] = {name: gpu_ladder.measure(case.subject(), "cuda:0", 50) for name, case in CASES.items()}
    return found


def _held(checkpoint: Any) -> list[tuple[str, str]]:
    """Ways that the package itself would take."""
    able, _ = runnable(checkpoint, [way for way in WAYS if BACKENDS[way[0]].is_installed()], held=True)
    return [way for way in able if way in WAYS]


PARTS: dict[str, Callable[[int], Any]] = {
    "peaks": layers.peaks,
    **{name: partial(network, case) for name, case in CASES.items()},
    "messages": messages,
    "scaling": sizes,
    "start": start,
    "energy": energy,
    "gpu": gpu,
}


def renew(path: Path, names: list[str], parts: dict[str, Callable[[int], Any]] = PARTS) -> None:
    """Measure parts, and write the page at `path` and its results beside it after each."""
    store, here = path.with_suffix(".json"), machine.facts()
    kept = json.loads(store.read_text()) if store.is_file() else {}
    results = kept if kept.get("machine") == here else {"machine": here, "parts": {}}
    for name in names:
        print(f"measuring {name}", flush=True)
        result = parts[name](here["cores"])
        today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
        results["parts"][name] = {"date": today, "weights": machine.weights(), "result": result}
        with written_whole(store) as temporary:
            temporary.write_text(json.dumps(results, indent=1) + "\n")
        with written_whole(path) as temporary:
            temporary.write_text(performance_page.page(results))


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", metavar="PART", nargs="*", help=f"of {', '.join(PARTS)} (default: all)")
    args = parser.parse_args()
    if unknown := set(args.parts) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    renew(PAGE, args.parts or list(PARTS))


if __name__ == "__main__":
    main()
