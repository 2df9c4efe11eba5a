"""Statistics by a clock of the test's own, and the health that is read from them."""

import pytest

from depth_estimation_ros.health import Level, resting, running
from depth_estimation_ros.parameters import NodeParameters
from depth_estimation_ros.statistics import Statistics


class Clock:
    def __init__(self):
        self.now_s = 1000.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def statistics(clock):
    return Statistics(clock)


def run(statistics, clock, seconds, rate=20, latency_ms=50.0, every=1):
    """Images at a steady rate, of which each `every`th is answered and the others replaced."""
    for i in range(round(seconds * rate)):
        clock.now_s += 1 / rate
        statistics.count("received")
        if i % every:
            statistics.count("dropped", "replaced")
        else:
            statistics.published(latency_ms)


def test_the_log_reports_once_what_happened(statistics):
    assert statistics.take_line() == ""
    for latency_ms in range(1, 101):
        statistics.count("received")
        statistics.published(latency_ms)
    statistics.count("rejected", "encoding")
    statistics.count("dropped", "replaced")
    statistics.count("dropped", "stale")
    assert statistics.take_line() == (
        "frames: 100 received, 100 published, 2 dropped (1 replaced, 1 stale), 1 rejected (1 encoding); "
        "latency p50 50 ms, p95 95 ms"
    )
    assert statistics.take_line() == ""
    statistics.count("failed", "nan")
    assert statistics.take_line().startswith("frames: 0 received, 0 published, 0 dropped, 0 rejected, 1 failed (1 nan)")


def test_rates_and_percentiles_are_of_the_last_ten_seconds_and_totals_of_all(statistics, clock):
    run(statistics, clock, 30, rate=20, latency_ms=500.0)
    for latency_ms in range(1, 101):
        clock.now_s += 0.1
        statistics.count("received")
        statistics.published(latency_ms, 2 * latency_ms, clipped_pixels=3)
    now = statistics.snapshot()
    assert now.input_rate == pytest.approx(10, abs=0.2)
    assert now.output_rate == pytest.approx(10, abs=0.2)
    assert now.latency_ms == pytest.approx((50.5, 95.05, 99.01), abs=1)  # 1 to 100 ms
    assert now.age_ms == pytest.approx((101, 190.1, 198), abs=2)
    assert now.totals == {("received", ""): 700, ("published", ""): 700}
    assert now.clipped_pixels == 300
    clock.now_s += 7
    assert statistics.snapshot().silence_s == pytest.approx(7)


def test_the_first_seconds_count_as_they_are(statistics, clock):
    run(statistics, clock, 2, rate=20, every=4)
    now = statistics.snapshot()
    assert (now.input_rate, now.output_rate) == pytest.approx((20, 5))


def health(statistics, **parameters):
    return running(statistics.snapshot(), NodeParameters(**parameters), {"device": "cpu"})


def test_a_node_at_work_is_well_and_says_how_fast(statistics, clock):
    run(statistics, clock, 10, rate=20, every=4)
    now = health(statistics)
    assert (now.level, now.message) == (Level.OK, "depth at 5.0 Hz")
    facts = {
        "state": "active", "input rate (Hz)": "20.0", "output rate (Hz)": "5.0", "latency p99 (ms)": "50",
        "received": "200", "published": "50", "dropped (replaced)": "150", "device": "cpu", "last error": "",
    }  # fmt: skip
    assert facts.items() <= now.facts.items()


@pytest.mark.parametrize(
    ("seconds", "level"), [(0.5, Level.OK), (1.0, Level.WARN), (4.9, Level.WARN), (5.0, Level.ERROR)]
)
def test_silence_of_the_camera_is_told(statistics, clock, seconds, level):
    run(statistics, clock, 1)
    clock.now_s += seconds
    now = health(statistics)
    assert now.level == level
    assert ("no image for" in now.message) == (level > Level.OK)
    assert health(statistics, warn_silence=0.0, error_silence=0.0).level == Level.OK


@pytest.mark.parametrize(
    ("thresholds", "level"),
    [
        ({}, Level.OK),
        ({"warn_latency": 0.05}, Level.WARN),
        ({"error_latency": 0.05}, Level.ERROR),
        ({"warn_rate": 6.0}, Level.WARN),
        ({"warn_rate": 4.0}, Level.OK),
        ({"warn_rate": 6.0, "error_rate": 5.5}, Level.ERROR),
    ],
)
def test_thresholds_of_latency_and_rate_decide_the_level(statistics, clock, thresholds, level):
    run(statistics, clock, 10, rate=20, latency_ms=50.0, every=4)
    assert health(statistics, **thresholds).level == level


def test_a_rate_that_nobody_asks_for_is_no_fault(statistics, clock):
    clock.now_s += 1
    statistics.count("received")
    statistics.count("unheard")
    now = health(statistics, error_rate=10.0)
    assert (now.level, now.message) == (Level.OK, "nobody listens")


@pytest.mark.parametrize(("bad", "level"), [(0, Level.OK), (10, Level.WARN), (100, Level.ERROR)])
def test_unusable_images_are_told_with_the_last_reason(statistics, clock, bad, level):
    run(statistics, clock, 5, rate=20)
    for _ in range(bad):
        statistics.count("received")
        statistics.count("rejected", "step", "step is 1 byte")
    now = health(statistics)
    assert now.level == level
    assert ("unusable: step is 1 byte" in now.message) == (bad > 0)


def test_a_failing_model_is_an_error_until_it_answers_again(statistics, clock):
    run(statistics, clock, 5)
    statistics.count("failed", "memory", "out of memory")
    now = health(statistics)
    assert (now.level, now.message) == (Level.ERROR, "out of memory")
    statistics.published(50.0)
    now = health(statistics)
    assert now.level == Level.OK
    assert (now.facts["failed (memory)"], now.facts["last error"]) == ("1", "out of memory")


def test_images_that_are_all_stale_are_told(statistics, clock):
    for _ in range(10):
        clock.now_s += 0.1
        statistics.count("received")
        statistics.count("dropped", "stale")
    now = health(statistics)
    assert now.level == Level.WARN
    assert "older than max_age; does a recording play without use_sim_time?" in now.message


def test_a_resting_node_is_well_unless_it_could_not_be_configured():
    assert resting("inactive", "", {"model": "unet"}).level == Level.OK
    failed = resting("unconfigured", "cannot configure: no such file", {})
    assert (failed.level, failed.message) == (Level.ERROR, "cannot configure: no such file")
