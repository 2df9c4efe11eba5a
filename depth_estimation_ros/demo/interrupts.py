"""Signals that end the demo. Imports next to nothing, so that it can watch before anything that takes time."""

from __future__ import annotations

import signal


class Interrupted(Exception):
    """A signal asked for the end."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class Interrupts:
    """Remembers the first SIGINT or SIGTERM: an exception raised by a signal could strike amid the clean-up."""

    def __init__(self) -> None:
        self._number: int | None = None
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._remember)

    def _remember(self, number: int, _frame: object) -> None:
        self._number = self._number or number

    def check(self) -> None:
        """Raise `Interrupted` if a signal came."""
        if self._number is not None:
            raise Interrupted(self._number)
