"""What the library says of work that takes a while, brought to whoever is waiting."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def telling(handler: logging.Handler) -> Iterator[None]:
    """In this block, the library's messages from level INFO on go to `handler`."""
    library = logging.getLogger("depth_models")
    library.addHandler(handler)
    library.setLevel(logging.INFO)
    try:
        yield
    finally:
        library.removeHandler(handler)
