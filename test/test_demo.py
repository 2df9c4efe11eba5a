"""The demo: whole runs of its processes over real DDS."""

import os
import re
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from depth_estimation_ros.demo.room import RoomTour
from depth_estimation_ros.demo.tally import LATTICE_PX
from depth_models import DepthPredictor
from depth_models.types import Camera

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 120.0
RNG = np.random.default_rng(0)
RGBS = RNG.integers(0, 256, (3, 24, 32, 3), dtype=np.uint8)


class Demo:
    """The supervisor as a process in a group of its own, as a shell starts it; its output is in `output`."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._mark = f"DEPTH_DEMO_TEST={uuid.uuid4()}"
        self._output = folder / "output"
        self.out = folder / "out"
        name, value = self._mark.split("=")
        environment = os.environ | {name: value, "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}
        environment["XDG_CACHE_HOME"] = str(folder / "cache")
        command = [sys.executable, "-m", "depth_estimation_ros.demo", "--out", str(self.out), *arguments]
        with self._output.open("wb") as file:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
            )

    @property
    def output(self) -> str:
        return self._output.read_text()

    def wait_for(self, pattern: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not re.search(pattern, self.output):
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.02)

    def wait(self) -> int:
        return self.process.wait(PATIENCE_S)

    def descendants(self) -> list[int]:
        """Processes that inherited this run's mark, the supervisor left out."""
        marked = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if self._mark.encode() in (folder / "environ").read_bytes():
                    marked.append(int(folder.name))
            except OSError:  # it has just ended, or is another user's
                continue
        return [pid for pid in marked if pid != self.process.pid]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def run(tmp_path):
    """Starts demos and ends them."""
    pytest.importorskip("rclpy", reason="ROS 2 is not installed: pip install 'depth_estimation_ros[ros]'")
    demos = []

    def start(*arguments):
        demos.append(Demo(tmp_path, *arguments))
        return demos[-1]

    yield start
    for demo in demos:
        demo.close()


@pytest.fixture
def tour(tmp_path, monkeypatch):
    """The room that a run plays, not rendered yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return RoomTour()


@pytest.fixture
def photographs(tmp_path):
    folder = tmp_path / "it's photographs"
    folder.mkdir()
    for number, rgb in enumerate(RGBS):
        PillowImage.fromarray(rgb).resize((160, 120)).save(folder / f"{number}.png")
    return folder


def pictures(demo):
    return [PillowImage.open(path).size for path in sorted(demo.out.glob("*.png"))]


def test_a_run_over_photographs_draws_what_came_and_needs_no_truth(run, weights, photographs, tmp_path):
    odd = tmp_path / "it's: #1.safetensors"  # for shells, and for YAML, as which ROS reads parameters
    odd.symlink_to(weights)
    demo = run("--weights", str(odd), "--input", str(photographs), "--seconds", "2")
    assert demo.wait() == 0, demo.output
    sent, depths, lost = map(int, re.search(r"(\d+) sent, (\d+) depths, .* (\d+) lost", demo.output).groups())
    assert 0 < sent <= 21
    assert 0 < depths <= sent
    assert lost == 0
    assert f"unet from {odd} on " in demo.output
    assert re.search(r"latency +p50 \d+ ms, p95 \d+ ms", demo.output)
    assert "AbsRel" not in demo.output
    shown = pictures(demo)
    assert len(shown) >= 1
    assert all(str(path) in demo.output for path in demo.out.glob("*.png"))
    assert all(width > 2 * 160 and height > 120 for width, height in shown)
    assert demo.descendants() == []


def test_accuracy_is_the_predictors_against_the_rooms_truth(run, weights, tour):
    camera = Camera.from_fov(96, 64, 60.0)
    rgb = RNG.integers(0, 256, (64, 96, 3), dtype=np.uint8)
    predicted = DepthPredictor.from_checkpoint(weights, "cpu")(rgb, fx=camera.fx, fy=camera.fy).metres
    truth = (predicted * np.linspace(0.8, 1.4, 96)).astype(np.float32)
    for number in range(tour.length):
        tour.store(number, rgb, truth, camera)
    demo = run("--weights", weights, "--seconds", "2")
    assert demo.wait() == 0, demo.output
    expected = np.abs(1 / np.linspace(0.8, 1.4, 96) - 1)[::LATTICE_PX].mean()
    assert float(re.search(r"AbsRel (\d.\d+), delta1", demo.output)[1]) == pytest.approx(expected, abs=6e-4)
    assert "rendering" not in demo.output
    assert all(height > 2 * 64 for _, height in pictures(demo))


@pytest.mark.slow  # what is implausible is tested by itself, and an end with a node's log by weights that are not there
def test_numbers_that_cannot_be_right_fail_the_run(run, weights, tour):
    for number in range(tour.length):
        tour.store(number, RGBS[0], np.full((24, 32), 1e-3, np.float32), Camera.from_fov(32, 24, 60.0))
    demo = run("--weights", weights, "--seconds", "1")
    assert demo.wait() == 1, demo.output
    assert "FAILED: AbsRel is" in demo.output
    assert "loaded unet" in demo.output.partition("FAILED")[2]  # the end of the node's log


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["--input", "/no/such/file"], 1, "demo: /no/such/file: no such file or folder"),
        (["--seconds", "0"], 2, "--seconds: '0' is not a positive number"),
        (["--seconds", "soon"], 2, "--seconds: 'soon' is not a number"),
        (["--speed", "2"], 2, "unrecognized arguments"),
    ],
)
def test_a_run_that_cannot_work_says_why(run, arguments, code, reason):
    demo = run(*arguments)
    assert demo.wait() == code, demo.output
    assert reason in demo.output
    assert "Traceback" not in demo.output
    assert demo.descendants() == []


def test_a_node_that_fails_ends_the_run_with_the_end_of_its_log(run, photographs):
    demo = run("--weights", "/no/such/file", "--input", str(photographs))
    assert demo.wait() == 1, demo.output
    assert re.search(
        r"the node failed \(exit code 1\): its log .* ends:\n.*'/no/such/file' is neither a file", demo.output
    )
    assert "Traceback" not in demo.output
    assert demo.descendants() == []


def test_an_output_folder_that_cannot_be_made_is_named(run, tmp_path):
    (tmp_path / "out").write_text("a file where the folder should be")
    demo = run()
    assert demo.wait() == 1, demo.output
    assert f"demo: {demo.out}: cannot be written to" in demo.output


def test_a_machine_without_the_ray_caster_is_told_to_play_pictures_of_its_own(run, weights, tmp_path, monkeypatch):
    (tmp_path / "embreex.py").write_text("raise ModuleNotFoundError('No module named embreex')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    demo = run("--weights", weights)
    assert demo.wait() == 1, demo.output
    assert "needs the ray caster embreex (No module named embreex)" in demo.output
    assert "make demo INPUT=folder, image, video or bag" in demo.output
    assert demo.descendants() == []


HANGING = """
import ctypes, signal, threading
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
print("runs", flush=True)
while not stop.wait(0.1):
    pass
while True:
    ctypes.PyDLL(None).sleep(1000)  # the clean-up, in a C function that keeps the interpreter's lock, as middleware did
"""


def test_a_child_that_hangs_in_a_library_ends_when_its_parent_does(tmp_path):
    (tmp_path / "hanging.py").write_text(HANGING)
    child = subprocess.Popen(
        [sys.executable, "-m", "depth_estimation_ros.demo.attached", "hanging"],
        env=os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT}"}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert child.stdout.readline() == "runs\n"
        child.stdin.close()  # as the kernel does when the parent has gone
        assert child.wait(PATIENCE_S) == -signal.SIGALRM
    finally:
        child.kill()
        child.stdout.close()


@pytest.mark.parametrize(
    ("stage", "number"),
    [
        ("rendering", signal.SIGINT),
        ("rendering", signal.SIGTERM),
        ("rendering", signal.SIGKILL),
        ("depths [1-9]", signal.SIGINT),
        pytest.param("depths [1-9]", signal.SIGKILL, marks=pytest.mark.slow),
    ],
)
def test_signals_leave_no_process_behind(run, weights, photographs, stage, number):
    source = [] if stage == "rendering" else ["--input", str(photographs)]
    demo = run("--weights", weights, "--seconds", "60", *source)
    demo.wait_for(stage)
    assert len(demo.descendants()) >= 3
    if number == signal.SIGINT:
        os.killpg(demo.process.pid, number)  # as the terminal does, and impatient people
        time.sleep(0.05)
        os.killpg(demo.process.pid, number)
    else:
        demo.process.send_signal(number)
    assert demo.wait() == (128 + number if number != signal.SIGKILL else -number), demo.output
    deadline = time.monotonic() + (0 if number != signal.SIGKILL else PATIENCE_S)
    while (left := demo.descendants()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == []
    logs = [path.read_text() for path in demo.out.glob("*.log")]
    assert not any("Traceback" in text for text in [demo.output, *logs])
