"""MCAP files to messages, with or without their index; what is damaged is reported and left out.

A complete file is read by its chunk index. A file that was cut off (no footer, half a chunk) is
walked record by record instead, and everything before the cut is still there.
"""

from __future__ import annotations

import heapq
import mmap
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pear_ros.problems import PearError
from pear_ros.replay import mcap_records as mcap
from pear_ros.replay.storage import RawMessage, Report, Topic

FOOTER_SIZE = mcap.RECORD_HEAD.size + 20


@dataclass(frozen=True)
class _Part:
    """Where a chunk (or a message outside chunks) lies in the file, and its first log time."""

    start_time: int
    offset: int
    size: int
    opcode: int = mcap.CHUNK


class McapReader:
    """An open MCAP file. Raises: PearError where it is none or holds no channel at all."""

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        self._schemas: dict[int, mcap.Schema] = {}
        self._channels: dict[int, mcap.Channel] = {}
        self._counts: dict[int, int] | None = None
        self._parts: list[_Part] = []
        self.damage = ""
        """Why the index was not used, empty for a complete file."""
        if path.stat().st_size < len(mcap.MAGIC):
            raise PearError("empty bag file", where=self.where)
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._view = memoryview(self._map)
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        if self._view[: len(mcap.MAGIC)] != mcap.MAGIC:
            found = bytes(self._view[:8]).hex(" ")
            raise PearError(
                "not an MCAP file", where=self.where, expected="MCAP magic", found=found
            )
        try:
            self._read_summary()
        except (mcap.BrokenRecord, ValueError) as error:
            self.damage = str(error)
        if self.damage or not self._channels:
            self._walk()
        if not self._channels:
            raise PearError(
                "no topic can be read", where=self.where, found=self.damage or "an empty bag"
            )

    @property
    def topics(self) -> list[Topic]:
        return [self._topic(channel) for channel in self._channels.values()]

    def _topic(self, channel: mcap.Channel) -> Topic:
        schema = self._schemas.get(channel.schema_id)
        return Topic(
            name=channel.topic,
            type=schema.name if schema else "",
            definition=schema.data.decode("utf-8", "replace") if schema else "",
            encoding=schema.encoding if schema else "",
            digest=channel.metadata.get("topic_type_hash", ""),
            qos=channel.metadata.get("offered_qos_profiles", ""),
            serialization=channel.message_encoding,
            count=None if self._counts is None else self._counts.get(channel.id, 0),
        )

    def messages(self, names: Collection[str], report: Report) -> Iterator[RawMessage]:
        """Messages of the named topics in order of log time, equal times in file order."""
        if self.damage:
            report("truncated", f"{self.damage}; what lies before is read")
        wanted = {c.id: self._topic(c) for c in self._channels.values() if c.topic in names}
        waiting: list[tuple[int, int, RawMessage]] = []
        order = 0
        for part in sorted(self._parts, key=lambda part: part.start_time):
            # Chunks may overlap in time, but nothing of this or a later one is older than its
            # start.
            while waiting and waiting[0][0] < part.start_time:
                yield heapq.heappop(waiting)[2]
            try:
                for message in self._part_messages(part, wanted):
                    heapq.heappush(waiting, (message.stamp, order, message))
                    order += 1
            except mcap.BrokenRecord as error:
                report("truncated", f"chunk at byte {part.offset}: {error}")
        while waiting:
            yield heapq.heappop(waiting)[2]

    def _part_messages(self, part: _Part, wanted: dict[int, Topic]) -> Iterator[RawMessage]:
        content = self._view[part.offset : part.offset + part.size]
        if part.opcode == mcap.MESSAGE:
            inner: Iterable[tuple[int, memoryview]] = [(mcap.MESSAGE, content)]
        else:
            inner = mcap.records(mcap.unpack_chunk(content))
        for opcode, data in inner:
            if opcode == mcap.MESSAGE:
                message = _message(data, wanted)
                if message is not None:
                    yield message

    def close(self) -> None:
        """Release the file; messages that are still held keep it mapped until they go."""
        self._view.release()
        # A BufferError means that somebody still holds a message; the map then goes with it.
        with suppress(BufferError):
            self._map.close()

    def _read_summary(self) -> None:
        end = len(self._view) - len(mcap.MAGIC)
        start = end - FOOTER_SIZE
        if start < len(mcap.MAGIC) or self._view[end:] != mcap.MAGIC:
            raise mcap.BrokenRecord("bag is cut off: it has no footer")
        opcode, size = mcap.RECORD_HEAD.unpack_from(self._view, start)
        if opcode != mcap.FOOTER or size != 20:
            raise mcap.BrokenRecord("bag has a broken footer")
        summary, _, _ = mcap.Cursor(self._view[start + mcap.RECORD_HEAD.size : end]).unpack("QQI")
        if not summary:
            return
        if not len(mcap.MAGIC) <= summary <= start:
            raise mcap.BrokenRecord("bag's index points outside the file")
        for opcode, data in mcap.records(self._view[summary:start]):
            if opcode == mcap.CHUNK_INDEX:
                self._index_chunk(data)
            elif opcode == mcap.STATISTICS:
                cursor = mcap.Cursor(data)
                cursor.unpack("QHIIIIQQ")
                pairs = mcap.Cursor(cursor.octets())
                count = len(pairs.data) // 10
                self._counts = dict(pairs.unpack("HQ") for _ in range(count))
            else:
                self._define(opcode, data)
        if not self._parts:
            # Messages outside chunks are in no index.
            self._channels.clear()

    def _index_chunk(self, data: memoryview) -> None:
        start_time, _, offset, length = mcap.Cursor(data).unpack("QQQQ")
        head = mcap.RECORD_HEAD.size
        if length < head or offset + length > len(self._view):
            raise mcap.BrokenRecord("bag's index points outside the file")
        self._parts.append(_Part(start_time, offset + head, length - head))

    def _define(self, opcode: int, data: memoryview) -> None:
        if opcode == mcap.SCHEMA:
            schema = mcap.parse_schema(data)
            self._schemas[schema.id] = schema
        elif opcode == mcap.CHANNEL:
            channel = mcap.parse_channel(data)
            self._channels[channel.id] = channel

    def _walk(self) -> None:
        """Find chunks, schemas and channels without an index, up to the first record that is cut
        off.
        """
        self._parts, self._counts = [], None
        at, end = len(mcap.MAGIC), len(self._view)
        while at + mcap.RECORD_HEAD.size <= end:
            opcode, size = mcap.RECORD_HEAD.unpack_from(self._view, at)
            start = at + mcap.RECORD_HEAD.size
            if opcode in (mcap.DATA_END, mcap.FOOTER):
                return
            if start + size > end:
                self.damage = self.damage or f"bag is cut off at byte {at}"
                if opcode != mcap.CHUNK:
                    return
            content = self._view[start : min(start + size, end)]
            # What is wrong inside is counted when the messages are read; here names are wanted.
            with suppress(mcap.BrokenRecord):
                self._walk_record(opcode, content, start)
            at = start + size

    def _walk_record(self, opcode: int, content: memoryview, start: int) -> None:
        if opcode == mcap.CHUNK:
            first, *_ = mcap.Cursor(content).unpack("QQQI")
            self._parts.append(_Part(first, start, len(content)))
            for inner, data in mcap.records(mcap.unpack_chunk(content)):
                self._define(inner, data)
        elif opcode == mcap.MESSAGE:
            _, _, stamp, _ = mcap.Cursor(content).unpack("HIQQ")
            self._parts.append(_Part(stamp, start, len(content), mcap.MESSAGE))
        else:
            self._define(opcode, content)


def _message(data: memoryview, wanted: dict[int, Topic]) -> RawMessage | None:
    if len(data) < mcap.MESSAGE_HEAD.size:
        raise mcap.BrokenRecord("message record is cut off")
    number, _, stamp, _ = mcap.MESSAGE_HEAD.unpack_from(data)
    topic = wanted.get(number)
    return None if topic is None else RawMessage(topic, stamp, data[mcap.MESSAGE_HEAD.size :])
