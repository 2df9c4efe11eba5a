"""The worker's decisions, with a predictor that waits for the test, and no ROS."""

import threading
import time
from types import SimpleNamespace

import pytest

from depth_estimation_ros.conversions import MessageError
from depth_estimation_ros.model import ModelError
from depth_estimation_ros.statistics import Statistics
from depth_estimation_ros.worker import Worker

PATIENCE_S = 60
NOW_NS = 2_000_000_000_000_000_000


class Output:
    def __init__(self, wanted=True):
        self.wanted, self.frames = wanted, []

    def is_wanted(self):
        return self.wanted

    def publish(self, frame):
        self.frames.append(frame.image)


class Tells:
    def __init__(self):
        self.said = []

    def refused(self, text):
        self.said.append(("refused", text))

    def failed(self, text):
        self.said.append(("failed", text))


class Rig:
    """Runs a worker, and is its predictor."""

    def __init__(self, predict=None, outputs=(), now_ns=NOW_NS):
        self.outputs, self.statistics, self.tells = list(outputs) or [Output()], Statistics(), Tells()
        self.now_ns, self.seen = now_ns, []
        self._predict = predict or (lambda image: None)
        self.worker = Worker(self.predict, self.outputs, self.statistics, self.tells, lambda: self.now_ns)

    def predict(self, image):
        self.seen.append(image)
        self._predict(image)
        return SimpleNamespace(image=image, clipped_pixels=2)

    def answer(self, *images):
        """Have images answered one by one."""
        for image in images:
            self.worker.take(image)
            deadline_s = time.monotonic() + PATIENCE_S
            while 2 * self.totals["received", ""] != sum(self.totals.values()):  # each has one more entry when done
                assert time.monotonic() < deadline_s
                time.sleep(0.001)

    @property
    def totals(self):
        return self.statistics.snapshot().totals


@pytest.fixture
def make():
    rigs = []

    def made(*arguments, **options):
        rigs.append(Rig(*arguments, **options))
        return rigs[-1]

    yield made
    for rig in rigs:
        rig.worker.stop()


def image(age_s=0.0, number=0):
    sec, nanosec = divmod(NOW_NS - round(age_s * 1e9), 1_000_000_000)
    stamp = SimpleNamespace(sec=sec, nanosec=nanosec)
    return SimpleNamespace(header=SimpleNamespace(stamp=stamp), number=number)


def test_while_one_image_is_in_work_only_the_newest_of_the_others_waits(make):
    working, go = threading.Event(), threading.Event()

    def wait(image):
        working.set()
        assert go.wait(PATIENCE_S)

    rig = make(wait)
    images = [image(number=i) for i in range(5)]
    rig.worker.take(images[0])
    assert working.wait(PATIENCE_S)
    for late in images[1:4]:
        rig.worker.take(late)
    go.set()
    rig.answer(images[4])
    assert [i.number for i in rig.seen] in ([0, 3, 4], [0, 4])
    assert rig.totals["dropped", "replaced"] == 5 - len(rig.seen)
    assert rig.outputs[0].frames == rig.seen


def test_images_older_than_max_age_are_dropped_and_counted(make):
    rig = make()
    rig.worker.max_age = 0.5
    rig.answer(image(0.6), image(0.4), image(10.0), image(-3.0))
    assert rig.totals == {("received", ""): 4, ("dropped", "stale"): 2, ("published", ""): 2}
    rig.worker.max_age = 0.0
    rig.answer(image(10.0))
    assert rig.totals["published", ""] == 3


def test_ros_time_that_does_not_run_or_jumps_back_stalls_nothing(make):
    rig = make(now_ns=0)
    rig.worker.max_age = 0.5
    rig.answer(image(10.0))
    rig.now_ns = NOW_NS
    rig.answer(image(0.1))
    rig.now_ns = NOW_NS - 3_600_000_000_000  # a recording starts again
    rig.answer(image(0.1), image(3600.2))
    assert rig.totals == {("received", ""): 4, ("published", ""): 4}
    ages_ms = rig.statistics.snapshot().age_ms
    assert ages_ms == pytest.approx((150, 195, 199))  # of the second and the last, 100 and 200 ms


def test_max_rate_drops_what_comes_too_early(make):
    rig = make()
    rig.worker.max_rate = 0.001
    rig.answer(image(), image(), image())
    assert rig.totals == {("received", ""): 3, ("published", ""): 1, ("dropped", "rate"): 2}


def test_nothing_is_predicted_while_no_output_is_wanted(make):
    rig = make(outputs=[Output(False), Output(False)])
    rig.answer(image())
    assert (rig.seen, rig.totals) == ([], {("received", ""): 1, ("unheard", ""): 1})
    rig.outputs[1].wanted = True
    rig.answer(image())
    assert len(rig.seen) == 1


@pytest.mark.parametrize(
    ("error", "event", "told"),
    [
        (MessageError("bad step", "step"), ("rejected", "step"), ("refused", "bad step")),
        (ModelError("no depth", "nan"), ("failed", "nan"), ("failed", "no depth")),
        (KeyError("k"), ("failed", "error"), ("failed", "no depth for this image: KeyError: 'k'")),
    ],
)
def test_whatever_goes_wrong_is_counted_and_told_and_the_next_image_is_answered(make, error, event, told):
    errors = [error]

    def predict(image):
        if errors:
            raise errors.pop()

    rig = make(predict)
    rig.answer(image(), image())
    assert rig.totals == {("received", ""): 2, event: 1, ("published", ""): 1}
    assert rig.tells.said == [told]
    assert rig.statistics.snapshot().error in told[1]
    assert not rig.statistics.snapshot().is_failing
    assert rig.statistics.snapshot().clipped_pixels == 2


def test_the_image_that_waits_when_the_worker_stops_is_counted(make):
    working, go = threading.Event(), threading.Event()

    def wait(image):
        working.set()
        assert go.wait(PATIENCE_S)

    rig = make(wait)
    rig.worker.take(image())
    assert working.wait(PATIENCE_S)
    rig.worker.take(image())
    stopping = threading.Thread(target=rig.worker.stop)
    stopping.start()
    while ("dropped", "stopped") not in rig.totals:
        time.sleep(0.001)
    go.set()
    stopping.join(PATIENCE_S)
    assert rig.totals == {("received", ""): 2, ("published", ""): 1, ("dropped", "stopped"): 1}
