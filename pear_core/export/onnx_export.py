"""From a torch module to one ONNX file with identity, packed without changing a number."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor

OPSET = 20
SMALLEST_PACKED = 256
"""Initialisers below this many elements stay float32: the Cast would weigh more than it saves."""


class Graph(Protocol):
    """A module with named inputs and outputs; every axis 0 is the number of people."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def example(self) -> tuple[Tensor, ...]: ...


def export_graph(graph: Graph, path: str | Path, metadata: Mapping[str, str]) -> None:
    """Write `graph` to an ONNX file: free number of people N, `metadata` as metadata_props.

    Checked by onnx.checker with shape inference. Raises what torch and onnx raise: an export that
    fails is a fault of ours, not of the input.
    """
    assert isinstance(graph, torch.nn.Module)
    people = torch.export.Dim("N", min=1, max=4096)
    with warnings.catch_warnings(), _quiet("torch.onnx"):
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            graph.eval(),
            graph.example(),
            dynamo=True,
            opset_version=OPSET,
            verbose=False,
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            dynamic_shapes=tuple({0: people} for _ in graph.inputs),
            optimize=True,
        )
    assert program is not None
    model = program.model_proto
    _strip(model)
    pack(model)
    helper.set_model_props(model, dict(metadata))
    model.producer_name, model.producer_version, model.doc_string = "pear", "", ""
    onnx.checker.check_model(model, full_check=True)
    Path(path).write_bytes(model.SerializeToString(deterministic=True))


def pack(model: onnx.ModelProto) -> int:
    """Store float32 initialisers as float16 + Cast wherever that is exact; returns the bytes saved.

    Arithmetic stays float32 on the same values: only what float16 represents without rounding is
    packed.
    """
    graph, casts, saved = model.graph, [], 0
    for tensor in graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT:
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


class _quiet:
    """Silences one logger for a while."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def __enter__(self) -> None:
        self._level = self._logger.level
        self._logger.setLevel(logging.ERROR)

    def __exit__(self, *_: object) -> None:
        self._logger.setLevel(self._level)
