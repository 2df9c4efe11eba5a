"""Which images are answered: the newest, not too often. Pure."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

Item = TypeVar("Item")
_EARLY = 0.25  # of a period: a camera's jitter must not cost frames of its own rate


class Mailbox(Generic[Item]):
    """One slot between two threads: the newest item wins, so that nobody ever works on a stale one."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._item: Item | None = None
        self._closed = False

    def put(self, item: Item) -> bool:
        """Leave an item; returns whether it overwrote one that nobody had taken. A closed mailbox forgets it."""
        with self._condition:
            overwrote = self._item is not None
            self._item = None if self._closed else item
            self._condition.notify()
            return overwrote

    def get(self) -> Item | None:
        """Wait for an item and take it; None once the mailbox is closed."""
        with self._condition:
            self._condition.wait_for(lambda: self._item is not None or self._closed)
            item, self._item = self._item, None
            return None if self._closed else item

    def close(self) -> bool:
        """Wake whoever waits, for good; returns whether an item is lost by that."""
        with self._condition:
            lost, self._item = self._item is not None, None
            self._closed = True
            self._condition.notify_all()
            return lost


class RateLimit:
    """Lets through so many a second, evenly: of 30 Hz, a limit of 20 lets two of three pass."""

    def __init__(self) -> None:
        self._next_s = float("-inf")

    def allows(self, now_s: float, rate: float) -> bool:
        """May one that comes now pass?

        Args:
            now_s: a clock that never goes back, seconds.
            rate: at most so many a second; 0 lets all pass.
        """
        if rate <= 0:
            return True
        period_s = 1.0 / rate
        if now_s < self._next_s - _EARLY * period_s:
            return False
        # The next is due a period after this one was, not after it came, or every late one would lower the rate; but
        # after a pause nothing is made up for.
        is_late = now_s - self._next_s >= period_s
        self._next_s = (now_s if is_late else self._next_s) + period_s
        return True
