"""A network graph in float16 or bfloat16, with float32 where that matters.

The types are written into the graph, so that every engine computes the same: products and
convolutions in the low type; layer norms, softmax, the picture's normalisation and the linear heads
(1 in 600 multiplications of ViT-H) in float32. Inputs and outputs stay float32. Convolutions in
bfloat16 exist from opset 22 on, so a graph that has some is of that opset; any other keeps its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import ml_dtypes
import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import ShapeInferencePass

from pear_core.export.naming import block, inside, scope

Precision = Literal["f32", "f16", "bf16"]
LOW: dict[str, ir.DataType] = {"f16": ir.DataType.FLOAT16, "bf16": ir.DataType.BFLOAT16}
FULL_OPS = frozenset({"LayerNormalization", "Softmax", "BatchNormalization", "Sub", "Div", "Gemm"})
"""Computed in float32. Sub and Div are the normalisation of the picture, Gemm the heads."""
LATE_BF16, LATE_OPSET = frozenset({"Conv", "MaxPool"}), 22
"""Operators that have no bfloat16 before that opset, which changes nothing else that we use."""
PRODUCTS = frozenset({"MatMul", "Gemm", "Conv"})
STEERED = frozenset({"Resize"})
"""Their operands after the first are float32 by definition."""
MOVING_OPS = frozenset(
    {
        "Resize",
        "Concat",
        "Slice",
        "Reshape",
        "Transpose",
        "Squeeze",
        "Unsqueeze",
        "Split",
        "Identity",
    }
)
"""They keep the type of what they move."""


class PrecisionError(ValueError):
    """Weights that the wanted type cannot hold."""


def lower(model: ir.Model, precision: Precision, kept: frozenset[str] = frozenset()) -> None:
    """Rewrite a float32 graph in place; weights are cast one by one when they are written.

    kept: modules (see `naming.scope`) that stay float32. Raises PrecisionError for a weight beyond
    the range of float16.
    """
    if precision == "f32":
        return
    # Optimisers leave values without a type.
    ShapeInferencePass()(model)
    graph, low = model.graph, LOW[precision]
    weights = {value for value in graph.initializers.values() if value.dtype == ir.DataType.FLOAT}
    is_low: dict[ir.Value, bool] = {
        value: False for value in graph.inputs if value.dtype == ir.DataType.FLOAT
    }
    casts: dict[tuple[ir.Value, bool], ir.Value] = {}
    with_weights = {block(scope(node)) for node in products(model)}

    def converted(value: ir.Value, wanted: bool, before: ir.Node) -> ir.Value:
        if value in weights:
            if not wanted:
                return value
            if (value, True) not in casts:
                casts[value, True] = _low_weight(graph, value, low)
            return casts[value, True]
        if is_low[value] == wanted:
            return value
        if (value, wanted) not in casts:
            to = low if wanted else ir.DataType.FLOAT
            name = f"{value.name}.{'low' if wanted else 'full'}"
            cast = ir.Node("", "Cast", [value], [ir.AttrInt64("to", to)], name=name)
            cast.outputs[0].name, cast.outputs[0].dtype = name, to
            graph.insert_before(before, cast)
            casts[value, wanted] = cast.outputs[0]
        return casts[value, wanted]

    for node in list(graph):
        operands = node.inputs[:1] if node.op_type in STEERED else node.inputs
        floats = [v for v in operands if v is not None and (v in weights or v in is_low)]
        moved = [v for v in floats if v not in weights]
        wanted = bool(floats) and node.op_type not in FULL_OPS and not inside(scope(node), kept)
        if node.op_type in MOVING_OPS and moved:
            wanted = any(is_low[v] for v in moved)
        elif block(scope(node)) not in with_weights and moved:
            # What only joins modules is low between low ones.
            wanted = wanted and all(is_low[v] for v in moved)
        for index, value in enumerate(operands):
            if value is not None and (value in weights or value in is_low):
                node.replace_input_with(index, converted(value, wanted, node))
        for value in node.outputs:
            if value.dtype == ir.DataType.FLOAT:
                is_low[value] = wanted
                value.dtype = low if wanted else ir.DataType.FLOAT
        if wanted and precision == "bf16" and node.op_type in LATE_BF16:
            model.opset_imports[""] = max(LATE_OPSET, model.opset_imports[""])
    _full_outputs(graph, is_low)
    for name, value in list(graph.initializers.items()):
        if not value.uses():
            del graph.initializers[name]


def products(model: ir.Model) -> list[ir.Node]:
    """The products with a float32 weight, in the order of the graph."""
    weights = model.graph.initializers
    return [
        node
        for node in model.graph
        if node.op_type in PRODUCTS
        and node.inputs[1] is not None
        and node.inputs[1].name in weights
        and node.inputs[1].dtype == ir.DataType.FLOAT
    ]


def convolutional(model: ir.Model) -> frozenset[str]:
    """The modules that need `LATE_OPSET` in bfloat16."""
    return frozenset(scope(node) for node in model.graph if node.op_type in LATE_BF16)


def lowered_products(precision: str) -> frozenset[str]:
    """Operators with weights that a precision changes; "int8" and "w8" change all of them."""
    return PRODUCTS - FULL_OPS if precision in LOW else PRODUCTS


def _full_outputs(graph: ir.Graph, is_low: dict[ir.Value, bool]) -> None:
    """Outputs of the graph as float32, under their names."""
    for index, value in enumerate(graph.outputs):
        if is_low.get(value):
            name = value.name
            value.name = f"{name}.low"
            cast = ir.Node("", "Cast", [value], [ir.AttrInt64("to", ir.DataType.FLOAT)])
            out = cast.outputs[0]
            out.name, out.dtype, out.shape = name, ir.DataType.FLOAT, value.shape
            graph.append(cast)
            graph.outputs[index] = out


def _low_weight(graph: ir.Graph, value: ir.Value, low: ir.DataType) -> ir.Value:
    full, name = value.const_value, f"{value.name}.low"
    assert full is not None and value.name is not None
    if low == ir.DataType.FLOAT16:
        peak = float(np.abs(full.numpy()).max(initial=0.0))
        if not peak < 65520.0:
            raise PrecisionError(
                f"{value.name}: float16 holds values up to 65504, found {peak:g}; use bf16"
            )
    kind = np.float16 if low == ir.DataType.FLOAT16 else ml_dtypes.bfloat16
    weight = ir.Value(name=name, type=ir.TensorType(low), shape=value.shape)
    weight.const_value = lazily(full, low, lambda array: array.astype(kind), name)
    graph.register_initializer(weight)
    return weight


def lazily(
    tensor: ir.TensorProtocol,
    dtype: ir.DataType,
    cast: Callable[[np.ndarray], np.ndarray],
    name: str,
) -> ir.LazyTensor:
    """A tensor that is cast each time it is written, and not kept."""
    return ir.LazyTensor(
        lambda: ir.Tensor(cast(tensor.numpy()), dtype=dtype, name=name),
        dtype=dtype,
        shape=ir.Shape(tuple(tensor.shape)),  # type: ignore[arg-type]
        cache=False,
        name=name,
    )
