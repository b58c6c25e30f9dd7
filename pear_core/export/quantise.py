"""INT8 written into a network graph: Q/DQ around the products with weights.

Weights: symmetric, one scale per output channel. Activations: symmetric, zero point 0, one static
scale, measured on crops (TensorRT takes no other form). Products of activations (attention), layer
norms, softmax and everything between stay in the graph's float type, and so do modules that are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import onnx_ir as ir
import torch
from numpy.typing import NDArray

from pear_core.export.interpret import Interpreter
from pear_core.export.naming import inside, scope
from pear_core.export.precision import lazily, products

STEPS = 127
"""Symmetric: -127 to 127, so that a scale times -128 never occurs."""
SAMPLED = 1 << 14
"""Values of each activation and batch that its scale is chosen on."""
CLIPPED = tuple(np.linspace(0.4, 1.0, 25))
"""Shares of the largest value at which an activation may be cut off."""


def targets(model: ir.Model, kept: frozenset[str] = frozenset()) -> list[ir.Node]:
    """The products with a float32 weight that may be quantised, in the order of the graph.

    Not those of values that are the same for every picture, as the decoder's first token is: that
    gains nothing, and OpenVINO 2026.4 folds such a product with INT8 weights to wrong numbers.
    """
    seen = _from_the_picture(model)
    return [n for n in products(model) if n.inputs[0] in seen and not inside(scope(n), kept)]


def _from_the_picture(model: ir.Model) -> set[ir.Value]:
    """Values that depend on what is in the inputs, not only on their shape."""
    found = set(model.graph.inputs)
    for node in model.graph:
        if node.op_type != "Shape" and any(value in found for value in node.inputs):
            found |= set(node.outputs)
    return found


def activation_scales(
    model: ir.Model, batches: Iterable[NDArray[np.float32]], nodes: Iterable[ir.Node]
) -> dict[str, float]:
    """Scale of the first operand of each of `nodes`, by the node's name, from strips [N, 3, 256,
    192]: the one with the smallest squared error over the values seen.
    """
    nodes = list(nodes)
    wanted = {node.inputs[0] for node in nodes}
    seen: dict[str, list[NDArray[np.float32]]] = {}
    peaks: dict[str, float] = {}
    generator = np.random.default_rng(0)

    def observe(value: ir.Value, tensor: torch.Tensor) -> None:
        if value not in wanted:
            return
        flat, name = tensor.flatten().float().numpy(), str(value.name)
        peaks[name] = max(peaks.get(name, 0.0), float(np.abs(flat).max(initial=0.0)))
        chosen = flat if flat.size <= SAMPLED else generator.choice(flat, SAMPLED)
        seen.setdefault(name, []).append(chosen.copy())

    run = Interpreter(model)
    for batch in batches:
        run({str(model.graph.inputs[0].name): batch}, observe)
    best = {name: _best_scale(np.concatenate(seen[name]), peaks[name]) for name in seen}
    return {str(node.name): best[str(_operand(node, 0).name)] for node in nodes}


def _best_scale(values: NDArray[np.float32], peak: float) -> float:
    if peak == 0.0:
        return 1.0 / STEPS
    scales = [share * peak / STEPS for share in CLIPPED]
    errors = [
        float(np.square(values - s * np.clip(np.round(values / s), -STEPS, STEPS)).mean())
        for s in scales
    ]
    return float(scales[int(np.argmin(errors))])


def quantise(
    model: ir.Model, scales: Mapping[str, float], kept: frozenset[str] = frozenset()
) -> int:
    """Write Q/DQ into a graph in place, before `precision.lower`; the number of products changed.

    scales: from `activation_scales`, perhaps of another graph with the same modules; a product that
    has none stays as it is.
    """
    return _rewrite(model, [n for n in targets(model, kept) if n.name in scales], scales)


def quantise_weights(model: ir.Model, kept: frozenset[str] = frozenset()) -> int:
    """Only the weights in INT8, turned back to float before each product; half the memory traffic of
    float16 and no calibration. The number of products changed.
    """
    return _rewrite(model, targets(model, kept), None)


def _rewrite(model: ir.Model, nodes: list[ir.Node], scales: Mapping[str, float] | None) -> int:
    graph = model.graph
    rounded: dict[ir.Value, ir.Value] = {}
    for node in nodes:
        activation, weight = _operand(node, 0), _operand(node, 1)
        if scales is not None:
            if activation not in rounded:
                scale = scales[str(node.name)]
                rounded[activation] = _through_int8(graph, activation, scale, node)
            node.replace_input_with(0, rounded[activation])
        if weight not in rounded:
            rounded[weight] = _int8_weight(graph, weight, _output_axis(node), node)
        node.replace_input_with(1, rounded[weight])
    for name, value in list(graph.initializers.items()):
        if not value.uses():
            del graph.initializers[name]
    return len(nodes)


def _operand(node: ir.Node, index: int) -> ir.Value:
    value = node.inputs[index]
    assert value is not None
    return value


def _output_axis(node: ir.Node) -> int:
    if node.op_type == "Conv":
        return 0
    if node.op_type == "Gemm":
        transposed = node.attributes.get("transB")
        return 0 if transposed is not None and transposed.value else 1
    return 1


def _through_int8(graph: ir.Graph, value: ir.Value, scale: float, before: ir.Node) -> ir.Value:
    operands = [
        _initialiser(graph, f"{value.name}.scale", np.array(scale, np.float32)),
        _initialiser(graph, f"{value.name}.zero", np.array(0, np.int8)),
    ]
    quantise = ir.Node("", "QuantizeLinear", [value, *operands], name=f"{value.name}.quantise")
    steps = _named(quantise.outputs[0], f"{value.name}.int8", ir.DataType.INT8)
    back = ir.Node("", "DequantizeLinear", [steps, *operands], name=f"{value.name}.dequantise")
    graph.insert_before(before, quantise)
    graph.insert_before(before, back)
    return _named(back.outputs[0], f"{value.name}.rounded", ir.DataType.FLOAT)


def _int8_weight(graph: ir.Graph, weight: ir.Value, axis: int, before: ir.Node) -> ir.Value:
    full = weight.const_value
    assert full is not None and weight.name is not None
    name = weight.name
    others = tuple(i for i in range(len(full.shape)) if i != axis)
    peaks = np.abs(full.numpy()).max(axis=others, keepdims=True).astype(np.float32)
    scales = np.where(peaks > 0, peaks / STEPS, np.float32(1.0))
    steps = ir.Value(name=f"{name}.int8", type=ir.TensorType(ir.DataType.INT8), shape=weight.shape)
    steps.const_value = lazily(
        full,
        ir.DataType.INT8,
        lambda array: np.clip(np.round(array / scales), -STEPS, STEPS).astype(np.int8),
        f"{name}.int8",
    )
    graph.register_initializer(steps)
    operands = [
        _initialiser(graph, f"{name}.scale", scales.reshape(-1)),
        _initialiser(graph, f"{name}.zero", np.zeros(scales.size, np.int8)),
    ]
    back = ir.Node(
        "", "DequantizeLinear", [steps, *operands], [ir.AttrInt64("axis", axis)],
        name=f"{name}.dequantise",
    )  # fmt: skip
    graph.insert_before(before, back)
    return _named(back.outputs[0], f"{name}.rounded", ir.DataType.FLOAT)


def _initialiser(graph: ir.Graph, name: str, array: NDArray[np.generic]) -> ir.Value:
    tensor = ir.tensor(array, name=name)
    value = ir.Value(name=name, type=ir.TensorType(tensor.dtype), shape=ir.Shape(array.shape))
    value.const_value = tensor
    graph.register_initializer(value)
    return value


def _named(value: ir.Value, name: str, dtype: ir.DataType) -> ir.Value:
    value.name, value.dtype = name, dtype
    return value
