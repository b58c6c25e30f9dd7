"""Graphs whose weights do not fit into one message: written beside it, with the limit forced down."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import openvino
import pytest
from onnx import TensorProto, helper, numpy_helper

from pear_core.export.onnx_export import DATA_SUFFIX, pack_lazily, weight_bytes, write_graph

RNG = np.random.default_rng(0)
METADATA = {"pear.identity": '{"model":"x"}'}


def weight(rows: int, columns: int, exact: bool) -> np.ndarray:
    """exact: every value is one of float16's, so that packing changes nothing."""
    values = RNG.normal(size=(rows, columns)).astype(np.float32)
    return values.astype(np.float16).astype(np.float32) if exact else values


def network(exact: bool) -> tuple[ir.Model, np.ndarray, np.ndarray]:
    """Two products of 40 x 30 and 30 x 20 (that one always float32), and their matrices."""
    first, second = weight(40, 30, exact), weight(30, 20, exact)
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "a"], ["h"]),
            helper.make_node("Gemm", ["h", "b"], ["y"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 40])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 20])],
        [numpy_helper.from_array(first, "a"), numpy_helper.from_array(second, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return ir.serde.deserialize_model(model), first, second


def by_runtime(path: Path, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": x})[0])


def by_openvino(path: Path, x: np.ndarray) -> np.ndarray:
    config = {"INFERENCE_PRECISION_HINT": "f32"}
    return np.asarray(openvino.Core().compile_model(str(path), "CPU", config)(x)[0])


def test_weights_beside_the_graph_give_the_same_numbers(tmp_path: Path) -> None:
    model, first, second = network(exact=False)
    path = tmp_path / "network.onnx"
    write_graph(model, path, METADATA, inline_limit=7199)
    data = tmp_path / ("network.onnx" + DATA_SUFFIX)
    assert {p.name for p in tmp_path.iterdir()} == {path.name, data.name}
    # 1200 + 600 numbers of four bytes, and not one of them in the graph.
    assert data.stat().st_size == 7200 and path.stat().st_size < 1000
    x = RNG.normal(size=(3, 40)).astype(np.float32)
    expected = x.astype(np.float64) @ first @ second
    for run in (by_runtime, by_openvino):
        np.testing.assert_allclose(run(path, x), expected, atol=1e-4)
    stored = onnx.load(path)
    assert {p.key: p.value for p in stored.metadata_props} == METADATA
    arrays = {t.name: numpy_helper.to_array(t) for t in stored.graph.initializer}
    np.testing.assert_array_equal(arrays["a"], first)
    np.testing.assert_array_equal(arrays["b"], second)


def test_at_the_limit_everything_stays_in_one_file(tmp_path: Path) -> None:
    write_graph(network(exact=False)[0], tmp_path / "network.onnx", METADATA, inline_limit=7200)
    assert [p.name for p in tmp_path.iterdir()] == ["network.onnx"]


def test_packing_may_bring_it_under_the_limit_again(tmp_path: Path) -> None:
    model, first, second = network(exact=True)
    path = tmp_path / "network.onnx"
    write_graph(model, path, METADATA, inline_limit=3600)
    assert [p.name for p in tmp_path.iterdir()] == ["network.onnx"]
    assert 3600 < path.stat().st_size < 4600
    x = RNG.normal(size=(2, 40)).astype(np.float32)
    np.testing.assert_allclose(
        by_runtime(path, x), x.astype(np.float64) @ first @ second, atol=1e-4
    )


def test_packed_weights_beside_the_graph(tmp_path: Path) -> None:
    model, first, second = network(exact=True)
    path = tmp_path / "network.onnx"
    write_graph(model, path, METADATA, inline_limit=0)
    assert (tmp_path / ("network.onnx" + DATA_SUFFIX)).stat().st_size == 3600
    x = RNG.normal(size=(2, 40)).astype(np.float32)
    np.testing.assert_allclose(
        by_runtime(path, x), x.astype(np.float64) @ first @ second, atol=1e-4
    )


@pytest.mark.parametrize("precision", ["f16", "bf16"])
def test_a_written_graph_can_be_lowered_later(tmp_path: Path, precision: str) -> None:
    model, first, second = network(exact=False)
    write_graph(model, tmp_path / "exact.onnx", METADATA, inline_limit=0)
    again = ir.load(tmp_path / "exact.onnx")
    write_graph(again, tmp_path / "low.onnx", METADATA, precision)  # type: ignore[arg-type]
    assert not (tmp_path / ("low.onnx" + DATA_SUFFIX)).exists()
    x = RNG.normal(size=(2, 40)).astype(np.float32)
    expected = x.astype(np.float64) @ first @ second
    error = np.abs(by_openvino(tmp_path / "low.onnx", x) - expected).max() / np.abs(expected).max()
    step = {"f16": 2.0**-11, "bf16": 2.0**-8}[precision]
    assert step / 50 < error < 4 * step


def test_lazy_packing_touches_only_what_is_exact() -> None:
    model, _, _ = network(exact=True)
    assert weight_bytes(model) == 7200
    pack_lazily(model)
    assert weight_bytes(model) == 3600
    assert {str(v.dtype) for v in model.graph.initializers.values()} == {"FLOAT16"}
    other, _, _ = network(exact=False)
    pack_lazily(other)
    assert weight_bytes(other) == 7200 and len(list(other.graph)) == 2
