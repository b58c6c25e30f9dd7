"""MCAP files of the mcap library: whole, unindexed, cut off anywhere, and damaged."""

from __future__ import annotations

from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcap.writer import CompressionType, IndexType, Writer

from pear_ros.problems import PearError
from pear_ros.replay.mcap_reader import McapReader

Found = list[tuple[str, int, bytes]]


def written(
    compression: CompressionType = CompressionType.NONE,
    *,
    chunked: bool = True,
    index: IndexType = IndexType.ALL,
    times: list[int] | None = None,
    profile: str = "ros2",
) -> bytes:
    """Two topics, 40 messages of 100 bytes, chunks of about 9 messages."""
    out = BytesIO()
    writer = Writer(
        out, chunk_size=1100, compression=compression, use_chunking=chunked, index_types=index
    )
    writer.start(profile=profile)
    schema = writer.register_schema("std_msgs/msg/String", "ros2msg", b"string data")
    channels = [
        writer.register_channel(f"/t{i}", "cdr", schema, {"topic_type_hash": "RIHS01_x"})
        for i in range(2)
    ]
    for i, time in enumerate(times or range(40)):
        writer.add_message(channels[i % 2], time, bytes([i]) * 100, time)
    writer.finish()
    return out.getvalue()


def read(path: Path, names: tuple[str, ...] = ("/t0", "/t1")) -> tuple[Found, list[str]]:
    reports: list[str] = []
    reader = McapReader(path)
    messages = reader.messages(names, lambda kind, reason: reports.append(f"{kind}: {reason}"))
    found = [(m.topic.name, m.stamp, bytes(m.data)) for m in messages]
    reader.close()
    return found, reports


EXPECTED: Found = [(f"/t{i % 2}", i, bytes([i]) * 100) for i in range(40)]


@pytest.mark.parametrize("compression", list(CompressionType))
@pytest.mark.parametrize("index", [IndexType.ALL, IndexType.NONE, IndexType.MESSAGE])
def test_whole_files(tmp_path: Path, compression: CompressionType, index: IndexType) -> None:
    path = tmp_path / "a.mcap"
    path.write_bytes(written(compression, index=index))
    assert read(path) == (EXPECTED, [])


def test_files_without_chunks(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    path.write_bytes(written(chunked=False))
    assert read(path) == (EXPECTED, [])


def test_topics_say_what_the_file_says(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    path.write_bytes(written(profile=""))
    reader = McapReader(path)
    assert [(t.name, t.type, t.count) for t in reader.topics] == [
        ("/t0", "std_msgs/msg/String", 20),
        ("/t1", "std_msgs/msg/String", 20),
    ]
    first = reader.topics[0]
    assert (first.definition, first.encoding, first.digest) == (
        "string data",
        "ros2msg",
        "RIHS01_x",
    )
    reader.close()


def test_only_the_named_topics(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    path.write_bytes(written())
    assert read(path, ("/t1",)) == (EXPECTED[1::2], [])


@given(times=st.permutations(list(range(40))))
@settings(max_examples=20)
def test_messages_come_in_order_of_time(times: list[int], tmp_path_factory: Any) -> None:
    path = tmp_path_factory.mktemp("bag") / "a.mcap"
    path.write_bytes(written(times=times))
    found, reports = read(path)
    assert [stamp for _, stamp, _ in found] == list(range(40))
    assert {(stamp, data[0]) for _, stamp, data in found} == {(t, i) for i, t in enumerate(times)}
    assert not reports


@pytest.mark.parametrize("compression", list(CompressionType))
@pytest.mark.parametrize("chunked", [True, False])
def test_cut_off_anywhere(tmp_path: Path, compression: CompressionType, chunked: bool) -> None:
    """Everything in whole chunks before the cut is there, and the loss is reported."""
    data = written(compression, chunked=chunked)
    path = tmp_path / "a.mcap"
    counts = []
    for end in range(0, len(data) - 1, 71):
        path.write_bytes(data[:end])
        try:
            found, reports = read(path)
        except PearError as error:
            assert "a.mcap" in str(error)
            counts.append(0)
            continue
        assert found == EXPECTED[: len(found)]
        assert reports
        counts.append(len(found))
    assert counts == sorted(counts)
    assert counts[-1] == 40
    # An uncompressed file loses at most the message that was being written.
    if compression is CompressionType.NONE:
        steps = [b - a for a, b in pairwise(counts)]
        assert max(steps) <= 2


@pytest.mark.parametrize("compression", list(CompressionType))
def test_a_damaged_chunk_costs_only_itself(tmp_path: Path, compression: CompressionType) -> None:
    data = bytearray(written(compression))
    reader_path = tmp_path / "whole.mcap"
    reader_path.write_bytes(data)
    reader = McapReader(reader_path)
    second = sorted(reader._parts, key=lambda part: part.offset)[1]
    reader.close()
    middle = second.offset + second.size - 20
    data[middle] ^= 0xFF
    path = tmp_path / "a.mcap"
    path.write_bytes(data)
    found, reports = read(path)
    assert len(reports) == 1
    assert str(second.offset) in reports[0]
    lost = [m for m in EXPECTED if m not in found]
    assert 5 <= len(lost) <= 12
    assert lost == EXPECTED[EXPECTED.index(lost[0]) :][: len(lost)]


@given(at=st.integers(0, 10**6), change=st.integers(1, 255))
@settings(max_examples=60)
def test_one_wrong_byte_is_never_worse_than_an_error(
    at: int, change: int, tmp_path_factory: Any
) -> None:
    data = bytearray(written(CompressionType.ZSTD))
    data[at % len(data)] ^= change
    path = tmp_path_factory.mktemp("bag") / "a.mcap"
    path.write_bytes(data)
    try:
        found, _ = read(path)
    except PearError:
        return
    assert len(found) <= 40


@given(data=st.binary(max_size=200))
@settings(max_examples=60)
def test_any_bytes_behind_the_magic(data: bytes, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.mktemp("bag") / "a.mcap"
    path.write_bytes(b"\x89MCAP0\r\n" + data)
    with pytest.raises(PearError):
        read(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    for content, words in ((b"", "empty"), (b"hello world", "not an MCAP file")):
        path.write_bytes(content)
        with pytest.raises(PearError, match=words):
            McapReader(path)


def test_a_chunk_cannot_claim_less_than_it_unpacks_to(tmp_path: Path) -> None:
    """The size that a chunk states bounds what is unpacked."""
    from pear_ros.replay import mcap_records as mcap

    packed = mcap.zstd.compress(bytes(10_000_000))
    chunk = mcap.CHUNK_HEAD.pack(0, 0, 100, 0) + mcap.text("zstd")
    chunk += len(packed).to_bytes(8, "little") + packed
    with pytest.raises(mcap.BrokenRecord, match="instead of 100"):
        mcap.unpack_chunk(memoryview(chunk))
