"""What `depth_models` logs while it loads a network, in the node's log. Pure: takes any logger like a node's."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from typing import Any

from depth_models.telling import telling


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


def forwarded(logger: Any) -> AbstractContextManager[None]:
    """In this block, messages of the library go to a node's logger: progress as info, all else as warning."""
    return telling(_Forward(logger))
