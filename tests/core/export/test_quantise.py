"""INT8 graphs: which products, which numbers, and that nothing else changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from pear_core.export.quantise import (
    STEPS,
    _best_scale,
    activation_scales,
    quantise,
    quantise_weights,
    targets,
)

RNG = np.random.default_rng(0)
W = RNG.normal(size=(6, 5)).astype(np.float32)
V = RNG.normal(size=(4, 5)).astype(np.float32)
K = RNG.normal(size=(2, 3, 3, 3)).astype(np.float32)
X = RNG.normal(size=(3, 6)).astype(np.float32)


def two_products() -> ir.Model:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"], name="first/MatMul"),
        helper.make_node("Gemm", ["a", "v"], ["b"], name="second/Gemm", transB=1),
        helper.make_node("Transpose", ["b"], ["t"], name="second/Transpose", perm=[1, 0]),
        helper.make_node("MatMul", ["b", "t"], ["y"], name="third/MatMul"),
    ]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", "N"])],
        [numpy_helper.from_array(W, "w"), numpy_helper.from_array(V, "v")],
    )  # fmt: skip
    return ir.serde.deserialize_model(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    )


def run(model: ir.Model, x: np.ndarray = X) -> np.ndarray:
    proto = ir.serde.serialize_model(model)
    onnx.checker.check_model(proto, full_check=True)
    return ReferenceEvaluator(proto).run(None, {"x": x})[0]


def rounded(values: np.ndarray, scale: Any) -> np.ndarray:
    return (scale * np.clip(np.round(values / scale), -127, 127)).astype(np.float32)


def test_products_with_weights_by_hand() -> None:
    model = two_products()
    scales = {"first/MatMul": 0.02, "second/Gemm": 0.05}
    assert [n.name for n in targets(model)] == ["first/MatMul", "second/Gemm"]
    assert quantise(model, scales) == 2
    # Columns of W are its outputs; a Gemm with transB has them as rows.
    w = rounded(W, np.abs(W).max(axis=0, keepdims=True) / 127)
    v = rounded(V, np.abs(V).max(axis=1, keepdims=True) / 127)
    b = rounded(rounded(X, 0.02) @ w, 0.05) @ v.T
    np.testing.assert_allclose(run(model), b @ b.T, rtol=2e-4, atol=2e-4)
    stored = model.graph.initializers
    assert stored["w.int8"].dtype == stored["v.int8"].dtype == ir.DataType.INT8
    assert "w" not in stored and "v" not in stored
    assert np.abs(stored["w.int8"].const_value.numpy().astype(int)).max() == 127  # type: ignore[union-attr]
    # Zero points are zero: TensorRT has no others.
    for name, value in stored.items():
        if name.endswith(".zero"):
            assert not value.const_value.numpy().any()  # type: ignore[union-attr]


def test_kept_modules_and_unknown_activations_stay() -> None:
    exact = run(two_products())
    model = two_products()
    assert quantise(model, {"first/MatMul": 0.02}, frozenset({"first"})) == 0
    np.testing.assert_array_equal(run(model), exact)
    model = two_products()
    assert quantise(model, {"second/Gemm": 0.05}) == 1
    assert "w" in model.graph.initializers and "v" not in model.graph.initializers


def test_only_weights() -> None:
    model = two_products()
    assert quantise_weights(model, frozenset({"second"})) == 1
    w = rounded(W, np.abs(W).max(axis=0, keepdims=True) / 127)
    b = X @ w @ V.T
    np.testing.assert_allclose(run(model), b @ b.T, rtol=1e-5, atol=1e-5)
    assert [n.op_type for n in model.graph].count("QuantizeLinear") == 0


def test_a_convolution_has_its_outputs_first_and_empty_channels_stay_empty() -> None:
    kernel = K.copy()
    kernel[1] = 0.0
    picture = RNG.normal(size=(1, 3, 5, 5)).astype(np.float32)
    nodes = [helper.make_node("Conv", ["x", "k"], ["y"], name="c/Conv")]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 5, 5])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2, 3, 3])],
        [numpy_helper.from_array(kernel, "k")],
    )  # fmt: skip
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    model = ir.serde.deserialize_model(proto)
    exact = run(model, picture)
    quantise_weights(model)
    found = run(model, picture)
    assert not found[:, 1].any() and np.abs(found - exact).max() < 0.1
    assert not np.array_equal(found, exact)


def test_scales_come_from_what_flows_through(monkeypatch: pytest.MonkeyPatch) -> None:
    model = two_products()
    batches = [X, 2 * X]
    scales = activation_scales(model, batches, targets(model))
    assert set(scales) == {"first/MatMul", "second/Gemm"}
    # At most the largest value, at least the smallest share of it that is tried.
    peak = np.abs(2 * X).max() / STEPS
    assert 0.4 * peak <= scales["first/MatMul"] <= peak * (1 + 1e-6)
    peak = np.abs(2 * X @ W).max() / STEPS
    assert 0.4 * peak <= scales["second/Gemm"] <= peak * (1 + 1e-6)


def test_outliers_are_cut_off_and_even_values_are_not() -> None:
    many = RNG.normal(size=20000).astype(np.float32)
    with_outlier = np.append(many, np.float32(12.0))
    cut = _best_scale(with_outlier, 12.0)
    assert cut < 0.97 * 12.0 / STEPS
    error = np.square(with_outlier - rounded(with_outlier, cut)).mean()
    whole = np.square(with_outlier - rounded(with_outlier, 12.0 / STEPS)).mean()
    assert error < whole
    even = RNG.uniform(-1, 1, 20000).astype(np.float32)
    assert _best_scale(even, 1.0) > 0.95 / STEPS
    assert _best_scale(np.zeros(5, np.float32), 0.0) > 0


def test_what_is_the_same_for_every_picture_stays() -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["n"], start=0, end=1),
        helper.make_node("Concat", ["n", "width"], ["s"], axis=0),
        helper.make_node("Expand", ["token", "s"], ["e"]),
        helper.make_node("MatMul", ["e", "w"], ["query"], name="token/MatMul"),
        helper.make_node("MatMul", ["x", "w2"], ["key"], name="picture/MatMul"),
        helper.make_node("Add", ["query", "key"], ["a"]),
        helper.make_node("MatMul", ["a", "u"], ["y"], name="both/MatMul"),
    ]
    weights = {"token": X[:1], "w": W, "w2": W + 1, "u": V.T.copy()}
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4])],
        [numpy_helper.from_array(v, k) for k, v in weights.items()]
        + [numpy_helper.from_array(np.array([6]), "width")],
    )  # fmt: skip
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    model = ir.serde.deserialize_model(proto)
    assert [n.name for n in targets(model)] == ["picture/MatMul", "both/MatMul"]
