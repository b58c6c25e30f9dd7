"""Files of our MCAP writer, read by the mcap library with all checks on."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcap.reader import NonSeekingReader, make_reader
from mcap.records import Chunk, DataEnd, Footer, MessageIndex
from mcap.stream_reader import StreamReader

from pear_ros.replay.mcap_writer import CHUNK_SIZE, McapWriter

Sent = list[tuple[int, int, bytes]]


def write(messages: Sent, channels: int = 2) -> bytes:
    out = BytesIO()
    writer = McapWriter(out, "test 1")
    schema = writer.add_schema("std_msgs/msg/String", "ros2msg", "string data\n")
    numbers = [
        writer.add_channel(f"/t{i}", schema, "cdr", {"key": f"value {i}"}) for i in range(channels)
    ]
    for channel, stamp, data in messages:
        writer.write(numbers[channel], stamp, data)
    writer.finish({"rosbag2": {"a": "b"}})
    return out.getvalue()


MESSAGES = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 2**62), st.binary(max_size=40)), max_size=20
)


@given(MESSAGES)
def test_the_library_reads_what_was_written(messages: Sent) -> None:
    reader = make_reader(BytesIO(write(messages)), validate_crcs=True)
    found = [
        (int(channel.topic[2:]), message.log_time, message.data)
        for _, channel, message in reader.iter_messages()
    ]
    assert found == sorted(messages, key=lambda m: m[1])
    summary = reader.get_summary()
    assert summary is not None and summary.statistics is not None
    statistics = summary.statistics
    assert statistics.message_count == len(messages)
    if messages:
        assert statistics.message_start_time == min(m[1] for m in messages)
        assert statistics.message_end_time == max(m[1] for m in messages)
    counts = [sum(m[0] == c for m in messages) for c in range(2)]
    assert statistics.channel_message_counts == dict(enumerate(counts))
    assert [c.metadata for c in summary.channels.values()] == [
        {"key": "value 0"},
        {"key": "value 1"},
    ]
    assert [(m.name, m.metadata) for m in reader.iter_metadata()] == [("rosbag2", {"a": "b"})]


@given(MESSAGES)
@settings(max_examples=20)
def test_a_reader_without_the_index_finds_the_same(messages: Sent) -> None:
    reader = NonSeekingReader(BytesIO(write(messages)), validate_crcs=True)
    found = [(m.log_time, m.data) for _, _, m in reader.iter_messages(log_time_order=False)]
    assert found == [(stamp, data) for _, stamp, data in messages]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_large_files_have_several_chunks_with_an_index_each() -> None:
    big = bytes(CHUNK_SIZE // 3)
    messages: Sent = [(i % 2, 100 - i, big) for i in range(10)]
    data = write(messages)
    records = list(StreamReader(BytesIO(data), emit_chunks=True, validate_crcs=True).records)
    chunks = [r for r in records if isinstance(r, Chunk)]
    spans = [(c.message_start_time, c.message_end_time) for c in chunks]
    assert spans == [(98, 100), (95, 97), (92, 94), (91, 91)]
    assert sum(isinstance(r, MessageIndex) for r in records) == 2 + 2 + 2 + 1
    assert sum(isinstance(r, (DataEnd, Footer)) for r in records) == 2
    reader = make_reader(BytesIO(data), validate_crcs=True)
    assert [m.log_time for _, _, m in reader.iter_messages()] == list(range(91, 101))
    # Seeking by time uses the chunk and message indexes.
    some = [
        m.log_time for _, _, m in reader.iter_messages(topics=["/t0"], start_time=94, end_time=99)
    ]
    assert some == [94, 96, 98]


def test_sequence_numbers_count_per_channel() -> None:
    messages: Sent = [(0, 1, b""), (1, 2, b""), (0, 3, b"")]
    reader = make_reader(BytesIO(write(messages)))
    assert [m.sequence for _, _, m in reader.iter_messages()] == [0, 0, 1]


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer_can_be_written(kind: type) -> None:
    reader = make_reader(BytesIO(write([(0, 5, kind(b"abc"))])))
    assert [m.data for _, _, m in reader.iter_messages()] == [b"abc"]
