"""The benchmark's own virtual environment, outside the repository: ORB-SLAM3 and evo are under the GPL."""

from __future__ import annotations

import subprocess
import venv
from pathlib import Path

from depth_models.errors import DepthModelsError

REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def python_of(cache: Path) -> Path:
    """The environment's Python; the environment is made first where it is missing or has other packages.

    Raises:
        DepthModelsError: pip cannot install them.
    """
    folder = cache / "environment"
    python, stamp = folder / "bin" / "python", folder / "installed.txt"
    if stamp.is_file() and stamp.read_text() == REQUIREMENTS.read_text():
        return python
    venv.create(folder, clear=True, with_pip=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "-q", "-r", str(REQUIREMENTS)]
    done = subprocess.run(pip, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise DepthModelsError(
            f"pip cannot install {REQUIREMENTS}; pyorbslam3 has wheels for x86-64 Linux and Python 3.9 to 3.13, and "
            f"nothing else runs the benchmark. pip says: {done.stderr.strip()[-500:]}"
        )
    stamp.write_text(REQUIREMENTS.read_text())
    return python
