"""What `depth_models` logs while it loads a network, in the node's log. Pure: takes any logger like a node's."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class _Forward(logging.Handler):
    def __init__(self, logger: Any) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        # A line each: a node's logger refuses two severities from one.
        if record.levelno >= logging.WARNING:
            self._logger.warning(record.getMessage())
        else:
            self._logger.info(record.getMessage())


@contextmanager
def forwarded(logger: Any) -> Iterator[None]:
    """In this block, messages of the library go to a node's logger: progress as info, all else as warning."""
    library, handler = logging.getLogger("depth_models"), _Forward(logger)
    library.addHandler(handler)
    library.setLevel(logging.INFO)
    try:
        yield
    finally:
        library.removeHandler(handler)
