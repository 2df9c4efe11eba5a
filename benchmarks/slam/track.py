"""Runs ORB-SLAM3 over one list of frames; a program of its own, started by runs.py in the benchmark's environment.

python track.py JOB.json

JOB.json: `vocabulary` and `settings`, files; `frames`, a list of [seconds, picture, 16-bit depth image or null], where
null throughout means monocular; `period_s`, the least time between two frames; `out`, a folder that is there. Written
into it: `trajectory.txt`, in TUM's layout, as ORB-SLAM3 leaves it once all frames are in; and `states.json`, the name
of ORB-SLAM3's state after each frame.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import pyorbslam3
from PIL import Image


def main() -> None:
    """Track, write the states, then the trajectory."""
    job = json.loads(Path(sys.argv[1]).read_text())
    out, frames = Path(job["out"]), job["frames"]
    depth = any(depth for _, _, depth in frames)
    sensor = pyorbslam3.Sensor.RGBD if depth else pyorbslam3.Sensor.MONOCULAR
    slam = pyorbslam3.Slam(job["vocabulary"], job["settings"], sensor)
    states = []
    for stamp, picture, depth_image in frames:
        begin = time.monotonic()
        rgb = np.asarray(Image.open(picture).convert("RGB"))
        if depth:
            result = slam.track_rgbd(rgb, np.asarray(Image.open(depth_image), np.float32), stamp)
        else:
            result = slam.track_monocular(rgb, stamp)
        states.append(result.state.name)
        # ORB-SLAM3 maps in a thread beside tracking, which must get the time that a camera would leave it.
        time.sleep(max(0.0, job["period_s"] - (time.monotonic() - begin)))
    (out / "states.json").write_text(json.dumps(states))
    slam.shutdown()
    if depth:
        slam.save_trajectory_tum(str(out / "trajectory.txt"))
    else:  # all poses of a monocular camera are not saved, only those of its keyframes
        slam.save_keyframe_trajectory_tum(str(out / "trajectory.txt"))


if __name__ == "__main__":
    main()
