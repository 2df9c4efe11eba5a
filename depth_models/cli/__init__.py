"""`depth-models VERB`: one file per verb, each imported only when it is asked for what it does.

A verb module has HELP (one line), `add_arguments(parser)` and `run(args) -> int` (the exit code), where
`args.usage_error(text)` is for what argparse cannot check. It imports nothing heavy before `run`.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from depth_models.errors import DepthModelsError
from depth_models.telling import telling

VERBS = (
    "networks",
    "weights",
    "data",
    "train",
    "confidence",
    "calibrate",
    "evaluate",
    "predict",
    "export",
    "bench",
    "experiment",
    "bag",
    "consistency",
    "map",
)
EXTRAS = {"rosbags": "bag", "open3d": "map"}  # of setup.py, by the package that it brings; others come with `train`


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb.

    Returns:
        0 when done, 1 when it failed (the reason is on stderr), 130 when interrupted. Bad usage exits with 2.
    """
    parser = argparse.ArgumentParser(prog="depth-models", description="Metric depth from one camera.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name in VERBS:
        module = import_module(f"depth_models.cli.{name}")
        verb = verbs.add_parser(name, help=module.HELP, description=module.HELP)
        module.add_arguments(verb)
        verb.set_defaults(run=module.run, usage_error=verb.error)
    args = parser.parse_args(arguments)
    try:
        with telling(_on_stderr()):
            return args.run(args)
    except DepthModelsError as error:
        print(f"depth-models {args.verb}: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:  # of an extra, which not every installation has
        package = str(error.name).partition(".")[0]
        print(
            f"depth-models {args.verb}: the Python package {package} is not installed; "
            f"pip install 'depth_estimation_ros[{EXTRAS.get(package, 'train')}]' brings it",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of stdout (head, less) has gone; nothing more can be told
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _on_stderr() -> logging.Handler:
    """Lines as they are: what takes a while is told to who types."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    return handler
