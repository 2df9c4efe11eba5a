"""How fast rooms are rendered: frames a second on this machine, for the two usual sizes.

python benchmarks/rooms.py [WORKERS]
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from depth_models.data.rooms.generate import generate


def frames_per_second(size: tuple[int, int], frames: int, workers: int) -> tuple[float, float]:
    """Frames a second with start-up, and without it (counted from the first room on); and writes the file."""
    marks: list[tuple[float, int]] = []
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "rooms.mat"
        generate(out, frames, size, 0, workers, lambda done, *_: marks.append((time.perf_counter(), done)))
    # Patterns are drawn as rooms first need them, so the first quarter is the warm-up.
    (begin, before), (end, after) = marks[len(marks) // 4], marks[-1]
    return frames / (end - start), (after - before) / (end - begin)


def main() -> None:
    """Print one line a size."""
    workers = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    for size, frames in (((240, 320), 320), ((480, 640), 96)):
        with_start, steady = frames_per_second(size, frames, workers)
        speed = f"{steady:.1f} frames/s, {with_start:.1f} with start-up"
        print(f"{size[1]}x{size[0]}, {workers} processes, {frames} frames: {speed}")


if __name__ == "__main__":
    main()
