"""Runs a module as `python -m` does, in a process that ends when its parent does, however that ends.

The parent holds the other end of this process's standard input: its end of file is the parent's.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading

GRACE_S = 3.0  # from the request to end until the end


def _follow_parent() -> None:
    # Not through sys.stdin, whose lock a thread must not hold when the interpreter ends.
    while os.read(0, 1):
        pass
    # The kernel's end, if need be: middleware that hangs with the interpreter's lock stops every thread of Python.
    signal.setitimer(signal.ITIMER_REAL, GRACE_S)
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Run module sys.argv[1] with the arguments after it."""
    threading.Thread(target=_follow_parent, daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
