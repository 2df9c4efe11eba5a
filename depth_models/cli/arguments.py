"""Argument types that several verbs share; argparse turns their errors into bad usage."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable


def size(text: str) -> tuple[int, int]:
    """'480x640' -> (480, 640): height x width."""
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not HEIGHTxWIDTH, such as 480x640")
    return int(match[1]), int(match[2])


def whole(lowest: int) -> Callable[[str], int]:
    """A whole number from `lowest` on."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if value < lowest:
            raise argparse.ArgumentTypeError(f"{value} is less than {lowest}")
        return value

    return parse


def positive(text: str) -> float:
    """A number above 0."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return value


def device(text: str) -> str:
    """'auto', 'cpu', 'cuda' or 'cuda:N'; whether this machine has it is found out later."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not auto, cpu, cuda or cuda:N")
    return text


def add_json(parser: argparse.ArgumentParser) -> None:
    """The option --json."""
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout and nothing else there")


def add_predictor(parser: argparse.ArgumentParser) -> None:
    """The arguments of `DepthPredictor.from_checkpoint`."""
    parser.add_argument("checkpoint", metavar="CKPT", help="name (`depth-models weights list` has them) or file")
    add_device(parser)


def add_device(parser: argparse.ArgumentParser, backend: str = "auto") -> None:
    """What runs the network, and how precisely."""
    from depth_models.backends import BACKENDS, PRECISIONS

    parser.add_argument("--device", type=device, default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    how = f"what runs the network; auto is the fastest that is installed (default: {backend})"
    parser.add_argument("--backend", default=backend, choices=("auto", *BACKENDS), help=how)
    how = "auto is fp16 on a GPU and fp32 on a CPU (default: auto)"
    parser.add_argument("--precision", default="auto", choices=("auto", *PRECISIONS), help=how)
