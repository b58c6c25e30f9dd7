"""Weights rounded so that their errors cancel: for bfloat16, whose eight bits are few.

Each weight rounded to the nearest is best for the weight, not for the sum it is part of. Here the
weights of a product are rounded one after the other, its bias first, and what each rounding does to
the output is made up for by those that follow, as far as the values seen on crops go together.
Source: Frantar et al. 2023, "GPTQ", after Hassibi and Stork 1993, "Optimal Brain Surgeon".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import onnx_ir as ir
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from pear_core.export.interpret import Interpreter, attribute, padding
from pear_core.export.precision import products

Weights = tuple[NDArray[np.float32], NDArray[np.float32] | None]
"""Of a product: its second operand, and its third where it has one."""
ROWS = 1 << 12
"""Places of each product's input and batch that are looked at."""
DAMPING = 0.01
"""Of the mean square of the inputs, added to each: keeps directions that were never seen in bounds."""
LONGEST = 1024
"""Values in a sum, at most: second moments are squares of that. Wide ViTs need none of this."""


def rounded_weights(model: ir.Model, batches: Iterable[NDArray[np.float32]]) -> dict[str, Weights]:
    """bfloat16 values, as float32, for the weights and biases of the convolutions and matrix
    products of a float32 graph, by the node's name; batches: strips [N, 3, 256, 192].
    """
    by_input: dict[ir.Value, list[ir.Node]] = {}
    for node in products(model):
        if node.op_type in ("Conv", "MatMul") and _summed(node) <= LONGEST:
            by_input.setdefault(_operand(node, 0), []).append(node)
    moments: dict[ir.Node, Tensor] = {}
    generator = torch.Generator().manual_seed(0)

    def observe(value: ir.Value, tensor: Tensor) -> None:
        for node in by_input.get(value, ()):
            rows = _rows(node, tensor, generator)
            moment = (rows.mT @ rows).double()
            moments[node] = moments[node] + moment if node in moments else moment

    run = Interpreter(model)
    for batch in batches:
        run({str(model.graph.inputs[0].name): batch}, observe)
    return {str(node.name): _rounded(node, moment) for node, moment in moments.items()}


def replace_weights(model: ir.Model, found: Mapping[str, Weights]) -> None:
    """Put `rounded_weights`, perhaps of another graph with the same modules, into a graph in place."""
    for node in products(model):
        for value, array in zip(node.inputs[1:], found.get(str(node.name), ())):
            if value is not None and array is not None and len(value.uses()) == 1:
                value.const_value = ir.tensor(array, name=value.name)


def compensated(weights: Tensor, moments: Tensor) -> Tensor:
    """bfloat16 values near weights [G, outputs, K] whose sums over inputs with second moments
    [G, K, K] change least; columns are rounded in their order.
    """
    mean = moments.diagonal(dim1=-2, dim2=-1).mean(-1)
    damping = (DAMPING * mean).clamp_min(1e-12)[:, None, None] * torch.eye(moments.shape[-1])
    # Upper factor of the inverse: row k says how later columns make up for column k.
    factor = torch.linalg.cholesky(torch.linalg.inv(moments + damping), upper=True)
    left, out = weights.double().clone(), torch.empty_like(weights, dtype=torch.float64)
    for k in range(left.shape[-1]):
        out[..., k] = left[..., k].bfloat16().double()
        error = (left[..., k] - out[..., k]) / factor[:, None, k, k]
        left[..., k + 1 :] -= error[..., None] * factor[:, None, k, k + 1 :]
    return out


def _rows(node: ir.Node, tensor: Tensor, generator: torch.Generator) -> Tensor:
    """What each output is a sum over, [G, places, K], a one for the bias in front."""
    tensor = tensor.float()
    if node.op_type == "MatMul":
        rows = tensor.reshape(1, -1, tensor.shape[-1])
    else:
        weight, groups = _weight(node, 1), attribute(node, "group", 1)
        padded = F.pad(tensor, padding(node))
        kernel, strides = tuple(weight.shape[2:]), attribute(node, "strides", [1, 1])
        columns = F.unfold(padded, kernel, attribute(node, "dilations", [1, 1]), 0, strides)
        parts = columns.reshape(len(tensor), groups, -1, columns.shape[-1])
        rows = parts.permute(1, 0, 3, 2).flatten(1, 2)
    if rows.shape[1] > ROWS:
        rows = rows[:, torch.randint(rows.shape[1], (ROWS,), generator=generator)]
    return torch.cat([torch.ones_like(rows[..., :1]), rows], -1)


def _rounded(node: ir.Node, moments: Tensor) -> Weights:
    weight = _weight(node, 1)
    bias = _weight(node, 2) if len(node.inputs) > 2 else None
    product = node.op_type == "MatMul"
    flat = weight.T[None] if product else weight.reshape(len(moments), -1, moments.shape[-1] - 1)
    first = torch.zeros_like(flat[..., :1]) if bias is None else bias.reshape(*flat.shape[:2], 1)
    out = compensated(torch.cat([first, flat], -1), moments).float()
    values = out[0, :, 1:].T if product else out[..., 1:].reshape(weight.shape)
    offsets = None if bias is None else out[..., 0].reshape(-1).numpy()
    return values.contiguous().numpy(), offsets


def _summed(node: ir.Node) -> int:
    shape = _weight(node, 1).shape
    return shape[0] if node.op_type == "MatMul" else shape[1:].numel()


def _operand(node: ir.Node, index: int) -> ir.Value:
    value = node.inputs[index]
    assert value is not None
    return value


def _weight(node: ir.Node, index: int) -> Tensor:
    tensor = _operand(node, index).const_value
    assert tensor is not None
    return torch.from_numpy(np.array(tensor.numpy(), np.float32))
