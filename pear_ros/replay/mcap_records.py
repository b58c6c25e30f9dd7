"""Records of the MCAP container: opcodes, packing, parsing and chunk compression.

Source: the MCAP specification (mcap.dev/spec), version 0. Numbers are little-endian; a string is
its length (uint32) and UTF-8 bytes; a record is an opcode, its length (uint64) and its content.
"""

from __future__ import annotations

import struct
import sys
import zlib
from dataclasses import dataclass
from typing import Any

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAGIC = b"\x89MCAP0\r\n"

HEADER, FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
MESSAGE_INDEX, CHUNK_INDEX, STATISTICS = 0x07, 0x08, 0x0B
METADATA, METADATA_INDEX, SUMMARY_OFFSET, DATA_END = 0x0C, 0x0D, 0x0E, 0x0F

RECORD_HEAD = struct.Struct("<BQ")
MESSAGE_HEAD = struct.Struct("<HIQQ")
"""Channel id, sequence, log time, publish time; the payload follows."""
CHUNK_HEAD = struct.Struct("<QQQI")
"""First and last log time, uncompressed size and CRC; compression, its length and the records
follow.
"""


class BrokenRecord(ValueError):
    """A record that ends early or says something impossible."""


@dataclass(frozen=True)
class Schema:
    """A message definition: name, encoding ("ros2msg", "ros2idl") and text."""

    id: int
    name: str
    encoding: str
    data: bytes


@dataclass(frozen=True)
class Channel:
    """A topic: which schema it has and how its messages are encoded."""

    id: int
    schema_id: int
    topic: str
    message_encoding: str
    metadata: dict[str, str]


class Cursor:
    """Reads the content of one record field by field."""

    def __init__(self, data: memoryview) -> None:
        self.data, self.at = data, 0

    def unpack(self, form: str) -> tuple[Any, ...]:
        size = struct.calcsize("<" + form)
        return struct.unpack("<" + form, self.take(size))

    def take(self, size: int) -> memoryview:
        part = self.data[self.at : self.at + size]
        if len(part) != size:
            raise BrokenRecord(f"record ends {size - len(part)} bytes early")
        self.at += size
        return part

    def octets(self) -> memoryview:
        return self.take(self.unpack("I")[0])

    def text(self) -> str:
        return str(self.octets(), "utf-8", "replace")

    def mapping(self) -> dict[str, str]:
        inner = Cursor(self.octets())
        entries: dict[str, str] = {}
        while inner.at < len(inner.data):
            key = inner.text()
            entries[key] = inner.text()
        return entries


def parse_schema(data: memoryview) -> Schema:
    cursor = Cursor(data)
    (number,) = cursor.unpack("H")
    return Schema(number, cursor.text(), cursor.text(), bytes(cursor.octets()))


def parse_channel(data: memoryview) -> Channel:
    cursor = Cursor(data)
    number, schema_id = cursor.unpack("HH")
    return Channel(number, schema_id, cursor.text(), cursor.text(), cursor.mapping())


def unpack_chunk(data: memoryview) -> memoryview:
    """The records inside a chunk, decompressed and checked against size and CRC.

    Of an uncompressed chunk that is cut off the part that is there, so that `records` finds the
    cut. Raises: BrokenRecord where the chunk is damaged or its compression unknown.
    """
    cursor = Cursor(data)
    _, _, size, crc = cursor.unpack("QQQI")
    compression = cursor.text()
    (packed_size,) = cursor.unpack("Q")
    if not compression and cursor.at + packed_size > len(data):
        return data[cursor.at :]
    packed = cursor.take(packed_size)
    records = _decompress(packed, compression, size)
    if len(records) != size:
        raise BrokenRecord(f"chunk holds {len(records)} bytes instead of {size}")
    if crc and zlib.crc32(records) != crc:
        raise BrokenRecord("chunk checksum is wrong")
    return records


def _decompress(packed: memoryview, compression: str, size: int) -> memoryview:
    if not compression:
        return packed
    try:
        if compression == "zstd":
            decompressor = zstd.ZstdDecompressor()
            # Bounded by the size the chunk claims, so that a small file cannot fill the memory.
            return memoryview(decompressor.decompress(packed, max_length=size + 1))
        if compression == "lz4":
            import lz4.frame  # type: ignore[import-untyped]

            return memoryview(lz4.frame.LZ4FrameDecompressor().decompress(packed, size + 1))
    except (zstd.ZstdError, RuntimeError, EOFError, MemoryError, OverflowError) as error:
        raise BrokenRecord(f"chunk cannot be decompressed: {error}") from None
    raise BrokenRecord(f"unknown chunk compression {compression[:20]!r}")


def records(data: memoryview) -> Any:
    """Opcode and content of each record in a chunk. Raises: BrokenRecord at one that ends early."""
    at, end = 0, len(data)
    while at < end:
        if at + RECORD_HEAD.size > end:
            raise BrokenRecord("record head is cut off")
        opcode, size = RECORD_HEAD.unpack_from(data, at)
        at += RECORD_HEAD.size
        if at + size > end:
            raise BrokenRecord("record is cut off")
        yield opcode, data[at : at + size]
        at += size


def text(value: str) -> bytes:
    """A packed string."""
    return octets(value.encode("utf-8"))


def octets(data: bytes) -> bytes:
    """Packed bytes with their length."""
    return struct.pack("<I", len(data)) + data


def mapping(entries: dict[str, str]) -> bytes:
    """A packed map of strings."""
    return octets(b"".join(text(key) + text(value) for key, value in entries.items()))


def record(opcode: int, *parts: bytes) -> bytes:
    """A whole record."""
    content = b"".join(parts)
    return RECORD_HEAD.pack(opcode, len(content)) + content


def pack_schema(schema: Schema) -> bytes:
    return record(
        SCHEMA,
        struct.pack("<H", schema.id),
        text(schema.name),
        text(schema.encoding),
        octets(schema.data),
    )


def pack_channel(channel: Channel) -> bytes:
    return record(
        CHANNEL,
        struct.pack("<HH", channel.id, channel.schema_id),
        text(channel.topic),
        text(channel.message_encoding),
        mapping(channel.metadata),
    )
