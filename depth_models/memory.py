"""How the C library deals with memory that is freed."""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_KEPT_BYTES, _LARGEST_BYTES = 256 << 20, 32 << 20  # the latter is the most that glibc takes


def keep_freed_memory() -> None:
    """Have the C library keep up to 256 MB of what is freed from now on, instead of giving it back with every image.

    The kernel clears every page that it hands out again: half of the time of a sample of training, and three quarters
    of what it takes to bring depth to a VGA image's size.
    """
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):  # musl has none
        library.mallopt(_M_MMAP_THRESHOLD, _LARGEST_BYTES)
        library.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
