"""Photo-realistic rooms: renders until it is stopped, in several processes; what is there is kept and added to."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from photoreal.shards import FLATS_PER_SHARD, MANIFEST, VERSION, VIEWS_PER_FLAT, missing, save_manifest, shard_path


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m photoreal", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of shards; one that is there is added to")
    parser.add_argument("--flats", type=int, help=f"stop at so many, rounded up to {FLATS_PER_SHARD}; else never")
    parser.add_argument("--seed", type=int, default=0, help="of all flats (default 0)")
    parser.add_argument("--size", default="240x320", help="HEIGHTxWIDTH, pixels (default 240x320)")
    parser.add_argument("--samples", type=int, default=4, help="of light, a pixel (default 4)")
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread (default 2)")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for number in (signal.SIGTERM, signal.SIGINT):  # a shell's background job begins with SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    with open(args.out / ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"{args.out}: another process renders into it")
        return Farm(args).run()


class Farm:
    """Keeps some worker processes at work, each on the next missing shard.

    Args:
        args: of the command line.
        worker: command that renders a shard, before its arguments.
    """

    def __init__(self, args: argparse.Namespace, worker: tuple[str, ...] = ("-m", "photoreal.worker")) -> None:
        self._out, self._seed, self._size, self._samples = args.out, args.seed, args.size, args.samples
        self._workers, self._worker = args.workers, [sys.executable, *worker]
        self._shards = None if args.flats is None else -(-args.flats // FLATS_PER_SHARD)
        self._at_work: dict[int, subprocess.Popen] = {}
        self._failed: set[int] = set()
        self._began_s, self._made = time.monotonic(), 0
        self._facts = {
            "generator": "photoreal", "version": VERSION, "seed": args.seed, "size": args.size,
            "samples": args.samples, "flats_per_shard": FLATS_PER_SHARD, "views_per_flat": VIEWS_PER_FLAT,
        }  # fmt: skip

    def run(self) -> int:
        """Until all is there, or Ctrl-C; 1 where a shard failed."""
        self._check_folder()
        print(f"{self._out}: {save_manifest(self._out, self._facts)['frames']} frames there", flush=True)
        try:
            while self._start() or self._at_work:
                time.sleep(0.5)
                self._collect()
        except KeyboardInterrupt:
            print("stopped; the same command goes on", flush=True)
        finally:
            for process in self._at_work.values():
                process.kill()
                process.wait()
            self._clean_up()
            save_manifest(self._out, self._facts)
        return 1 if self._failed else 0

    def _check_folder(self) -> None:
        """A folder is of one seed and size; what a killed process left half done goes."""
        path = self._out / MANIFEST
        before: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        for name in ("seed", "size"):
            if before.get(name, self._facts[name]) != self._facts[name]:
                sys.exit(f"{self._out}: holds shards of {name} {before[name]}, not {self._facts[name]}; choose another")
        self._clean_up()

    def _clean_up(self) -> None:
        for path in self._out.glob(".shard-*"):
            path.unlink(missing_ok=True)
        for path in self._out.glob(".frames-*"):
            shutil.rmtree(path, ignore_errors=True)

    def _start(self) -> bool:
        """Give idle workers a shard; False where none is left."""
        while len(self._at_work) < self._workers:
            number = missing(self._out, self._failed | set(self._at_work), self._shards)
            if number is None:
                return False
            words = [self._out, number, self._seed, *self._size.split("x"), self._samples]
            with open(self._out / "worker.log", "ab") as log:
                self._at_work[number] = subprocess.Popen(
                    [*self._worker, *map(str, words)], stdout=subprocess.DEVNULL, stderr=log,
                    env={**os.environ, "OMP_NUM_THREADS": "1"}, start_new_session=True,
                )  # fmt: skip
        return True

    def _collect(self) -> None:
        """See which workers have ended, and say what they made."""
        for number, process in list(self._at_work.items()):
            if process.poll() is None:
                continue
            del self._at_work[number]
            if not shard_path(self._out, number).exists():
                self._failed.add(number)
                print(f"shard {number} failed ({process.returncode}); see {self._out / 'worker.log'}", flush=True)
                continue
            manifest = save_manifest(self._out, self._facts)
            made = next(row["frames"] for row in manifest["shards"] if row["number"] == number)
            self._made += made
            rate, clock = self._made / (time.monotonic() - self._began_s) * 3600, time.strftime("%H:%M:%S")
            print(f"{clock} shard {number}: {made} frames; {manifest['frames']} in all, {rate:.0f} an hour", flush=True)


if __name__ == "__main__":
    sys.exit(main())
