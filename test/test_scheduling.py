"""Mailbox and rate limit."""

import itertools
import threading

import pytest

from depth_estimation_ros.scheduling import Mailbox, RateLimit


def test_the_mailbox_keeps_only_the_newest():
    mailbox = Mailbox()
    assert mailbox.put(1) is False
    assert mailbox.put(2) is True
    assert mailbox.get() == 2
    assert mailbox.put(3) is False


def test_closing_the_mailbox_tells_whether_an_item_was_in_it():
    mailbox = Mailbox()
    mailbox.put(1)
    assert mailbox.close() is True
    assert mailbox.get() is None


def test_closing_the_mailbox_wakes_the_one_who_waits():
    mailbox, got = Mailbox(), []
    thread = threading.Thread(target=lambda: got.append(mailbox.get()))
    thread.start()
    assert mailbox.close() is False
    thread.join(timeout=10)
    assert got == [None]
    mailbox.put(1)
    assert mailbox.get() is None


@pytest.mark.parametrize(("rate", "passed"), [(0.0, 300), (20.0, 200), (30.5, 300), (7.0, 70), (0.1, 1)])
def test_of_ten_seconds_at_30_hz_the_limit_lets_its_rate_through_evenly(rate, passed):
    limit, jitter = RateLimit(), (0.0, 0.004, -0.004)
    times = [100 + i / 30 + jitter[i % 3] for i in range(300)]
    through = [t for t in times if limit.allows(t, rate)]
    assert abs(len(through) - passed) <= 1
    if rate == 7.0:
        gaps = [b - a for a, b in itertools.pairwise(through)]
        assert max(gaps) < 1 / 7 + 2 / 30


def test_a_pause_saves_nothing_up():
    limit = RateLimit()
    assert limit.allows(0.0, 10.0)
    assert limit.allows(60.0, 10.0)
    assert not any(limit.allows(60.0 + i / 1000, 10.0) for i in range(1, 75))
    assert limit.allows(60.1, 10.0)
