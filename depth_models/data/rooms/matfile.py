"""NYUv2's labelled .mat layout (MATLAB v7.3, which is HDF5), written frame by frame.

As h5py sees it, with MATLAB's column-major order: images (N, 3, W, H) uint8, depths and rawDepths (N, W, H) float32
metres (rawDepths 0 where the sensor saw nothing), accelData (4, N), and cell arrays of strings scenes, sceneTypes,
rawRgbFilenames, rawDepthFilenames. Beside NYUv2's own: intrinsics (N, 4) float64 fx, fy, cx, cy in pixels, and
poses (N, 4, 4) float64 camera-to-world.
"""

from __future__ import annotations

import errno
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from depth_models.data.rooms.camera import Frame

_CELLS = ("scenes", "sceneTypes", "rawRgbFilenames", "rawDepthFilenames")
_USERBLOCK = 512
_HEADER = b"MATLAB 7.3 MAT-file, Platform: depth_models rooms, HDF5 schema 1.00 .".ljust(116) + bytes(8) + b"\x00\x02IM"
_GZIP_LEVEL = 1


@dataclass(frozen=True)
class PackedFrame:
    """One frame as its chunks of the file; small enough to send between processes."""

    image: bytes
    depth: bytes
    raw_depth: bytes
    gravity: np.ndarray
    intrinsics: np.ndarray
    pose: np.ndarray
    strings: dict[str, str]


def pack(frame: Frame, scene: str, name: str) -> PackedFrame:
    """Compress a frame; `scene` is the room's name, such as `bedroom_0012`, `name` the frame's."""
    camera = frame.camera
    strings = dict(zip(_CELLS, (scene, frame.scene, f"{scene}/r-{name}.ppm", f"{scene}/d-{name}.pgm"), strict=True))
    return PackedFrame(
        zlib.compress(np.ascontiguousarray(frame.rgb.transpose(2, 1, 0)).tobytes(), _GZIP_LEVEL),
        _shuffled(frame.depth.T),
        _shuffled(frame.raw_depth.T),
        np.append(-frame.pose[2, :3], 0.0),
        np.array([camera.fx, camera.fy, camera.cx, camera.cy]),
        frame.pose,
        strings,
    )


def _shuffled(image: np.ndarray) -> bytes:
    """HDF5's shuffle filter, then gzip."""
    octets = np.ascontiguousarray(image, "<f4").view(np.uint8).reshape(-1, 4)
    return zlib.compress(octets.T.tobytes(), _GZIP_LEVEL)


class MatWriter:
    """Writes packed frames into a new file; use as a context manager, and rename the file when it is whole."""

    def __init__(self, path: Path, frames: int, size: tuple[int, int], attributes: dict[str, Any]) -> None:
        import h5py

        self._path = path
        self._file = h5py.File(path, "w", userblock_size=_USERBLOCK)
        self._file.attrs.update(attributes)
        height, width = size
        self._images = self._dataset("images", (frames, 3, width, height), "u1", "uint8")
        self._depths = self._dataset("depths", (frames, width, height), "<f4", "single")
        self._raw = self._dataset("rawDepths", (frames, width, height), "<f4", "single")
        self._accel = self._dataset("accelData", (4, frames), "<f8", "double")
        self._intrinsics = self._dataset("intrinsics", (frames, 4), "<f8", "double")
        self._poses = self._dataset("poses", (frames, 4, 4), "<f8", "double")
        self._cells = {name: self._dataset(name, (1, frames), h5py.ref_dtype, "cell") for name in _CELLS}
        self._refs = self._file.create_group("#refs#")
        self._known: dict[str, Any] = {}

    def _dataset(self, name: str, shape: tuple[int, ...], dtype: Any, matlab_class: str) -> Any:
        options: dict[str, Any] = {}
        if len(shape) > 2 and shape[1:] != (4, 4):
            options = {"chunks": (1, *shape[1:]), "compression": "gzip", "compression_opts": _GZIP_LEVEL}
            options["shuffle"] = dtype != "u1"
        dataset = self._file.create_dataset(name, shape, dtype, **options)
        dataset.attrs["MATLAB_class"] = np.bytes_(matlab_class)
        return dataset

    def write(self, index: int, frame: PackedFrame) -> None:
        """Write one frame at its place."""
        try:
            self._write(index, frame)
        except OSError as error:  # HDF5's message is a page of offsets and buffers
            raise OSError(error.errno, os.strerror(error.errno or 0), str(self._path)) from error

    def _write(self, index: int, frame: PackedFrame) -> None:
        self._images.id.write_direct_chunk((index, 0, 0, 0), frame.image)
        self._depths.id.write_direct_chunk((index, 0, 0), frame.depth)
        self._raw.id.write_direct_chunk((index, 0, 0), frame.raw_depth)
        self._accel[:, index] = frame.gravity
        self._intrinsics[index] = frame.intrinsics
        self._poses[index] = frame.pose
        for name, cell in self._cells.items():
            cell[0, index] = self._string(frame.strings[name])

    def _string(self, text: str) -> Any:
        """A reference to a MATLAB char array, (length, 1) uint16; equal strings share one."""
        if text not in self._known:
            codes = np.frombuffer(text.encode("utf-16-le"), "<u2").reshape(-1, 1)
            dataset = self._refs.create_dataset(f"s{len(self._known):06d}", data=codes)
            dataset.attrs["MATLAB_class"] = np.bytes_("char")
            dataset.attrs["MATLAB_int_decode"] = np.int32(2)
            self._known[text] = dataset.ref
        return self._known[text]

    def __enter__(self) -> MatWriter:
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self._file.close()
        except RuntimeError as failed:  # what h5py raises where the last buffers cannot be written
            if error[0] is None:
                raise OSError(errno.EIO, "its end cannot be written; is the disk full?", str(self._path)) from failed
        if error[0] is None:
            with open(self._path, "r+b") as file:
                file.write(_HEADER)
