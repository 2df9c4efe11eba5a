"""The demo's processes: started, listened to and stopped by one that knows no ROS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from depth_estimation_ros.demo.attached import GRACE_S
from depth_estimation_ros.demo.interrupts import Interrupts
from depth_models.errors import DepthModelsError

NAMESPACE = "/depth_demo"  # so that the demo disturbs no robot, whatever the domain
POLL_S = 0.1
LOG_TAIL_LINES = 15


class Child:
    """A module that runs in a process of its own, in a session of its own: the terminal's Ctrl-C is the parent's alone.

    Attributes:
        name: for messages, and of the log file.
        report: what it told by `tell`, the newest value of each name.
    """

    def __init__(self, name: str, module: str, arguments: list[str], logs: Path) -> None:
        self.name, self.log = name, logs / f"{name}.log"
        self.report: dict[str, Any] = {}
        command = [sys.executable, "-m", "depth_estimation_ros.demo.attached", module, *arguments]
        self.log.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=_environment(),
                start_new_session=True,
            )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self.log.open("ab") as log:
            for line in self._process.stdout:
                if line.startswith(b"{"):
                    self.report |= json.loads(line)
                else:
                    log.write(line)  # such as a warning of Fast DDS

    @property
    def running(self) -> bool:
        """Has it not ended yet?"""
        return self._process.poll() is None

    @property
    def log_tail(self) -> str:
        """The last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])

    def check(self) -> None:
        """See that it runs, or ended well.

        Raises:
            DepthModelsError: it failed; the message has its reason, or the end of its log.
        """
        if self._process.poll():
            self._listener.join()
            reason = self.report.get("error") or f"its log {self.log} ends:\n{self.log_tail}"
            raise DepthModelsError(f"the {self.name} failed (exit code {self._process.returncode}): {reason}")

    def ask_to_end(self) -> None:
        """Send SIGTERM."""
        self._process.terminate()

    def end(self, deadline: float) -> None:
        """Wait until it has ended; kill it at the deadline, a time of the monotonic clock."""
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.join()


class Crew:
    """Children that end together."""

    def __init__(self, interrupts: Interrupts, logs: Path) -> None:
        self._interrupts, self._logs = interrupts, logs
        self._children: list[Child] = []

    def start(self, name: str, module: str, arguments: list[str]) -> Child:
        """Start a module of `depth_estimation_ros`."""
        child = Child(name, f"depth_estimation_ros.{module}", arguments, self._logs)
        self._children.append(child)
        return child

    def wait(self, condition: Callable[[], bool], what: str, timeout_s: float) -> None:
        """Poll until `condition()` is true.

        Raises:
            Interrupted: a signal came.
            DepthModelsError: a child failed, or the time is over.
        """
        deadline = time.monotonic() + timeout_s
        while not condition():
            self._interrupts.check()
            for child in self._children:
                child.check()
            if time.monotonic() > deadline:
                raise DepthModelsError(f"waited {timeout_s:.0f} s in vain for {what}; see the logs in {self._logs}")
            time.sleep(POLL_S)

    def end(self) -> None:
        """Stop every child that still runs."""
        for child in self._children:
            child.ask_to_end()
        deadline = time.monotonic() + GRACE_S
        for child in self._children:
            child.end(deadline)


@contextmanager
def crew(interrupts: Interrupts, logs: Path) -> Iterator[Crew]:
    """A crew that leaves nothing behind, however the block ends."""
    members = Crew(interrupts, logs)
    try:
        yield members
    finally:
        members.end()


def tell(**values: Any) -> None:
    """Called in a child: send values to the parent, which finds them in `Child.report`."""
    with suppress(BrokenPipeError):  # the parent is gone, and this process about to follow
        os.write(1, json.dumps(values).encode() + b"\n")


def _environment() -> dict[str, str]:
    """Of a child: a graph of its own, unless the user has set one."""
    own = {
        "ROS_DOMAIN_ID": str(62 + os.getpid() % 40),  # 101 is the last that never meets a port given out by Linux
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
    }
    return own | os.environ | {"RCUTILS_LOGGING_USE_STDOUT": "0"}  # standard output is for `tell`
