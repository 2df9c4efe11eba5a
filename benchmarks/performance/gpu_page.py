"""The page's part on GPUs."""

from __future__ import annotations

from typing import Any

from tables import table
from ways import CASES

_NONE = """## GPU

Skipped: PyTorch sees no CUDA device here. On a machine with one this part is the ladder of every network from eager
PyTorch over TF32, half precision, channels-last and `torch.compile` to CUDA graphs and TensorRT, with p50, p95, p99 and
the distance to what a large matrix product reaches. That code has not run on a GPU for this page.
"""


def gpu(result: dict[str, Any] | None) -> str:
    """The ladder of each network, or why there is none."""
    if result is None:
        return _NONE
    peak = result["roofline_tflops"]
    text = [f"## GPU\n\nA large matrix product in half precision reaches {peak:.1f} TFLOP/s, the roofline here.\n"]
    for name, found in result["networks"].items():
        rows = [
            [row["step"], *(f"{row[p]:.2f}" for p in ("p50", "p95", "p99")), f"{row['ratio']:.2f}",
             f"{found['gflop'] / row['p50'] / peak:.1%}"]
            for row in found["rows"]
        ]  # fmt: skip
        head = ["step", "p50 ms", "p95 ms", "p99 ms", "ratio", "of the roofline"]
        text.append(f"### {CASES[name].title}\n\n{table(head, rows, left=1)}")
        text += [f"* {step}: {reason}" for step, reason in found["left_out"].items()]
    return "\n".join(text)
