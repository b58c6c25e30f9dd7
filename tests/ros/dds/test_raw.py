"""CDR in and out of DDS, in one process."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("cyclonedds")

from cyclonedds.core import DDSException
from cyclonedds.domain import DomainParticipant
from cyclonedds.pub import DataWriter
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic

from pear_ros.dds import raw, types
from pear_ros.dds.qos import reader_qos, writer_qos
from pear_ros.live.graph import Qos
from pear_ros.messages import codec
from pear_ros.messages.codec import CdrWriter
from pear_ros.messages.pictures import image
from pear_ros.problems import PearError


def text(words: str) -> bytes:
    out = CdrWriter()
    out.string(words)
    return out.finish()


@pytest.fixture
def pair(domain: int) -> Iterator[Callable[[str], tuple[DataWriter, DataReader]]]:
    participant = DomainParticipant(domain)

    def make(type_name: str) -> tuple[DataWriter, DataReader]:
        topic = Topic(participant, "rt/raw", types.idl_type(type_name))
        qos = Qos(depth=20)
        writer = DataWriter(participant, topic, writer_qos(qos, b""))
        return writer, DataReader(participant, topic, reader_qos(qos, b""))

    yield make
    raw.delete(participant)


def test_bytes_arrive_as_they_left(pair: Callable[..., tuple[DataWriter, DataReader]]) -> None:
    writer, reader = pair("std_msgs/msg/String")
    sent = [text("x" * count) for count in range(9)]
    assert [raw.write(writer, data) for data in sent] == [0] * 9
    got = list(raw.take(reader))
    assert list(raw.take(reader)) == []
    for data, view in zip(sent, got, strict=True):
        # DDS sends whole words.
        assert bytes(view) == data + bytes(-len(data) % 4)


def test_pictures_own_their_memory(
    pair: Callable[..., tuple[DataWriter, DataReader]], rng: np.random.Generator
) -> None:
    writer, reader = pair("sensor_msgs/msg/Image")
    pixels = rng.integers(0, 256, (12, 48, 64, 3), dtype=np.uint8)
    for i, picture in enumerate(pixels):
        assert raw.write(writer, image(picture, i, "eye")) == 0
    kept: list[NDArray[np.uint8]] = []
    for view in raw.take(reader):
        assert view.readonly and view.format == "B"
        kept.append(codec.deserialize(view, "sensor_msgs/msg/Image").data)
        del view
    raw.delete(reader)
    gc.collect()
    np.testing.assert_array_equal(np.reshape(kept, pixels.shape), pixels)


def test_bytes_that_do_not_fit_the_type_are_refused(
    pair: Callable[..., tuple[DataWriter, DataReader]], rng: np.random.Generator
) -> None:
    writer, reader = pair("sensor_msgs/msg/Image")
    good = image(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8), 0, "eye")
    for bad in (b"", b"\0", good[:4], good[:-8], text("hello")):
        assert raw.write(writer, bad) == raw.BAD_PARAMETER
    assert list(raw.take(reader)) == []


def test_random_bytes_never_pass_as_text(
    pair: Callable[..., tuple[DataWriter, DataReader]], rng: np.random.Generator
) -> None:
    writer, reader = pair("std_msgs/msg/String")
    for _ in range(200):
        data = b"\0\1\0\0" + rng.bytes(int(rng.integers(0, 40)))
        if raw.write(writer, data) == 0:
            # What passes is a string that ends where it says.
            (view,) = raw.take(reader)
            size = int.from_bytes(view[4:8], "little")
            assert 0 < size <= len(view) - 8 and view[7 + size] == 0


def test_both_byte_orders_are_taken(pair: Callable[..., tuple[DataWriter, DataReader]]) -> None:
    writer, reader = pair("std_msgs/msg/UInt32")
    assert raw.write(writer, b"\0\0\0\0\1\2\3\4") == 0
    (view,) = raw.take(reader)
    assert codec.deserialize(view, "std_msgs/msg/UInt32").data == 0x01020304


def test_a_deleted_reader_is_an_error(pair: Callable[..., tuple[DataWriter, DataReader]]) -> None:
    _, reader = pair("std_msgs/msg/String")
    raw.delete(reader)
    raw.delete(reader)
    with pytest.raises(DDSException):
        list(raw.take(reader))


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    raw.check_version()
    monkeypatch.setattr(raw, "version", lambda name: {"cyclonedds": "11.1.0"}[name])
    with pytest.raises(PearError, match=r"11\.0\.1.*11\.1\.0"):
        raw.check_version()
