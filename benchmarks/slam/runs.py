"""One run of ORB-SLAM3 over one sequence with one depth, as a child process that may fail in any way."""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from depth_models.data.posed import PosedSequence
from depth_models.errors import DepthModelsError
from depth_models.files import written_whole

HERE = Path(__file__).parent
UNITS_PER_M = 5000
PERIOD_S = 0.08  # slower than the camera, so that ORB-SLAM3's mapping keeps up on a machine that does other things
FEWEST_TRACKED = 0.5  # of the frames; with less, the run counts as lost
LEAST_PATH_M = 0.1
SECONDS_TO_SCORE = 600.0  # it takes a few where the machine has nothing else to do
_ALIVE = ("OK", "RECENTLY_LOST")  # after any other state ORB-SLAM3 goes on in a new map
# How far ORB-SLAM3 trusts a depth against the parallax between frames: its own for the TUM benchmark. With more, the
# errors of a network's depth shake the pose of every frame. Farther points than `_FAR_M` are triangulated.
_BASELINE_PX, _FAR_M = 40.0, 2.0


@dataclass(frozen=True)
class Tools:
    """The environment's Python, and the vocabulary."""

    python: Path
    vocabulary: Path


def check(sequence: PosedSequence) -> None:
    """Refuse a sequence on which no run has an error that means anything.

    Raises:
        DepthModelsError: it has less than two frames with a pose, or the camera stays where it is.
    """
    places = np.array([frame.pose[:3, 3] for frame in sequence.frames if frame.pose is not None])
    if len(places) < 2:
        raise DepthModelsError(
            f"{sequence.name}: of its {len(sequence)} pictures {len(places)} have a pose within 20 ms in "
            "groundtruth.txt; two or more are needed to tell an error"
        )
    path_m = float(np.linalg.norm(np.diff(places, axis=0), axis=1).sum())
    if path_m < LEAST_PATH_M:
        raise DepthModelsError(
            f"{sequence.name}: the camera moves by {path_m:.3f} m in all, and errors are parts of its path; "
            f"{LEAST_PATH_M} m or more are needed"
        )


def settings(sequence: PosedSequence) -> str:
    """ORB-SLAM3's settings file for a sequence's camera."""
    camera = sequence.camera
    stamps = np.array([frame.stamp_s for frame in sequence.frames])
    baseline_m = _BASELINE_PX / camera.fx
    values = {
        "Camera.type": '"PinHole"',
        **{f"Camera1.{name}": float(getattr(camera, name)) for name in ("fx", "fy", "cx", "cy")},
        "Camera.width": camera.width,
        "Camera.height": camera.height,
        "Camera.fps": max(1, round(1 / float(np.median(np.diff(stamps))))),
        "Camera.RGB": 1,
        "Stereo.b": baseline_m,
        "Stereo.ThDepth": _FAR_M / baseline_m,
        "RGBD.DepthMapFactor": float(UNITS_PER_M),
        "ORBextractor.nFeatures": 1500,
        "ORBextractor.scaleFactor": 1.2,
        "ORBextractor.nLevels": 8,
        "ORBextractor.iniThFAST": 12,
        "ORBextractor.minThFAST": 5,
        # Of a window that is never opened; it will not start without them.
        **{f"Viewer.{name}": 1.0 for name in ("KeyFrameSize", "KeyFrameLineWidth", "GraphLineWidth", "PointSize")},
        **{f"Viewer.{name}": 1.0 for name in ("CameraSize", "CameraLineWidth")},
        **{f"Viewer.Viewpoint{axis}": 1.0 for axis in "XYZF"},
    }
    lines = ["%YAML:1.0", 'File.version: "1.0"', *(f"{name}: {value}" for name, value in values.items())]
    return "\n".join(lines) + "\n"


def write_depth(folder: Path, maps: Any) -> list[Path]:
    """16-bit images of depth maps in metres, 0 where invalid or beyond 13.1 m."""
    paths = []
    for number, metres in enumerate(maps):
        units = np.rint(np.nan_to_num(metres, nan=0.0, posinf=0.0, neginf=0.0) * UNITS_PER_M)
        units[(units < 0) | (units > np.iinfo(np.uint16).max)] = 0
        paths.append(folder / f"{number:06d}.png")
        Image.fromarray(units.astype(np.uint16)).save(paths[-1], compress_level=1)
    return paths


def longest_map(states: list[str]) -> slice:
    """The frames of the longest stretch that ORB-SLAM3 tracked in one map, by its state after each frame."""
    best, start = slice(0, 0), None
    for number, state in enumerate([*states, "END"]):
        if state in _ALIVE:
            start = number if start is None else start
        elif start is not None:
            if number - start > best.stop - best.start:
                best = slice(start, number)
            start = None
    return best


def run(
    tools: Tools, sequence: PosedSequence, reference: Path, depths: list[Path] | None, seconds: float
) -> dict[str, Any]:
    """One run.

    Returns:
        `tracked`, the share of frames that were tracked in one map; with at least half of them, also what score.py
        prints; with less, `lost`: why.
    """
    with tempfile.TemporaryDirectory(prefix="slam-") as name:
        folder = Path(name)
        (folder / "settings.yaml").write_text(settings(sequence))
        images = [None] * len(sequence) if depths is None else depths
        job = {
            "vocabulary": str(tools.vocabulary),
            "settings": str(folder / "settings.yaml"),
            "out": name,
            "period_s": PERIOD_S,
            "frames": [
                [frame.stamp_s, str(frame.picture), None if depth is None else str(depth)]
                for frame, depth in zip(sequence.frames, images, strict=True)
            ],
        }
        (folder / "job.json").write_text(json.dumps(job))
        if reason := _child(tools, folder, "track.py", [str(folder / "job.json")], seconds)[1]:
            return {"tracked": 0.0, "lost": reason}
        states = json.loads((folder / "states.json").read_text())
        stretch = longest_map(states)
        tracked = states[stretch].count("OK") / len(states)
        if tracked < FEWEST_TRACKED:
            return {"tracked": tracked, "lost": f"tracked {tracked:.0%} of the frames in one map"}
        stamps = [frame.stamp_s for frame in sequence.frames][stretch]
        keep_stamps(folder / "trajectory.txt", stamps[0], stamps[-1])
        printed, reason = _child(
            tools, folder, "score.py", [str(reference), str(folder / "trajectory.txt")], SECONDS_TO_SCORE
        )
        return {"tracked": tracked, **({"lost": reason} if reason else json.loads(printed))}


def keep_stamps(trajectory: Path, first: float, last: float) -> None:
    """Leave in a file of poses those from `first` to `last`, seconds."""
    lines = [
        line for line in trajectory.read_text().splitlines() if first - 1e-4 <= float(line.split()[0]) <= last + 1e-4
    ]
    trajectory.write_text("\n".join(lines) + "\n")


def _child(tools: Tools, folder: Path, program: str, arguments: list[str], seconds: float) -> tuple[str, str]:
    """What it printed, and why it failed, or ''."""
    command = [str(tools.python), str(HERE / program), *arguments]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return "", f"{program} hung: nothing after {seconds:.0f} s"
    if done.returncode:
        how = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
        return "", f"{program} ended with {how}: {(done.stderr.strip().splitlines() or ['no message'])[-1][-200:]}"
    return done.stdout, ""


def cached(path: Path, made_of: dict[str, Any]) -> dict[str, Any] | None:
    """A result that was stored, if it was made of the same."""
    if not path.is_file():
        return None
    stored = json.loads(path.read_text())
    return stored["result"] if stored["made_of"] == made_of else None


def store(path: Path, made_of: dict[str, Any], result: dict[str, Any]) -> None:
    """Keep a result with what it was made of."""
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps({"made_of": made_of, "result": result}))
