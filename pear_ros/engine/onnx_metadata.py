"""The metadata of an ONNX file without the onnx package.

An ONNX file is one protobuf message (ModelProto); its field 14 holds key/value pairs. Only the top
level is walked, so a file of gigabytes is read in microseconds; a file that ends too early is
noticed on the way. Source: onnx.proto (field numbers) and the protobuf wire format.
"""

from __future__ import annotations

from pear_ros.problems import PearError

_METADATA_PROPS, _KEY, _VALUE = 14, 1, 2


def read_metadata(data: bytes | memoryview, where: str) -> dict[str, str]:
    """metadata_props of the ONNX model in `data`. Raises PearError if it is not a whole one."""
    try:
        entries = [
            _fields(value) for number, value in _walk(memoryview(data)) if number == _METADATA_PROPS
        ]
        return {
            bytes(entry.get(_KEY, b"")).decode(): bytes(entry.get(_VALUE, b"")).decode()
            for entry in entries
        }
    except (ValueError, IndexError) as error:
        raise PearError(
            "not an ONNX file, or a truncated one", where=where, found=str(error)
        ) from None


def _fields(data: memoryview) -> dict[int, memoryview]:
    return dict(_walk(data))


def _walk(data: memoryview) -> list[tuple[int, memoryview]]:
    """Length-delimited fields (number, payload) of one message; other wire types are skipped."""
    found: list[tuple[int, memoryview]] = []
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        number, wire = tag >> 3, tag & 7
        if number == 0:
            raise ValueError("field number 0")
        if wire == 0:
            _, at = varint(data, at)
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
        elif wire == 2:
            length, at = varint(data, at)
            found.append((number, data[at : at + length]))
            at += length
        else:
            raise ValueError(f"wire type {wire}")
        if at > len(data):
            raise ValueError(f"{at - len(data)} bytes missing at the end")
    return found


def varint(data: memoryview, at: int) -> tuple[int, int]:
    """A number of variable length at a place, and the place behind it."""
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
    raise ValueError("endless varint")
