"""The SLAM benchmark's modules, which its command finds beside itself."""

import sys
from pathlib import Path
from types import SimpleNamespace

HERE = Path(__file__).resolve().parent.parent / "benchmarks" / "slam"


def modules():
    """For a fixture: all of them, while their folder is where Python looks."""
    sys.path.insert(0, str(HERE))
    try:
        import page
        import run
        import runs
        import sensors
        import variants
        import vocabulary

        yield SimpleNamespace(page=page, run=run, runs=runs, sensors=sensors, variants=variants, vocabulary=vocabulary)
    finally:
        sys.path.remove(str(HERE))
