"""A rosbag2 to read, and which of its topics are the camera's."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from depth_estimation_ros.conversions import MessageError, image_to_rgb
from depth_models.errors import DepthModelsError

IMAGES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
_REPAIR = "`ros2 bag reindex` mends a folder that lacks its metadata.yaml, `mcap recover` a file that was cut off"


@dataclass(frozen=True)
class Topics:
    """Which topics of a bag to use; None leaves the choice to what the bag holds.

    Attributes:
        image: the camera's; by default the first whose first message is a colour image.
        camera_info: by default `camera_info` in the image's namespace, if it is there.
        copied: those that go into the new bag; by default all.
    """

    image: str | None = None
    camera_info: str | None = None
    copied: Collection[str] | None = None


class Recording:
    """An open bag.

    Args:
        path: for messages.
        reader: rosbags' own, open.
        topics: what was asked for.

    Attributes:
        reader: as given.
        image, camera_info: topics; the second is None where there is none.
        copied: topics.

    Raises:
        DepthModelsError: the bag has no such topic.
    """

    def __init__(self, path: Path, reader: Any, topics: Topics) -> None:
        from rosbags.typesys import Stores, get_typestore

        self.reader, self._path = reader, path
        self._types = get_typestore(Stores.ROS2_HUMBLE)  # the camera's types are the same in every distribution
        self.image = self._named(topics.image, IMAGES) if topics.image else self._first_colour_topic()
        beside = self.image.removesuffix("/compressed").rpartition("/")[0] + "/camera_info"
        self.camera_info: str | None = beside if beside in self._topics((CAMERA_INFO,)) else None
        if topics.camera_info:
            self.camera_info = self._named(topics.camera_info, (CAMERA_INFO,))
        self.copied = self._present(topics.copied)

    @classmethod
    @contextmanager
    def opened(cls, path: Path, topics: Topics) -> Iterator[Recording]:
        """Open a rosbag2: its folder, or its .mcap or .db3 file.

        Raises:
            DepthModelsError: it cannot be read, or has no such topic.
        """
        from rosbags.rosbag2 import Reader

        if not path.exists():
            raise DepthModelsError(f"{path}: no such bag; expected a rosbag2's folder, or its .mcap or .db3 file")
        with _readable(path):
            reader = Reader(path)
            reader.open()
        try:
            with _readable(path):
                recording = cls(path, reader, topics)
            yield recording
        finally:
            reader.close()

    def _topics(self, types: Collection[str]) -> list[str]:
        return sorted({c.topic for c in self.reader.connections if c.msgtype in types})

    def _named(self, topic: str, types: Collection[str]) -> str:
        if topic in (found := self._topics(types)):
            return topic
        raise DepthModelsError(
            f"{self._path}: no topic {topic!r} of type {' or '.join(types)}; it has {', '.join(found) or 'none'}"
        )

    def _first_colour_topic(self) -> str:
        """Depth images are of the same type, so the first message decides."""
        reasons = []
        for connection in self.reader.connections:
            if connection.msgtype not in IMAGES:
                continue
            for _, _, data in self.reader.messages([connection]):
                try:
                    image_to_rgb(self.message(connection, data))
                    return connection.topic
                except MessageError as error:
                    reasons.append(f"{connection.topic}: {error}")
                    break
        found = "; ".join(reasons) or f"its topics are {', '.join(sorted(self.reader.topics)) or 'none'}"
        raise DepthModelsError(f"{self._path}: no colour image topic in this bag ({found})")

    def _present(self, topics: Collection[str] | None) -> list[str]:
        there = sorted(self.reader.topics)
        if absent := sorted(set(topics or ()) - set(there)):
            raise DepthModelsError(f"{self._path}: no topic {', '.join(absent)} in this bag; it has {', '.join(there)}")
        return there if topics is None else sorted(topics)

    def message(self, connection: Any, data: bytes) -> Any:
        """Deserialise.

        Raises:
            MessageError: the data are not of the connection's type.
        """
        try:
            return self._types.deserialize_cdr(data, connection.msgtype)
        except Exception as error:  # numpy's, struct's and the library's own
            raise MessageError(f"a message that is no {connection.msgtype}; was it damaged?") from error

    def messages(self, topics: Collection[str | None]) -> Iterator[tuple[Any, int, bytes]]:
        """(connection, time of recording in nanoseconds, data) of every message of these topics, in order of time.

        Raises:
            DepthModelsError: the bag cannot be read whole.
        """
        wanted = [c for c in self.reader.connections if c.topic in topics]
        stream, count = iter(self.reader.messages(wanted)), 0
        while True:
            with _readable(self._path):
                item = next(stream, None)
            if item is None:
                break
            yield item
            count += 1
        if count != (promised := sum(c.msgcount for c in wanted)):
            raise DepthModelsError(
                f"{self._path}: {promised} messages are promised and {count} can be read; is it damaged? {_REPAIR}"
            )

    def count(self, topic: str) -> int:
        """How many messages a topic has."""
        return sum(c.msgcount for c in self.reader.connections if c.topic == topic)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except DepthModelsError:
        raise
    except ModuleNotFoundError:  # rosbags itself is not installed
        raise
    except Exception as error:  # the library lets through whatever YAML, SQLite, zstd and mcap raise
        raise DepthModelsError(
            f"{path}: cannot be read as a rosbag2 ({type(error).__name__}: {error}); is it damaged? {_REPAIR}"
        ) from error
