"""MCAP files as rosbag2 writes them: chunks with checksums, an index, and nothing that depends on
the clock.
"""

from __future__ import annotations

import struct
import zlib
from collections import defaultdict
from typing import BinaryIO

from pear_ros.replay import mcap_records as mcap

CHUNK_SIZE = 1 << 20
"""Bytes after which a chunk is closed; a message is never split."""
NEVER = (1 << 63) - 1


class McapWriter:
    """Writes records to an open binary file; `finish` completes it.

    Chunks are not compressed: pictures and meshes gain little and the time is the robot's.
    """

    def __init__(self, file: BinaryIO, library: str) -> None:
        self._file = file
        self._at = 0
        self._schemas: list[mcap.Schema] = []
        self._channels: list[mcap.Channel] = []
        self._counts: dict[int, int] = {}
        self._chunk: list[bytes | memoryview] = []
        self._index: dict[int, list[tuple[int, int]]] = defaultdict(list)
        self._chunk_size = 0
        self._first, self._last = NEVER, 0
        self._chunk_indexes: list[bytes] = []
        self._put(mcap.MAGIC, mcap.record(mcap.HEADER, mcap.text("ros2"), mcap.text(library)))
        self._start, self._end = NEVER, 0

    def add_schema(self, name: str, encoding: str, text: str) -> int:
        """A message definition; returns its id."""
        schema = mcap.Schema(len(self._schemas) + 1, name, encoding, text.encode("utf-8"))
        self._schemas.append(schema)
        self._append(mcap.pack_schema(schema))
        return schema.id

    def add_channel(
        self, topic: str, schema_id: int, encoding: str, metadata: dict[str, str]
    ) -> int:
        """A topic; returns its id."""
        channel = mcap.Channel(len(self._channels), schema_id, topic, encoding, metadata)
        self._channels.append(channel)
        self._counts[channel.id] = 0
        self._append(mcap.pack_channel(channel))
        return channel.id

    def write(self, channel_id: int, log_time: int, data: bytes | memoryview) -> None:
        """One message; publish time is the log time. data is kept until its chunk is closed."""
        self._index[channel_id].append((log_time, self._chunk_size))
        sequence = self._counts[channel_id]
        self._counts[channel_id] += 1
        size = mcap.MESSAGE_HEAD.size + len(data)
        head = mcap.MESSAGE_HEAD.pack(channel_id, sequence, log_time, log_time)
        self._append(mcap.RECORD_HEAD.pack(mcap.MESSAGE, size) + head)
        self._append(data)
        self._first, self._last = min(self._first, log_time), max(self._last, log_time)
        if self._chunk_size >= CHUNK_SIZE:
            self._close_chunk()

    def finish(self, metadata: dict[str, dict[str, str]]) -> None:
        """Close the last chunk and write metadata records (name -> entries), index and footer."""
        if self._chunk:
            self._close_chunk()
        indexes: list[bytes] = []
        for name, entries in metadata.items():
            record = mcap.record(mcap.METADATA, mcap.text(name), mcap.mapping(entries))
            head = struct.pack("<QQ", self._at, len(record))
            indexes.append(mcap.record(mcap.METADATA_INDEX, head, mcap.text(name)))
            self._put(record)
        self._put(mcap.record(mcap.DATA_END, bytes(4)))
        self._write_summary(indexes)

    def _write_summary(self, metadata_indexes: list[bytes]) -> None:
        start = self._at
        groups = (
            (mcap.SCHEMA, [mcap.pack_schema(s) for s in self._schemas]),
            (mcap.CHANNEL, [mcap.pack_channel(c) for c in self._channels]),
            (mcap.STATISTICS, [self._statistics(len(metadata_indexes))]),
            (mcap.CHUNK_INDEX, self._chunk_indexes),
            (mcap.METADATA_INDEX, metadata_indexes),
        )
        offsets: list[bytes] = []
        summary: list[bytes] = []
        at = start
        for opcode, group in groups:
            size = sum(map(len, group))
            if size:
                offsets.append(
                    mcap.record(mcap.SUMMARY_OFFSET, struct.pack("<BQQ", opcode, at, size))
                )
                summary += group
                at += size
        summary += offsets
        # The footer's checksum covers the summary and the footer up to the checksum.
        footer = mcap.RECORD_HEAD.pack(mcap.FOOTER, 20) + struct.pack("<QQ", start, at)
        crc = zlib.crc32(b"".join([*summary, footer]))
        self._put(*summary, footer, struct.pack("<I", crc), mcap.MAGIC)

    def _statistics(self, metadata_count: int) -> bytes:
        total = sum(self._counts.values())
        counts = b"".join(struct.pack("<HQ", *item) for item in self._counts.items())
        numbers = struct.pack(
            "<QHIIIIQQ",
            total,
            len(self._schemas),
            len(self._channels),
            0,
            metadata_count,
            len(self._chunk_indexes),
            self._start if total else 0,
            self._end,
        )
        return mcap.record(mcap.STATISTICS, numbers, mcap.octets(counts))

    def _close_chunk(self) -> None:
        """Write the pending records as a chunk, its message indexes behind it, and note both."""
        times = (0, 0) if self._first == NEVER else (self._first, self._last)
        crc = 0
        for part in self._chunk:
            crc = zlib.crc32(part, crc)
        head = mcap.CHUNK_HEAD.pack(*times, self._chunk_size, crc) + mcap.text("")
        head += struct.pack("<Q", self._chunk_size)
        start = self._at
        self._put(mcap.RECORD_HEAD.pack(mcap.CHUNK, len(head) + self._chunk_size), head)
        self._put(*self._chunk)
        length = self._at - start
        offsets = b""
        indexes = self._at
        for channel_id, entries in self._index.items():
            offsets += struct.pack("<HQ", channel_id, self._at)
            packed = b"".join(struct.pack("<QQ", *entry) for entry in entries)
            self._put(
                mcap.record(mcap.MESSAGE_INDEX, struct.pack("<H", channel_id), mcap.octets(packed))
            )
        self._chunk_indexes.append(
            mcap.record(
                mcap.CHUNK_INDEX,
                struct.pack("<QQQQ", *times, start, length),
                mcap.octets(offsets),
                struct.pack("<Q", self._at - indexes),
                mcap.text(""),
                struct.pack("<QQ", self._chunk_size, self._chunk_size),
            )
        )
        self._start, self._end = min(self._start, self._first), max(self._end, self._last)
        self._chunk, self._chunk_size = [], 0
        self._index.clear()
        self._first, self._last = NEVER, 0

    def _append(self, data: bytes | memoryview) -> None:
        self._chunk.append(data)
        self._chunk_size += len(data)

    def _put(self, *parts: bytes | memoryview) -> None:
        for part in parts:
            self._file.write(part)
            self._at += len(part)
