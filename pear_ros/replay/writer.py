"""Bags that are complete or absent: one .mcap file that rosbags, mcap, Foxglove and `ros2 bag`
read.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from pear_ros import __version__
from pear_ros.messages import codec
from pear_ros.output.atomic import atomic_path
from pear_ros.problems import PearError
from pear_ros.replay import qos
from pear_ros.replay.mcap_writer import McapWriter
from pear_ros.replay.storage import Topic

METADATA_VERSION = 8
"""Version of rosbag2's metadata whose QoS profiles are numbers."""


@dataclass(frozen=True)
class Connection:
    """A topic that a writer knows."""

    id: int
    topic: Topic


class BagWriter:
    """Writes one .mcap file; use it in a `with` statement.

    The file appears under its name when the block ends well; otherwise nothing is left behind and
    what was there stays. The same topics and messages give the same bytes. Raises: PearError where
    the path does not end in .mcap or cannot be written.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        if self.path.suffix != ".mcap":
            raise PearError(
                "cannot write this kind of bag", where=str(path), expected="a name ending in .mcap"
            )
        self._stack = ExitStack()
        self._connections: dict[str, Connection] = {}
        self._schemas: dict[tuple[str, str], int] = {}
        self._counts: dict[str, int] = {}
        self._start, self._end = (1 << 63) - 1, 0

    def __enter__(self) -> BagWriter:
        part = self._stack.enter_context(atomic_path(self.path))
        try:
            file = self._stack.enter_context(part.open("wb", buffering=1 << 20))
        except OSError as error:
            self._stack.close()
            raise PearError("cannot write", where=str(self.path), found=str(error)) from None
        self._writer = McapWriter(file, f"pear {__version__}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        if kind is None:
            try:
                self._writer.finish({"rosbag2": {"serialized_metadata": self._metadata()}})
            except BaseException as failure:
                self._stack.__exit__(type(failure), failure, failure.__traceback__)
                raise
        return self._stack.__exit__(kind, error, trace)

    def add_topic(self, name: str, type_name: str, *, latched: bool = False) -> Connection:
        """A topic of a known message type; the same again returns the same."""
        definition = codec.definition(type_name)
        profile = qos.LATCHED if latched else qos.DEFAULT
        topic = Topic(
            name, type_name, definition.text, definition.encoding, definition.digest, profile
        )
        return self.copy_topic(topic)

    def copy_topic(self, topic: Topic) -> Connection:
        """A topic of another bag, with its definition, type hash and QoS as they are there.

        Raises: PearError where a topic of that name is already there with another type.
        """
        known = self._connections.get(topic.name)
        if known is not None:
            if known.topic.type != topic.type:
                raise PearError(f"two types on topic {topic.name}", where=str(self.path),
                                expected=known.topic.type, found=topic.type)  # fmt: skip
            return known
        definition, encoding, digest = topic.definition, topic.encoding, topic.digest
        if topic.type in codec.typestore().fielddefs and not (definition and digest):
            standard = codec.definition(topic.type)
            if not definition:
                definition, encoding = standard.text, standard.encoding
            digest = digest or standard.digest
        schema = (topic.type, definition)
        if schema not in self._schemas:
            encoding = encoding if definition else ""
            self._schemas[schema] = self._writer.add_schema(topic.type, encoding, definition)
        profiles = qos.numbered(topic.qos)
        metadata = {"offered_qos_profiles": profiles, "topic_type_hash": digest}
        number = self._writer.add_channel(
            topic.name, self._schemas[schema], topic.serialization, metadata
        )
        complete = Topic(topic.name, topic.type, definition, encoding, digest, profiles)
        connection = Connection(number, complete)
        self._connections[topic.name] = connection
        self._counts[topic.name] = 0
        return connection

    def write(self, connection: Connection, stamp: int, data: bytes | memoryview) -> None:
        """One message: log time in nanoseconds, CDR bytes. The bytes are kept until they are
        written.
        """
        self._writer.write(connection.id, stamp, data)
        self._counts[connection.topic.name] += 1
        self._start, self._end = min(self._start, stamp), max(self._end, stamp)

    @property
    def counts(self) -> dict[str, int]:
        """Messages written so far, by topic."""
        return dict(self._counts)

    def _metadata(self) -> str:
        """rosbag2's metadata of this one file (JSON is YAML)."""
        total = sum(self._counts.values())
        topics = [
            {
                "topic_metadata": {
                    "name": name,
                    "type": connection.topic.type,
                    "serialization_format": connection.topic.serialization,
                    "offered_qos_profiles": connection.topic.qos,
                    "type_description_hash": connection.topic.digest,
                },
                "message_count": self._counts[name],
            }
            for name, connection in self._connections.items()
        ]
        content = {
            "version": METADATA_VERSION,
            "storage_identifier": "mcap",
            "starting_time": {"nanoseconds_since_epoch": self._start if total else 0},
            "duration": {"nanoseconds": self._end - self._start if total else 0},
            "message_count": total,
            "topics_with_message_count": topics,
            "compression_format": "",
            "compression_mode": "",
            # rosbag2 knows the file by its name; without it here, a renamed bag stays right.
            "relative_file_paths": [],
            "files": [],
            "custom_data": {},
            "ros_distro": "jazzy",
        }
        return json.dumps(content, indent=1)
