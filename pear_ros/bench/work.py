"""Arithmetic and weights of a network, counted from its ONNX graph.

OpenVINO reads the graph and works out the shapes; nothing is compiled or run. Counted are matrix
products, convolutions and attention, a multiplication and an addition as two operations; the rest
is a few per cent in these networks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pear_ros.problems import PearError

Shape = Sequence[int]


@dataclass(frozen=True)
class Work:
    """Floating point operations for the given number of people, and numbers in all weights."""

    flops: int
    weights: int


def count(path: str | Path, people: int = 1) -> Work:
    """The work of an ONNX network with one input, whose first axis is people. Raises PearError."""
    import openvino

    try:
        model: Any = openvino.Core().read_model(str(path))
        shape = model.inputs[0].get_partial_shape()
        shape[0] = people
        model.reshape(shape)
        operations = model.get_ordered_ops()
        flops = sum(_operations(operation) for operation in operations)
    except (RuntimeError, ValueError, TypeError) as error:
        lines = str(error).strip().splitlines()
        raise PearError(
            "cannot count the work of the graph", where=str(path), found=lines[-1] if lines else ""
        ) from None
    weights = sum(_numbers(operation) for operation in operations)
    return Work(flops, weights)


def product(left: Shape, out: Shape, transposed: bool = False) -> int:
    """Operations of a matrix product: two for each number of the result and each summand."""
    return 2 * math.prod(out) * left[-2 if transposed else -1]


def convolution(weights: Shape, out: Shape) -> int:
    """Operations of a convolution; weights (out channels, in channels of a group, kernel...)."""
    return 2 * math.prod(out) * math.prod(weights[1:])


def attention(query: Shape, key: Shape, value: Shape) -> int:
    """Operations of softmax(q k^T) v over (..., tokens, width)."""
    pairs = math.prod(query[:-1]) * key[-2]
    return 2 * pairs * (query[-1] + value[-1])


def _operations(operation: Any) -> int:
    kind = operation.get_type_name()
    if kind not in ("MatMul", "Convolution", "GroupConvolution", "ScaledDotProductAttention"):
        return 0
    inputs = [list(i.get_shape()) for i in operation.inputs()]
    out = list(operation.output(0).get_shape())
    if kind == "MatMul":
        transposed = bool(operation.get_attributes().get("transpose_a", False))
        return product(inputs[0], out, transposed)
    if kind == "Convolution":
        return convolution(inputs[1], out)
    if kind == "GroupConvolution":
        # Weights (groups, out channels of a group, in channels of a group, kernel...).
        return convolution(inputs[1][1:], out)
    return attention(*inputs[:3])


def _numbers(operation: Any) -> int:
    """Numbers in a constant; index lists are no weights."""
    if operation.get_type_name() != "Constant":
        return 0
    element = operation.output(0).get_element_type()
    if element.is_integral() and element.size > 1:
        return 0
    return math.prod(operation.output(0).get_shape())
