"""Runs a network graph in torch with exactly the types that are written in it.

Engines on a CPU do not: OpenVINO turns float16 into float32, ONNX Runtime casts around what it has no
kernel for and drops casts. Here every operator reads operands of the graph's types, computes in
float32 and rounds its result to the graph's type, which is what tensor cores do; so the parity that
is measured is that of the graph.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx_ir as ir
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

_TYPES = {
    ir.DataType.FLOAT: torch.float32,
    ir.DataType.FLOAT16: torch.float16,
    ir.DataType.BFLOAT16: torch.bfloat16,
    ir.DataType.INT64: torch.int64,
    ir.DataType.INT32: torch.int32,
    ir.DataType.INT8: torch.int8,
    ir.DataType.UINT8: torch.uint8,
    ir.DataType.BOOL: torch.bool,
}
Observer = Callable[[ir.Value, Tensor], None]
Values = list[Tensor | None]


class InterpretError(ValueError):
    """An operator, or a form of one, that our network graphs do not have."""


class Interpreter:
    """One graph with its weights as tensors; call it as often as wanted.

    Raises InterpretError for an operator that is not known here.
    """

    def __init__(self, model: ir.Model) -> None:
        self.graph = model.graph
        self._constants: dict[ir.Value, Tensor] = {}
        for value in self.graph.initializers.values():
            assert value.const_value is not None
            self._constants[value] = _tensor(value.const_value)
        for node in self.graph:
            if node.op_type not in _OPERATORS:
                raise InterpretError(f"{node.name}: operator {node.op_type} is not known")
        uses = Counter(value for node in self.graph for value in node.inputs)
        uses.update(self.graph.outputs)
        self._uses = {value: count for value, count in uses.items() if value is not None}

    def __call__(
        self, inputs: Mapping[str, NDArray[Any]], observe: Observer | None = None
    ) -> dict[str, NDArray[Any]]:
        """Outputs by name. observe: is shown the inputs and every value as it is
        computed.
        """
        known: dict[ir.Value, Tensor] = {
            value: torch.from_numpy(np.array(inputs[str(value.name)]))
            for value in self.graph.inputs
        }
        if observe is not None:
            for value, tensor in known.items():
                observe(value, tensor)
        left = dict(self._uses)
        with torch.inference_mode():
            for node in self.graph:
                values = [
                    None if v is None else self._constants[v] if v in self._constants else known[v]
                    for v in node.inputs
                ]
                results = _OPERATORS[node.op_type](node, values)
                for value, result in zip(node.outputs, results):
                    known[value] = result
                    if observe is not None:
                        observe(value, result)
                for used in node.inputs:
                    if used is not None and used in known:
                        left[used] -= 1
                        if left[used] == 0:
                            del known[used]
            return {
                str(v.name): (known[v] if v in known else self._constants[v]).numpy()
                for v in self.graph.outputs
            }


def _tensor(value: ir.TensorProtocol) -> Tensor:
    array = np.array(value.numpy())
    if value.dtype == ir.DataType.BFLOAT16:
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def attribute(node: ir.Node, name: str, default: Any = None) -> Any:
    """An attribute of a node, a list where it has several values."""
    attribute = node.attributes.get(name)
    if attribute is None:
        return default
    value = attribute.value
    return list(value) if isinstance(value, tuple) else value


def _ints(value: Tensor | None) -> list[int]:
    assert value is not None
    return [int(v) for v in value.flatten()]


def _computed(
    function: Callable[[ir.Node, list[Tensor]], Tensor],
) -> Callable[[ir.Node, Values], list[Tensor]]:
    """An operator on floats: float32 inside, its first operand's type outside."""

    def run(node: ir.Node, values: Values) -> list[Tensor]:
        present = [v for v in values if v is not None]
        kind = present[0].dtype
        if any(v.dtype != kind for v in present):
            raise InterpretError(f"{node.name}: operands of different types")
        wide = [v.float() if v.is_floating_point() else v for v in present]
        result = function(node, wide)
        return [result.to(kind) if kind.is_floating_point else result]

    return run


def _moved(
    function: Callable[[ir.Node, Values], Tensor],
) -> Callable[[ir.Node, Values], list[Tensor]]:
    return lambda node, values: [function(node, values)]


def _gemm(node: ir.Node, v: list[Tensor]) -> Tensor:
    if attribute(node, "alpha", 1.0) != 1.0 or attribute(node, "beta", 1.0) != 1.0:
        raise InterpretError(f"{node.name}: Gemm with factors")
    a = v[0].T if attribute(node, "transA", 0) else v[0]
    product = a @ (v[1].T if attribute(node, "transB", 0) else v[1])
    return product + v[2] if len(v) > 2 else product


def padding(node: ir.Node) -> list[int]:
    """F.pad's order from ONNX's (top, left, bottom, right)."""
    if attribute(node, "auto_pad", "NOTSET") not in ("NOTSET", b"NOTSET"):
        raise InterpretError(f"{node.name}: automatic padding")
    top, left, bottom, right = attribute(node, "pads", [0, 0, 0, 0])
    return [left, right, top, bottom]


def _conv(node: ir.Node, v: list[Tensor]) -> Tensor:
    bias = v[2] if len(v) > 2 else None
    strides, dilations = attribute(node, "strides", [1, 1]), attribute(node, "dilations", [1, 1])
    x, group = F.pad(v[0], padding(node)), attribute(node, "group", 1)
    return F.conv2d(x, v[1], bias, strides, 0, dilations, group)


def _max_pool(node: ir.Node, v: list[Tensor]) -> Tensor:
    kernel, strides = attribute(node, "kernel_shape"), attribute(node, "strides", [1, 1])
    x = F.pad(v[0], padding(node), value=float("-inf"))
    return F.max_pool2d(x, kernel, strides, ceil_mode=bool(attribute(node, "ceil_mode", 0)))


def _clip(node: ir.Node, values: Values) -> Tensor:
    x, low, high = (*values, None, None)[:3]
    assert x is not None
    return torch.clamp(x, low, high)


def _layer_norm(node: ir.Node, v: list[Tensor]) -> Tensor:
    if attribute(node, "axis", -1) not in (-1, v[0].ndim - 1):
        raise InterpretError(f"{node.name}: LayerNormalization over several axes")
    bias = v[2] if len(v) > 2 else None
    return F.layer_norm(v[0], v[1].shape, v[1], bias, attribute(node, "epsilon", 1e-5))


def _slice(node: ir.Node, values: Values) -> Tensor:
    x, starts, ends = values[:3]
    assert x is not None
    axes = _ints(values[3]) if len(values) > 3 and values[3] is not None else range(x.ndim)
    steps = _ints(values[4]) if len(values) > 4 and values[4] is not None else None
    if steps and set(steps) != {1}:
        raise InterpretError(f"{node.name}: Slice with steps")
    index = [slice(None)] * x.ndim
    for axis, start, end in zip(axes, _ints(starts), _ints(ends)):
        index[axis] = slice(start, end)
    return x[tuple(index)]


def _reshape(node: ir.Node, values: Values) -> Tensor:
    x = values[0]
    assert x is not None
    shape = [x.shape[i] if n == 0 else n for i, n in enumerate(_ints(values[1]))]
    return x.reshape(shape)


def _squeeze(node: ir.Node, values: Values) -> Tensor:
    x = values[0]
    assert x is not None
    return x.squeeze(tuple(_ints(values[1])) if len(values) > 1 else tuple(range(x.ndim)))


def _unsqueeze(node: ir.Node, values: Values) -> Tensor:
    x = values[0]
    assert x is not None
    for axis in sorted(_ints(values[1])):
        x = x.unsqueeze(axis)
    return x


def _split(node: ir.Node, values: Values) -> list[Tensor]:
    x, axis = values[0], attribute(node, "axis", 0)
    assert x is not None
    if len(values) > 1 and values[1] is not None:
        return list(x.split(_ints(values[1]), dim=axis))
    return list(x.chunk(len(node.outputs), dim=axis))


def _resize(node: ir.Node, values: Values) -> Tensor:
    x = values[0]
    assert x is not None
    if attribute(node, "mode", "nearest") not in ("nearest", b"nearest"):
        raise InterpretError(f"{node.name}: only nearest")
    if len(values) > 3 and values[3] is not None:
        size = _ints(values[3])[2:]
    else:
        assert values[2] is not None
        size = [int(n * s) for n, s in zip(x.shape[2:], values[2].tolist()[2:])]
    return F.interpolate(x.float(), size, mode="nearest").to(x.dtype)


def _filled(node: ir.Node, values: Values) -> Tensor:
    value = attribute(node, "value")
    number = torch.zeros(1) if value is None else _tensor(value)
    return number.expand(_ints(values[0])).clone()


def _gather(node: ir.Node, values: Values) -> Tensor:
    x, index = values
    assert x is not None and index is not None
    axis = attribute(node, "axis", 0)
    taken = torch.index_select(x, axis, index.flatten().remainder(x.shape[axis]))
    return taken.reshape((*x.shape[:axis], *index.shape, *x.shape[axis:][1:]))


def _scale(node: ir.Node, v: Tensor, x: Tensor) -> Tensor:
    """A scale or zero point per tensor, or per slice along the node's axis, to multiply x with."""
    if v.ndim == 0 or v.numel() == 1:
        return v.reshape(())
    axis = attribute(node, "axis", 1) % x.ndim
    return v.reshape([-1 if i == axis else 1 for i in range(x.ndim)])


def _quantize(node: ir.Node, values: Values) -> Tensor:
    x, scale = values[0], values[1]
    assert x is not None and scale is not None
    zero = values[2] if len(values) > 2 else None
    kind = torch.uint8 if zero is None else zero.dtype
    limits = torch.iinfo(kind)
    steps = torch.round(x.float() / _scale(node, scale.float(), x))
    if zero is not None:
        steps = steps + _scale(node, zero.float(), x)
    return steps.clamp(limits.min, limits.max).to(kind)


def _dequantize(node: ir.Node, values: Values) -> Tensor:
    x, scale = values[0], values[1]
    assert x is not None and scale is not None
    steps = x.float()
    if len(values) > 2 and values[2] is not None:
        steps = steps - _scale(node, values[2].float(), x)
    return (steps * _scale(node, scale.float(), x)).to(scale.dtype)


def _first(values: Values) -> Tensor:
    assert values[0] is not None
    return values[0]


_OPERATORS: dict[str, Callable[[ir.Node, Values], list[Tensor]]] = {
    "Add": _computed(lambda n, v: v[0] + v[1]),
    "Sub": _computed(lambda n, v: v[0] - v[1]),
    "Mul": _computed(lambda n, v: v[0] * v[1]),
    "Div": _computed(lambda n, v: v[0] / v[1]),
    "MatMul": _computed(lambda n, v: v[0] @ v[1]),
    "Gemm": _computed(_gemm),
    "Conv": _computed(_conv),
    "MaxPool": _computed(_max_pool),
    "Softmax": _computed(lambda n, v: torch.softmax(v[0], attribute(n, "axis", -1))),
    "Gelu": _computed(lambda n, v: F.gelu(v[0], approximate=_approximation(n))),
    "LayerNormalization": _computed(_layer_norm),
    "Clip": _moved(_clip),
    "Cast": _moved(lambda n, v: _first(v).to(_TYPES[ir.DataType(attribute(n, "to"))])),
    "Concat": _moved(lambda n, v: torch.cat([x for x in v if x is not None], attribute(n, "axis"))),
    "Reshape": _moved(_reshape),
    "Transpose": _moved(lambda n, v: _first(v).permute(attribute(n, "perm"))),
    "Slice": _moved(_slice),
    "Squeeze": _moved(_squeeze),
    "Unsqueeze": _moved(_unsqueeze),
    "Split": _split,
    "Resize": _moved(_resize),
    "Gather": _moved(_gather),
    "Shape": _moved(lambda n, v: _shape(n, _first(v))),
    "Expand": _moved(lambda n, v: _first(v).expand(_ints(v[1]))),
    "ConstantOfShape": _moved(_filled),
    "Identity": _moved(lambda n, v: _first(v)),
    "QuantizeLinear": _moved(_quantize),
    "DequantizeLinear": _moved(_dequantize),
}


def _shape(node: ir.Node, x: Tensor) -> Tensor:
    start, end = attribute(node, "start", 0), attribute(node, "end", None)
    return torch.tensor(list(x.shape)[start:end])


def _approximation(node: ir.Node) -> str:
    kind = attribute(node, "approximate", "none")
    return kind.decode() if isinstance(kind, bytes) else str(kind)
