"""What a measurement was made on, and the energy that it took where the machine tells."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from depth_models.checkpoint import bundled
from depth_models.store import sha256

PACKAGES = ("torch", "onnxruntime", "openvino", "numpy", "opencv-python-headless", "pillow")
RAPL = Path("/sys/class/powercap")
_X86 = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
_ARM = ("asimd", "asimddp", "bf16", "i8mm", "sve")


def facts() -> dict[str, Any]:
    """Of the machine and of the programs: figures of two different ones do not belong into one table."""
    lines = [line.partition(":") for line in Path("/proc/cpuinfo").read_text().splitlines()]
    info = {name.strip().lower(): value.strip() for name, _, value in reversed(lines)}
    flags = info.get("flags", info.get("features", "")).split()
    model = info.get("model name", platform.machine())
    if "cpu family" in info:  # a virtual machine's name may say little
        model += f" (family {info['cpu family']}, model {info['model']})"
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "instructions": [flag for flag in _X86 + _ARM if flag in flags],
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "gpu": gpu(),
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
    }


def gpu() -> str | None:
    """The first CUDA device's name; None where torch sees none."""
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else None


def weights() -> dict[str, str]:
    """The first digits of SHA-256 of the bundled weights, by name."""
    return {name: sha256(path)[:12] for name, path in bundled().items()}


def joules(folder: Path = RAPL) -> float | None:
    """What the CPU packages have used since some moment (Intel's and AMD's RAPL); None where that cannot be read.

    The counters begin anew after some minutes: a difference may be negative.
    """
    try:
        counters = [int((zone / "energy_uj").read_text()) for zone in folder.glob("*-rapl:?")]
    except OSError:  # root's alone
        return None
    return sum(counters) / 1e6 if counters else None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
