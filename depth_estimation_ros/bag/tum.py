"""Images and their depth as files in the TUM RGB-D benchmark's layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from depth_estimation_ros.conversions import MessageError
from depth_estimation_ros.pipeline import DepthFrame

UNITS_PER_M = 5000


class TumFolder:
    """rgb/T.png; depth/T.png, 16 bit, 5000 a metre, 0 where invalid or farther than 13.1 m; rgb.txt and depth.txt with
    a line `T file`; associations.txt with a line `T rgb-file T depth-file`, as ORB-SLAM reads it; and camera.yaml with
    the intrinsics of the first frame that has them. T is the image's own stamp in seconds, so that the trajectory that
    a SLAM makes of these files fits any other that was recorded with them.

    Args:
        folder: to be made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._times: dict[tuple[int, int], str] = {}  # by seconds and nanoseconds
        self._has_camera = False

    def __enter__(self) -> TumFolder:
        for name in ("rgb", "depth"):
            (self._folder / name).mkdir(parents=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        if kind is None:
            times = [time for _, time in sorted(self._times.items())]
            rgb, depth = ([f"{time} {name}/{time}.png" for time in times] for name in ("rgb", "depth"))
            self._write_list("rgb.txt", ["# timestamp filename", *rgb])
            self._write_list("depth.txt", ["# timestamp filename", *depth])
            self._write_list("associations.txt", [f"{a} {b}" for a, b in zip(rgb, depth, strict=True)])

    def _write_list(self, name: str, lines: list[str]) -> None:
        (self._folder / name).write_text("\n".join(lines) + "\n")

    def message(self, connection: Any, time_ns: int, data: bytes) -> None:
        """Recorded messages are not written."""

    def depth(self, frame: DepthFrame, time_ns: int) -> None:
        """Write one pair.

        Raises:
            MessageError: its stamp is that of an earlier image, and would overwrite it.
        """
        from PIL import Image

        stamp = frame.image.header.stamp
        time = f"{stamp.sec}.{stamp.nanosec:09d}"
        if (stamp.sec, stamp.nanosec) in self._times:
            raise MessageError(f"an image with the stamp of an earlier one, {time}; the camera driver must set stamps")
        units = np.rint(np.where(np.isfinite(frame.depth), frame.depth, 0) * UNITS_PER_M)
        depth = np.where(units <= np.iinfo(np.uint16).max, units, 0).astype(np.uint16)
        Image.fromarray(frame.rgb).save(self._folder / "rgb" / f"{time}.png", compress_level=1)
        Image.fromarray(depth).save(self._folder / "depth" / f"{time}.png", compress_level=1)
        self._times[stamp.sec, stamp.nanosec] = time
        if frame.camera_info is not None and not self._has_camera:
            self._write_camera(frame.camera_info)
            self._has_camera = True

    def _write_camera(self, info: Any) -> None:
        import yaml

        fx, _, cx, _, fy, cy = (float(value) for value in info.k[:6])
        camera = {"fx": fx, "fy": fy, "cx": cx, "cy": cy, "width": int(info.width), "height": int(info.height)}
        lens = {"distortion_model": str(info.distortion_model), "d": [float(value) for value in info.d]}
        (self._folder / "camera.yaml").write_text(
            yaml.safe_dump({**camera, **lens, "depth_units_per_m": UNITS_PER_M}, sort_keys=False)
        )
