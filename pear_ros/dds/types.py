"""ROS message types as DDS types: names on the wire, IDL classes, type hashes.

The classes describe every member truly, because newer DDS peers compare type information before
they match. They never serialise anything: `pear_ros.messages.codec` does.
"""

from __future__ import annotations

from functools import cache
from typing import Any, cast

from cyclonedds.idl import IdlStruct, make_idl_struct
from cyclonedds.idl import types as idl
from rosbags.interfaces import Nodetype

from pear_ros.messages import codec
from pear_ros.problems import PearError

_BASES: dict[str, Any] = {
    "bool": bool,
    "byte": idl.byte,
    "char": idl.uint8,  # `char` of a .msg file is an unsigned octet, not IDL's character.
    "int8": idl.int8,
    "uint8": idl.uint8,
    "int16": idl.int16,
    "uint16": idl.uint16,
    "int32": idl.int32,
    "uint32": idl.uint32,
    "int64": idl.int64,
    "uint64": idl.uint64,
    "float32": idl.float32,
    "float64": idl.float64,
    "string": str,
}
# Subscripted at run time, which type checkers do not follow.
_BOUNDED, _ARRAY, _SEQUENCE = cast(tuple[Any, ...], (idl.bounded_str, idl.array, idl.sequence))


def wire_type_name(type_name: str) -> str:
    """What DDS peers call "sensor_msgs/msg/Image": "sensor_msgs::msg::dds_::Image_"."""
    package, kind, name = type_name.split("/")
    return f"{package}::{kind}::dds_::{name}_"


def ros_type_name(wire_name: str) -> str:
    """The inverse of `wire_type_name`; empty for a type that is not ROS's."""
    parts = wire_name.split("::")
    if len(parts) != 4 or parts[2] != "dds_" or not parts[3].endswith("_"):
        return ""
    return f"{parts[0]}/{parts[1]}/{parts[3][:-1]}"


def type_hash(type_name: str) -> bytes:
    """User data of an endpoint: the REP-2011 hash that ROS compares and shows."""
    return f"typehash={codec.definition(type_name).digest};".encode()


@cache
def idl_type(type_name: str) -> type[IdlStruct]:
    """The DDS type of a message.

    Raises: PearError where the type is unknown, or has members that plain DDS types cannot say.
    """
    fields = codec.typestore().fielddefs.get(type_name)
    if fields is None:
        raise PearError("unknown message type", where=type_name)
    package, kind, name = type_name.split("/")
    members = {member: _member(type_name, *what) for member, what in fields[1]}
    return make_idl_struct(f"{name}_", f"{package}.{kind}.dds_.{name}_", members)


def _member(where: str, node: Nodetype, what: Any) -> Any:
    if node == Nodetype.NAME:
        return idl_type(what)
    if node == Nodetype.BASE:
        base, bound = what
        if base not in _BASES:
            raise PearError(f"members of type {base} are not supported over DDS", where=where)
        return _BOUNDED[bound] if bound else _BASES[base]
    (inner_node, inner), count = what
    element = _member(where, inner_node, inner)
    if node == Nodetype.ARRAY:
        return _ARRAY[element, count]
    return _SEQUENCE[element, count] if count else _SEQUENCE[element]
