"""The codec against rosbags' serializer, mcap's parser, and bytes written by hand."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcap_ros2._dynamic import generate_dynamic
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from pear_ros.messages import codec
from pear_ros.messages.codec import CdrReader, CdrWriter
from pear_ros.problems import PearError

STORE = get_typestore(Stores.ROS2_JAZZY)


def test_hand_written_bytes() -> None:
    out = CdrWriter()
    out.string("ab")
    out.pack("d", 1.0)
    out.pack("?", True)
    out.sequence(np.array([1, 2], np.uint16))
    expected = bytes.fromhex(
        "00010000"  # little-endian CDR
        "03000000 616200 00"  # length with its NUL, text, one byte to reach 8
        "000000000000f03f"
        "01 000000"  # padding to the length
        "02000000 0100 0200"
    )
    assert out.finish() == expected


@given(
    st.text(max_size=20),
    st.integers(0, 2**31 * 10**9 - 1),
    st.lists(st.floats(width=32, allow_nan=False), max_size=9),
    st.lists(st.text(max_size=9), max_size=4),
)
def test_the_writer_matches_rosbags(
    text: str, stamp: int, numbers: list[float], names: list[str]
) -> None:
    text, names = text.replace("\0", ""), [name.replace("\0", "") for name in names]
    out = CdrWriter()
    out.header(stamp, text)
    out.strings(names)
    out.sequence(np.array(numbers, np.float64))
    out.sequence(np.array(numbers, np.float64))
    types = STORE.types
    state = types["sensor_msgs/msg/JointState"](
        header=types["std_msgs/msg/Header"](
            stamp=types["builtin_interfaces/msg/Time"](*divmod(stamp, 10**9)), frame_id=text
        ),
        name=names,
        position=np.array(numbers),
        velocity=np.array(numbers),
        effort=np.array([]),
    )
    out.sequence(np.array([], np.float64))
    assert out.finish() == STORE.serialize_cdr(state, "sensor_msgs/msg/JointState")


@given(st.integers(0, 7), st.integers(1, 40), st.integers(0, 50))
def test_gathered_rows_are_the_rows_wherever_they_start(lead: int, rows: int, picks: int) -> None:
    rng = np.random.default_rng(rows)
    table, index = rng.standard_normal((rows, 3)), rng.integers(0, rows, picks)
    out = CdrWriter()
    for _ in range(lead):
        out.pack("B", 255)
    out.gather(table, index)
    out.string("behind")
    data = out.finish()[4:]
    start = -(-lead // 8) * 8 if picks else lead
    end = start + picks * 24
    np.testing.assert_array_equal(np.frombuffer(data[start:end]).reshape(-1, 3), table[index])
    assert data[end:].endswith(b"\x07\0\0\0behind\0")


@pytest.mark.parametrize("little", [True, False])
def test_both_byte_orders_are_read(little: bool) -> None:
    types = STORE.types
    message = types["sensor_msgs/msg/Image"](
        header=types["std_msgs/msg/Header"](
            stamp=types["builtin_interfaces/msg/Time"](7, 8), frame_id="eye"
        ),
        height=1,
        width=2,
        encoding="mono8",
        is_bigendian=0,
        step=2,
        data=np.array([9, 10], np.uint8),
    )
    raw = STORE.serialize_cdr(message, codec.IMAGE, little_endian=little)
    reader = CdrReader(raw)
    assert reader.header() == (7_000_000_008, "eye")
    assert reader.unpack("2I") == (1, 2)
    assert reader.string() == "mono8"
    assert reader.unpack("B") == (0,)
    assert reader.unpack("I") == (2,)
    assert bytes(reader.octets()) == b"\x09\x0a"


@given(st.binary(max_size=80))
def test_any_bytes_give_a_value_or_a_pear_error(raw: bytes) -> None:
    try:
        reader = CdrReader(raw)
        reader.header()
        reader.string()
        reader.octets()
    except PearError:
        pass
    for kind in (codec.CAMERA_INFO, codec.HUMAN_ARRAY, codec.IMAGE):
        try:
            codec.deserialize(raw, kind)
        except PearError as error:
            assert kind in str(error)


def test_unknown_types_are_named() -> None:
    with pytest.raises(PearError, match="unknown message type"):
        codec.definition("nobody_msgs/msg/Nothing")
    with pytest.raises(PearError, match="unknown message type"):
        codec.deserialize(b"\0\1\0\0", "nobody_msgs/msg/Nothing")


def test_the_type_hash_is_the_one_ros_computes() -> None:
    # From /opt/ros/jazzy/share/*/msg/*.json of ROS 2 Jazzy.
    known = {
        "std_msgs/msg/Header": "f49fb3ae2cf070f793645ff749683ac6b06203e41c891e17701b1cb597ce6a01",
        "sensor_msgs/msg/Image": "d31d41a9a4c4bc8eae9be757b0beed306564f7526c88ea6a4588fb9582527d47",
    }
    for name, digest in known.items():
        assert codec.definition(name).digest == f"RIHS01_{digest}"


@pytest.mark.parametrize("name", codec.OWN_TYPES)
def test_a_definition_explains_itself_to_other_parsers(name: str) -> None:
    kind = f"pear/msg/{name}"
    text = codec.definition(kind).text
    assert text.startswith("#")
    fresh = get_typestore(Stores.EMPTY)
    fresh.register(get_types_from_msg(text, kind))
    assert fresh.hash_rihs01(kind) == codec.definition(kind).digest
    assert kind.replace("/msg/", "/") in generate_dynamic(kind.replace("/msg/", "/"), text)


def test_packed_dtype_is_the_layout_that_rosbags_writes() -> None:
    lengths = (("betas", 3), ("expression", 1), ("flame_shape", 0), ("flame_expression", 2))
    record = np.zeros(1, codec.packed_dtype("pear/msg/Human", lengths))
    counter = iter(range(1, 10_000))
    for name in record.dtype.names or ():
        if name.endswith("_length"):
            record[name] = dict(lengths)[name[: -len("_length")]]
        else:
            shape = record[name].shape[1:]
            size = int(np.prod(shape))
            values = np.array([next(counter) for _ in range(size)]) % 251
            record[name] = values.reshape(shape)
    message: Any = codec.deserialize(codec.ENCAPSULATION + record.tobytes(), "pear/msg/Human")
    for name in record.dtype.names or ():
        if not name.endswith("_length"):
            np.testing.assert_array_equal(getattr(message, name), record[name][0])
    assert codec.serialize(message, "pear/msg/Human")[4:] == record.tobytes()


def test_packed_dtype_refuses_what_it_cannot_lay_out() -> None:
    with pytest.raises(ValueError, match="wider than 4 bytes"):
        codec.packed_dtype("geometry_msgs/msg/Point", ())
    with pytest.raises(ValueError, match="not made of primitives"):
        codec.packed_dtype("std_msgs/msg/Header", ())


def test_stamps_split_into_seconds_and_nanoseconds() -> None:
    assert codec.split_stamp(1_999_999_999) == (1, 999_999_999)
    out = CdrWriter()
    out.header(1_999_999_999, "")
    assert struct.unpack_from("<iI", out.finish(), 4) == (1, 999_999_999)
