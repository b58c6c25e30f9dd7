"""Nodes and constants of an ONNX file without the onnx package, which a robot does not have.

Only what bundles hold is read: one graph without sub-graphs, dense tensors inside the file. Source:
onnx.proto (field numbers) and the protobuf wire format.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pear_ros.engine.onnx_metadata import varint
from pear_ros.problems import PearError

_GRAPH = 7
_NODE, _INITIALIZER = 1, 5
_INPUT, _OUTPUT, _OP_TYPE, _ATTRIBUTE = 1, 2, 4, 5
_ATTRIBUTE_NAME, _ATTRIBUTE_INT, _ATTRIBUTE_TENSOR, _ATTRIBUTE_INTS = 1, 3, 5, 8
_DIMS, _DATA_TYPE, _FLOATS, _INT32S, _INT64S, _TENSOR_NAME, _RAW = 1, 2, 4, 5, 7, 8, 9
_LOCATION = 14
_DTYPES: dict[int, np.dtype[Any]] = {
    1: np.dtype("<f4"), 2: np.dtype("u1"), 3: np.dtype("i1"), 6: np.dtype("<i4"),
    7: np.dtype("<i8"), 9: np.dtype("?"), 10: np.dtype("<f2"), 11: np.dtype("<f8"),
}  # fmt: skip
_FLOAT32 = 1

Array = NDArray[np.generic]


@dataclass(frozen=True)
class Node:
    """One operation; integers: its attributes that are an int (a tuple for a list of ints)."""

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    integers: Mapping[str, int | tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class OnnxGraph:
    """Nodes in order, and the constants by the name of the value they give.

    A weight that is stored as float16 and cast to float32 stands there under the cast's name, as
    float32.
    """

    nodes: tuple[Node, ...]
    constants: Mapping[str, Array]

    def producers(self) -> dict[str, Node]:
        """Value -> the node that makes it."""
        return {name: node for node in self.nodes for name in node.outputs}


def read_graph(data: bytes | memoryview, where: str) -> OnnxGraph:
    """The graph of an ONNX file. Raises PearError if it is not a whole one or keeps tensors outside."""
    nodes: list[Node] = []
    constants: dict[str, Array] = {}
    try:
        for number, value in _fields(memoryview(data)):
            if number != _GRAPH or isinstance(value, int):
                continue
            for kind, part in _fields(value):
                if kind == _NODE:
                    node, own = _node(_message(part))
                    nodes.append(node)
                    constants.update(own)
                elif kind == _INITIALIZER:
                    name, array = _tensor(_message(part))
                    constants[name] = array
    except (ValueError, IndexError, KeyError, struct.error) as error:
        raise PearError(
            "not an ONNX graph that can be read here", where=where, found=str(error)
        ) from None
    for node in nodes:
        source = node.inputs[0] if node.op == "Cast" else ""
        if source in constants and node.integers.get("to") == _FLOAT32:
            constants[node.outputs[0]] = constants[source].astype(np.float32)
    return OnnxGraph(tuple(nodes), constants)


def _node(data: memoryview) -> tuple[Node, dict[str, Array]]:
    inputs: list[str] = []
    outputs: list[str] = []
    op, integers, constant = "", {}, None
    for number, value in _fields(data):
        if number == _INPUT:
            inputs.append(_text(value))
        elif number == _OUTPUT:
            outputs.append(_text(value))
        elif number == _OP_TYPE:
            op = _text(value)
        elif number == _ATTRIBUTE:
            name, number_or_list, tensor = _attribute(_message(value))
            if number_or_list is not None:
                integers[name] = number_or_list
            constant = tensor if tensor is not None else constant
    own = {outputs[0]: constant} if op == "Constant" and constant is not None else {}
    return Node(op, tuple(inputs), tuple(outputs), integers), own


def _attribute(data: memoryview) -> tuple[str, int | tuple[int, ...] | None, Array | None]:
    name, single, several, tensor = "", None, [], None
    for number, value in _fields(data):
        if number == _ATTRIBUTE_NAME:
            name = _text(value)
        elif number == _ATTRIBUTE_INT and isinstance(value, int):
            single = _signed(value)
        elif number == _ATTRIBUTE_INTS:
            several += _integers(value)
        elif number == _ATTRIBUTE_TENSOR:
            tensor = _tensor(_message(value))[1]
    return name, tuple(several) if several else single, tensor


def _tensor(data: memoryview) -> tuple[str, Array]:
    name, dims, kind = "", [], 0
    raw: memoryview | None = None
    values: list[float] = []
    for number, value in _fields(data):
        if number == _DIMS:
            dims += _integers(value)
        elif number == _DATA_TYPE and isinstance(value, int):
            kind = value
        elif number == _TENSOR_NAME:
            name = _text(value)
        elif number == _RAW:
            raw = _message(value)
        elif number in (_INT32S, _INT64S):
            values += _integers(value)
        elif number == _FLOATS:
            values += np.frombuffer(_message(value), "<f4").tolist()
        elif number == _LOCATION and value:
            raise ValueError(f"tensor {name} lies in another file")
    if kind not in _DTYPES:
        raise ValueError(f"tensor {name} has data type {kind}")
    dtype = _DTYPES[kind]
    array = np.array(values, dtype) if raw is None else np.frombuffer(raw, dtype)
    return name, array.reshape(dims)


def _integers(value: int | memoryview) -> list[int]:
    """A repeated integer field, packed or not."""
    if isinstance(value, int):
        return [_signed(value)]
    found, at = [], 0
    while at < len(value):
        number, at = varint(value, at)
        found.append(_signed(number))
    return found


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _text(value: int | memoryview) -> str:
    return bytes(_message(value)).decode()


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number where a message was expected")
    return value


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Fields (number, integer or payload) of one message."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        number, wire = tag >> 3, tag & 7
        if number == 0:
            raise ValueError("field number 0")
        if wire == 0:
            value, at = varint(data, at)
            yield number, value
            continue
        if wire == 2:
            length, at = varint(data, at)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if at + length > len(data):
            raise ValueError(f"{at + length - len(data)} bytes missing at the end")
        yield number, data[at : at + length]
        at += length
