"""A new rosbag2 with the messages of an old one and depth beside them."""

from __future__ import annotations

import copy
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from depth_estimation_ros.pipeline import DepthFrame
from depth_models.errors import DepthModelsError

DEPTH_IMAGE, DEPTH_INFO = "/depth/image", "/depth/camera_info"
_IMAGE, _INFO = "sensor_msgs/msg/Image", "sensor_msgs/msg/CameraInfo"
_NO_HASH = "RIHS01_" + 64 * "0"  # of a type whose definition nobody knows


class BagCopy:
    """Writes the new bag; it has a metadata.yaml, and so is a bag, only once the block has ended well.

    Args:
        folder: to be made.
        reader: the old bag, open; its storage and compression are those of the new one.
        topics: whose messages will come.

    Raises:
        DepthModelsError: depth is among these topics, or a type's definition is needed and unknown.
    """

    def __init__(self, folder: Path, reader: Any, topics: Collection[str]) -> None:
        from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
        from rosbags.typesys import Stores, get_typestore

        if there := sorted({DEPTH_IMAGE, DEPTH_INFO} & set(topics)):
            raise DepthModelsError(
                f"{reader.path}: has {', '.join(there)} already; name the topics to copy without these (--topics)"
            )
        self._types = get_typestore(Stores.ROS2_HUMBLE)
        self._is_mcap = any(".mcap" in path.name for path in _files(reader.path))
        plugin = StoragePlugin.MCAP if self._is_mcap else StoragePlugin.SQLITE3
        self._writer = Writer(folder, version=9, storage_plugin=plugin)
        if reader.compression_mode:
            self._writer.set_compression(CompressionMode[reader.compression_mode.upper()], CompressionFormat.ZSTD)
        self._recorded = [c for c in reader.connections if c.topic in topics]
        self._copies: dict[int, Any] = {}  # by the id of the recorded one

    def __enter__(self) -> BagCopy:
        self._writer.open()
        try:
            for connection in self._recorded:
                self._copies[connection.id] = self._added(connection)
            self._image = self._writer.add_connection(DEPTH_IMAGE, _IMAGE, typestore=self._types)
            self._info = self._writer.add_connection(DEPTH_INFO, _INFO, typestore=self._types)
        except BaseException:
            self._writer.abort()
            raise
        return self

    def __exit__(self, *exception: Any) -> None:
        self._writer.__exit__(*exception)

    def _added(self, recorded: Any) -> Any:
        """The new bag's connection for an old one. Several publishers of a topic may have had one each, all alike."""
        for own in self._writer.connections:
            if (own.topic, own.msgtype, own.ext) == (recorded.topic, recorded.msgtype, recorded.ext):
                return own
        return self._writer.add_connection(
            recorded.topic,
            recorded.msgtype,
            serialization_format=recorded.ext.serialization_format,
            offered_qos_profiles=recorded.ext.offered_qos_profiles,
            **self._definition(recorded),
        )

    def _definition(self, recorded: Any) -> dict[str, Any]:
        """What says how messages of a type are laid out: as recorded, or for a common type as everybody knows it."""
        from rosbags.interfaces import MessageDefinitionFormat
        from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore

        kind, text = recorded.msgdef
        if kind == MessageDefinitionFormat.NONE:
            if recorded.msgtype in self._types.types:
                return {"typestore": self._types}
            if self._is_mcap:
                raise DepthModelsError(
                    f"{recorded.topic}: the bag has no definition of {recorded.msgtype}, without which mcap cannot "
                    "store it; name the topics to copy without this one (--topics)"
                )
            self._writer.added_types.add(recorded.msgtype)  # sqlite3 may do without, as the old bag did
            return {"msgdef": "", "rihs01": recorded.digest or _NO_HASH}
        if recorded.digest:
            return {"msgdef": text, "rihs01": recorded.digest}
        store = get_typestore(Stores.EMPTY)
        is_message = kind == MessageDefinitionFormat.MSG
        store.register(get_types_from_msg(text, recorded.msgtype) if is_message else get_types_from_idl(text))
        return {"msgdef": text, "rihs01": store.hash_rihs01(recorded.msgtype)}

    def message(self, connection: Any, time_ns: int, data: bytes) -> None:
        """Write a recorded message as it is."""
        self._writer.write(self._copies[connection.id], time_ns, data)

    def depth(self, frame: DepthFrame, time_ns: int) -> None:
        """Write a frame's depth, and camera_info if there is one, with its image's header and time."""
        pixels = np.ascontiguousarray(frame.depth)
        image = self._types.types[_IMAGE](
            header=frame.image.header, height=len(pixels), width=pixels.shape[1], encoding=frame.encoding,
            is_bigendian=0, step=pixels.strides[0], data=pixels.view(np.uint8).ravel(),
        )  # fmt: skip
        self._write(self._image, time_ns, image)
        if frame.camera_info is not None:
            info = copy.copy(frame.camera_info)
            info.header = frame.image.header
            self._write(self._info, time_ns, info)

    def _write(self, connection: Any, time_ns: int, message: Any) -> None:
        self._writer.write(connection, time_ns, self._types.serialize_cdr(message, connection.msgtype))


def _files(path: Path) -> list[Path]:
    return list(path.iterdir()) if path.is_dir() else [path]
