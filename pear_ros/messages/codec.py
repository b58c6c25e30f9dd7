"""The one CDR codec: message definitions, generic (de)serialisation, and the writer behind the fast
builders.

Standard messages come from rosbags' ROS 2 Jazzy type store and from `foreign`, ours from `msg/*.msg`. All bytes are
XCDR1 with the 4-byte encapsulation header, little-endian when we write; both byte orders are read.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.interfaces import Nodetype
from rosbags.serde import SerdeError
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from pear_ros.messages.foreign import DEFINITIONS
from pear_ros.problems import PearError

PACKAGE = "pear"
OWN_TYPES = ("BodyModel", "Heartbeat", "Human", "HumanArray", "HumanMesh")
HUMAN_ARRAY = "pear/msg/HumanArray"
HUMAN_MESH = "pear/msg/HumanMesh"
BODY_MODEL = "pear/msg/BodyModel"
HEARTBEAT = "pear/msg/Heartbeat"
MARKER_ARRAY = "visualization_msgs/msg/MarkerArray"
IMAGE = "sensor_msgs/msg/Image"
COMPRESSED_IMAGE = "sensor_msgs/msg/CompressedImage"
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
TF_MESSAGE = "tf2_msgs/msg/TFMessage"
DIAGNOSTIC_ARRAY = "diagnostic_msgs/msg/DiagnosticArray"

ENCAPSULATION = b"\x00\x01\x00\x00"
"""Plain CDR (XCDR1), little-endian, no options."""
_ZEROS = bytes(8)


def definition_folder() -> Path:
    """Folder of our `.msg` files: `_msg` of the installed package, else the tree's `msg`."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "_msg", package.parent / "msg"):
        if (folder / "HumanArray.msg").is_file():
            return folder
    raise PearError("message definitions are missing", where=str(package), expected="_msg/*.msg")


@cache
def typestore() -> Typestore:
    """All ROS 2 Jazzy types that we know, and ours."""
    store = get_typestore(Stores.ROS2_JAZZY)
    folder = definition_folder()
    for name in OWN_TYPES:
        text = (folder / f"{name}.msg").read_text(encoding="utf-8")
        store.register(get_types_from_msg(text, f"{PACKAGE}/msg/{name}"))
    for name, text in DEFINITIONS.items():
        store.register(get_types_from_msg(text, name))
    return store


@dataclass(frozen=True)
class Definition:
    """What a bag stores about a type: text with all types it needs, encoding, RIHS01 hash."""

    name: str
    text: str
    digest: str
    encoding: str = "ros2msg"


@cache
def definition(type_name: str) -> Definition:
    """Definition of a known type; ours keep their comments, so that a bag explains itself."""
    store = typestore()
    if type_name not in store.fielddefs:
        raise PearError("unknown message type", where=type_name)
    text, _ = store.generate_msgdef(type_name, ros_version=2)
    rule = "=" * 80 + "\n"
    head, *rest = text.split(rule + "MSG: ")
    parts = [_own_text(type_name) or head]
    for part in rest:
        name = part.split("\n", 1)[0]
        parts.append(
            f"MSG: {name}\n" + (_own_text(name.replace("/", "/msg/", 1)) or part.split("\n", 1)[1])
        )
    return Definition(type_name, rule.join(parts), store.hash_rihs01(type_name))


def _own_text(type_name: str) -> str:
    package, _, name = type_name.split("/")
    if package != PACKAGE or name not in OWN_TYPES:
        return ""
    return (definition_folder() / f"{name}.msg").read_text(encoding="utf-8")


def serialize(message: object, type_name: str) -> bytes:
    """A message object of the type store as little-endian CDR."""
    return bytes(typestore().serialize_cdr(message, type_name, little_endian=True))


def deserialize(raw: bytes | bytearray | memoryview, type_name: str) -> Any:
    """CDR bytes as a message object; its arrays are read-only views on `raw`.

    Raises: PearError where the bytes are no message of this type.
    """
    try:
        # A memoryview, because slicing bytes would copy a whole picture.
        return typestore().deserialize_cdr(memoryview(raw), type_name)
    except (SerdeError, struct.error, IndexError, ValueError) as error:
        raise PearError(
            "message cannot be decoded",
            where=type_name,
            expected="CDR of this type",
            found=str(error),
        ) from None
    except KeyError:
        raise PearError("unknown message type", where=type_name) from None


def split_stamp(stamp: int) -> tuple[int, int]:
    """Nanoseconds as seconds and nanoseconds of builtin_interfaces/Time."""
    return divmod(stamp, 1_000_000_000)


class CdrWriter:
    """Appends CDR primitives with their alignment; the fast builders are made of it.

    The one buffer becomes the message without a copy, because fresh pages are what large messages
    cost most.
    """

    def __init__(self) -> None:
        self._out = BytesIO()
        self._out.write(ENCAPSULATION)
        self._at = 0

    @property
    def offset(self) -> int:
        """Where the next byte goes in the finished message."""
        return self._at + len(ENCAPSULATION)

    def align(self, size: int) -> None:
        """Pad with zeros to a multiple of size, counted from behind the encapsulation header."""
        self._write(_ZEROS[: -self._at % size])

    def pack(self, form: str, *values: float | int | bool) -> None:
        """Values of struct format letters of one size."""
        self.align(struct.calcsize(form[-1]))
        self._write(struct.pack("<" + form, *values))

    def string(self, text: str) -> None:
        data = text.encode("utf-8")
        self.pack("I", len(data) + 1)
        self._write(data + b"\x00")

    def header(self, stamp: int, frame_id: str) -> None:
        """std_msgs/Header."""
        self.pack("iI", *split_stamp(stamp))
        self.string(frame_id)

    def array(self, values: NDArray[Any]) -> None:
        """Elements of a fixed array, in the array's own (little-endian) type."""
        if values.size:
            self.align(values.dtype.itemsize)
            self._write(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)

    def gather(self, rows: NDArray[Any], index: NDArray[np.integer]) -> None:
        """rows[index] of an array (R, C), gathered into the message without an array in between."""
        if not index.size:
            return
        self.align(rows.dtype.itemsize)
        whole = f"V{rows.shape[1] * rows.dtype.itemsize}"
        start, size = self.offset, len(index) * rows.shape[1] * rows.dtype.itemsize
        self._out.seek(start + size - 1)
        self._out.write(b"\x00")
        self._at += size
        with self._out.getbuffer() as view:
            # Whole rows as opaque bytes: the place in the message is not aligned to 8 bytes in
            # memory.
            target = np.frombuffer(view, whole, count=len(index), offset=start)
            np.take(np.ascontiguousarray(rows).view(whole)[:, 0], index, mode="clip", out=target)
            del target

    def sequence(self, values: NDArray[Any]) -> None:
        """Length and elements of a sequence of primitives."""
        self.pack("I", values.size)
        self.array(values)

    def octets(self, data: bytes | memoryview) -> None:
        """A sequence of uint8."""
        self.pack("I", len(data))
        self._write(data)

    def strings(self, texts: Sequence[str]) -> None:
        self.pack("I", len(texts))
        for text in texts:
            self.string(text)

    def finish(self) -> bytes:
        return self._out.getvalue()

    def _write(self, data: bytes | memoryview) -> None:
        self._at += self._out.write(data)


class CdrReader:
    """Reads CDR primitives in order; every read is checked against the end of the data."""

    def __init__(self, raw: bytes | bytearray | memoryview) -> None:
        self.view = memoryview(raw).cast("B")
        if len(self.view) < 4 or self.view[0] != 0 or self.view[1] not in (0, 1):
            raise PearError(
                "not a CDR message", expected="encapsulation 00 00 or 00 01", found=_head(self.view)
            )
        self.order = "<" if self.view[1] else ">"
        self._at = 4

    def unpack(self, form: str) -> tuple[Any, ...]:
        """Values of struct format letters of one size."""
        size = struct.calcsize(form[-1])
        self._at += -(self._at - 4) % size
        try:
            values = struct.unpack_from(self.order + form, self.view, self._at)
        except struct.error:
            raise self._cut(struct.calcsize("=" + form)) from None
        self._at += struct.calcsize("=" + form)
        return values

    def string(self) -> str:
        data = self._take(int(self.unpack("I")[0]))
        return bytes(data).rstrip(b"\x00").decode("utf-8", errors="replace")

    def octets(self) -> memoryview:
        """A sequence of uint8 as a view, without a copy."""
        return self._take(int(self.unpack("I")[0]))

    def header(self) -> tuple[int, str]:
        """std_msgs/Header as stamp in nanoseconds and frame id."""
        seconds, nanoseconds = self.unpack("iI")
        return seconds * 1_000_000_000 + nanoseconds, self.string()

    def _take(self, count: int) -> memoryview:
        if self._at + count > len(self.view):
            raise self._cut(count)
        part = self.view[self._at : self._at + count]
        self._at += count
        return part

    def _cut(self, count: int) -> PearError:
        return PearError(
            "message is cut off",
            expected=f"{count} bytes at offset {self._at}",
            found=f"{max(0, len(self.view) - self._at)}",
        )


def _head(view: memoryview) -> str:
    return bytes(view[:4]).hex(" ") or "nothing"


@cache
def packed_dtype(type_name: str, lengths: tuple[tuple[str, int], ...]) -> np.dtype[np.void]:
    """numpy structured type whose records are the CDR bytes of a message of primitives.

    lengths: number of elements of each sequence; its count becomes the field `<name>_length`. Right
    only where the message starts at a multiple of 4 and nothing in it is wider than 4 bytes; raises
    ValueError for other types.
    """
    sizes = dict(lengths)
    names: list[str] = []
    formats: list[Any] = []
    offsets: list[int] = []
    end = 0

    def add(name: str, base: str, shape: tuple[int, ...]) -> None:
        nonlocal end
        dtype = np.dtype(base).newbyteorder("<")
        if dtype.itemsize > 4:
            raise ValueError(f"{type_name}.{name} is wider than 4 bytes")
        end += -end % dtype.itemsize
        names.append(name)
        formats.append((dtype, shape))
        offsets.append(end)
        end += dtype.itemsize * int(np.prod(shape, dtype=int))

    for name, (kind, what) in typestore().fielddefs[type_name][1]:
        if kind == Nodetype.BASE:
            add(name, what[0], ())
        elif kind == Nodetype.ARRAY and what[0][0] == Nodetype.BASE:
            add(name, what[0][1][0], (what[1],))
        elif kind == Nodetype.SEQUENCE and what[0][0] == Nodetype.BASE:
            add(f"{name}_length", "uint32", ())
            add(name, what[0][1][0], (sizes[name],))
        else:
            raise ValueError(f"{type_name}.{name} is not made of primitives")
    if end % 4:
        raise ValueError(f"{type_name} does not end at a multiple of 4 bytes")
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": end})
