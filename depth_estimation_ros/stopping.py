"""How SIGINT and SIGTERM end the node's process. Pure."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

LAST_RESORT_S = 30.0  # for the end of the process, longer than any network takes for the image in work

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Set by the first signal, looked at by the main thread, which must make it.

    Only a flag, in place of rclpy's handlers, which would shut the context down under the running threads, and of
    Python's, which would raise KeyboardInterrupt anywhere in the clean-up: a terminal and `ros2 launch` each send a
    SIGINT.
    """

    def __init__(self) -> None:
        self._event, self._interrupts = threading.Event(), False
        for number in _NUMBERS:
            signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if not self._event.is_set():
            self.begin()  # the main thread may be in a library's call for long
        self._event.set()
        if self._interrupts:
            self._interrupts = False
            raise KeyboardInterrupt

    def is_set(self) -> bool:
        """Has a signal come?"""
        return self._event.is_set()

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """For what takes long and may be left half done: a signal raises KeyboardInterrupt in this block, once."""
        self._interrupts = True
        try:
            if self.is_set():
                raise KeyboardInterrupt
            yield
        finally:
            self._interrupts = False

    def begin(self) -> None:
        """The process must end in LAST_RESORT_S from now, or the kernel ends it.

        Middleware can hang with the interpreter's lock when a peer was killed.
        """
        signal.setitimer(signal.ITIMER_REAL, LAST_RESORT_S)

    def end(self) -> None:
        """All is cleaned up: ignore signals, which Python would give their default action while it exits: a crash."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number in _NUMBERS:
            signal.signal(number, signal.SIG_IGN)
