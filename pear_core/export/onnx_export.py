"""From a torch module to an ONNX file with identity, packed without changing a number.

Weights that protobuf cannot hold (2 GB) lie beside the graph, in FILE.data.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnx
import onnx_ir as ir
import torch
from onnx import helper, numpy_helper
from torch import Tensor

from pear_core.export.naming import name_nodes
from pear_core.export.precision import Precision, lazily, lower

OPSET = 20
SMALLEST_PACKED = 256
"""Initialisers below this many elements stay float32: the Cast would weigh more than it saves."""
INLINE_LIMIT = 1_900_000_000
"""Bytes of weights that still fit into one protobuf message (2 GiB) with the graph around them."""
CHECKED_WHOLE = 500_000_000
"""Bytes of weights inside a graph up to which its types are inferred: that copies it several times."""
DATA_SUFFIX = ".data"


class Graph(Protocol):
    """A module with named inputs and outputs; every axis 0 is the number of people, unless it has
    a method dynamic_shapes() that says which axes are free.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def example(self) -> tuple[Tensor, ...]: ...


def export_graph(
    graph: Graph, path: str | Path, metadata: Mapping[str, str], precision: Precision = "f32"
) -> None:
    """Write `graph` to an ONNX file: free number of people N, `metadata` as metadata_props.

    precision: what it computes in, see `precision.lower`. Checked by onnx.checker with shape
    inference. Raises PrecisionError, and what torch and onnx raise: an export that fails is a fault
    of ours, not of the input.
    """
    write_graph(trace(graph), path, metadata, precision)


def trace(graph: Graph) -> ir.Model:
    """The ONNX graph of a torch module, its nodes named by module (see `naming`)."""
    people = torch.export.Dim("N", min=1, max=4096)
    own: Any = getattr(graph, "dynamic_shapes", None)
    free: Any = tuple({0: people} for _ in graph.inputs) if own is None else own()
    assert isinstance(graph, torch.nn.Module)
    with warnings.catch_warnings(), _quiet("torch.onnx"), _plain_attention():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            graph.eval(),
            graph.example(),
            dynamo=True,
            opset_version=OPSET,
            verbose=False,
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            dynamic_shapes=free,
            optimize=True,
        )
    assert program is not None
    name_nodes(program.model)
    return program.model


def write_graph(
    model: ir.Model,
    path: str | Path,
    metadata: Mapping[str, str],
    precision: Precision = "f32",
    inline_limit: int = INLINE_LIMIT,
    kept: frozenset[str] = frozenset(),
) -> None:
    """Write a traced graph; its weights are not copied in memory, but one by one. kept: modules
    that stay float32.

    More than inline_limit bytes of weights, after packing, go into FILE.data beside it. The types
    of a graph that keeps more than CHECKED_WHOLE bytes inside are not inferred again.
    """
    path = Path(path)
    _detach(model)
    lower(model, precision, kept)
    if weight_bytes(model) > min(inline_limit, CHECKED_WHOLE):
        pack_lazily(model)
    outside = weight_bytes(model) > inline_limit
    if outside:
        ir.external_data.unload_from_model(
            model, path.parent, path.name + DATA_SUFFIX, size_threshold_bytes=1024
        )
    proto = ir.serde.serialize_model(model)
    _strip(proto)
    pack(proto)
    helper.set_model_props(proto, dict(metadata))
    proto.producer_name, proto.producer_version, proto.doc_string = "pear", "", ""
    in_memory = not outside and weight_bytes(model) <= CHECKED_WHOLE
    if in_memory:
        onnx.checker.check_model(proto, full_check=True)
    path.write_bytes(proto.SerializeToString(deterministic=True))
    del proto
    if not in_memory:
        # By its path: else the checker misses the file beside it.
        onnx.checker.check_model(str(path), full_check=outside)


def _detach(model: ir.Model) -> None:
    """Weights in a file beside the graph that was read become plain ones, still read when needed."""
    for value in model.graph.initializers.values():
        tensor = value.const_value
        if isinstance(tensor, ir.ExternalTensor):
            value.const_value = lazily(tensor, tensor.dtype, np.asarray, tensor.name or "")


def weight_bytes(model: ir.Model) -> int:
    """Bytes of all initialisers."""
    return sum(v.const_value.nbytes for v in model.graph.initializers.values() if v.const_value)


def pack_lazily(model: ir.Model) -> None:
    """`pack` before the graph becomes a message: nothing is copied until it is written."""
    graph = model.graph
    first = graph[0]
    for name, value in list(graph.initializers.items()):
        full = value.const_value
        if full is None or full.dtype != ir.DataType.FLOAT or full.size < SMALLEST_PACKED:
            continue
        if not exact_in_half(full.numpy()):
            continue
        half = ir.Value(
            name=f"{name}.half", type=ir.TensorType(ir.DataType.FLOAT16), shape=value.shape
        )
        half.const_value = lazily(
            full, ir.DataType.FLOAT16, lambda array: array.astype(np.float16), f"{name}.half"
        )
        cast = ir.Node("", "Cast", [half], [ir.AttrInt64("to", ir.DataType.FLOAT)])
        cast.name = f"{name}.cast"
        value.replace_all_uses_with(cast.outputs[0])
        del graph.initializers[name]
        cast.outputs[0].name, cast.outputs[0].dtype = name, ir.DataType.FLOAT
        graph.register_initializer(half)
        graph.insert_before(first, cast)


def pack(model: onnx.ModelProto) -> int:
    """Store float32 initialisers as float16 + Cast wherever that is exact; returns the bytes saved.

    Arithmetic stays float32 on the same values: only what float16 represents without rounding is
    packed.
    """
    graph, casts, saved = model.graph, [], 0
    for tensor in graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT or tensor.external_data:
            continue
        values = numpy_helper.to_array(tensor)
        if values.size < SMALLEST_PACKED or not exact_in_half(values):
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(
            helper.make_node(
                "Cast", [f"{name}.half"], [name], f"{name}.cast", to=onnx.TensorProto.FLOAT
            )
        )
        saved += 2 * values.size
    # Casts depend on initialisers only, so they come first.
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return saved


def unpack(model: ir.Model) -> None:
    """Undo `pack` in a graph that was read: its float32 weights are initialisers again."""
    graph = model.graph
    for node in list(graph):
        half = node.inputs[0] if node.op_type == "Cast" else None
        if half is None or half.const_value is None or half.name is None:
            continue
        if half.name not in graph.initializers:
            continue
        name = str(node.outputs[0].name)
        full = ir.Value(name=name, type=ir.TensorType(ir.DataType.FLOAT), shape=half.shape)
        full.const_value = lazily(
            half.const_value, ir.DataType.FLOAT, lambda array: array.astype(np.float32), name
        )
        node.outputs[0].replace_all_uses_with(full)
        graph.remove(node, safe=True)
        if not half.uses():
            del graph.initializers[half.name]
        graph.register_initializer(full)


def exact_in_half(values: np.ndarray) -> bool:
    """Whether float16 holds every value exactly."""
    with np.errstate(over="ignore"):
        return bool(np.array_equal(values.astype(np.float16).astype(np.float32), values))


def _strip(model: onnx.ModelProto) -> None:
    """Drop what only debugging needs: source lines and names of the torch program."""
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (
        *model.graph.value_info,
        *model.graph.input,
        *model.graph.output,
        *model.graph.initializer,
    ):
        del value.metadata_props[:]
        value.doc_string = ""
    del model.graph.metadata_props[:]
    del model.graph.value_info[:]


@contextmanager
def _plain_attention() -> Iterator[None]:
    """Attention as product, softmax, product, which every engine fuses into one operation; over a
    single key it is that key's value.

    The exporter's own form puts a dozen shape operations around the keys. Opset 23's Attention was
    no faster (OpenVINO 2026.4, ONNX Runtime 1.31) and older engines cannot read it.
    """

    def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        if k.shape[-2] == 1:
            return v
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
        return torch.softmax(scores, dim=-1) @ v

    functional: Any = torch.nn.functional
    original = functional.scaled_dot_product_attention
    functional.scaled_dot_product_attention = attention
    try:
        yield
    finally:
        functional.scaled_dot_product_attention = original


class _quiet:
    """Silences one logger for a while."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def __enter__(self) -> None:
        self._level = self._logger.level
        self._logger.setLevel(logging.ERROR)

    def __exit__(self, *_: object) -> None:
        self._logger.setLevel(self._level)
