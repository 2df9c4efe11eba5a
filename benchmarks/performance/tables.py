"""Markdown tables, and how ways to run a network are called in them."""

from __future__ import annotations

from collections.abc import Sequence

from ways import FREE

NOT_YET = "not measured on this machine yet: `python benchmarks/performance/measure.py {}`"
_NAMES = {
    "torch": "PyTorch eager",
    "torch-nchw": "PyTorch eager, channels-first",
    "torch-compile": "PyTorch compiled",
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
    "tensorrt": "TensorRT",
}


def table(head: Sequence[str], rows: Sequence[Sequence[str]], left: int | None = None) -> str:
    """A table; all columns after the first `left` are numbers, which stand to the right; None for none."""
    marks = ["---" if left is None or column < left else "---:" for column in range(len(head))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, marks, *rows)) + "\n"


def label(backend: str, precision: str, trained: bool) -> str:
    """A way for people; of trained weights it says which are not held to the limits."""
    plain = backend.removesuffix(FREE)
    return f"{_NAMES.get(plain, plain)} {precision}" + ", not held" * (plain != backend and trained)
