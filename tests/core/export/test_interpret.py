"""The interpreter agrees with onnx's own reference, and rounds where the types say so."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from pear_core.export.interpret import Interpreter, InterpretError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 4, 6, 6)).astype(np.float32)
node = helper.make_node


def model(nodes: list[Any], weights: dict[str, np.ndarray], x: np.ndarray = X) -> onnx.ModelProto:
    kind = helper.np_dtype_to_tensor_dtype(x.dtype)
    outputs = [helper.make_empty_tensor_value_info(name) for name in nodes[-1].output]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", kind, list(x.shape))], outputs,
        [numpy_helper.from_array(v, k) for k, v in weights.items()],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def f32(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def i64(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


CASES: dict[str, tuple[list[Any], dict[str, np.ndarray]]] = {
    "conv": (
        [node("Conv", ["x", "w", "b"], ["y"], pads=[1, 0, 2, 1], strides=[2, 1])],
        {"w": f32(5, 4, 3, 3), "b": f32(5)},
    ),
    "depthwise": (
        [node("Conv", ["x", "w"], ["y"], group=4, pads=[1, 1, 1, 1])],
        {"w": f32(4, 1, 3, 3)},
    ),
    "pool": ([node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], strides=[2, 2])], {}),
    "norm": (
        [node("LayerNormalization", ["x", "s", "b"], ["y"], axis=-1, epsilon=1e-6)],
        {"s": f32(6), "b": f32(6)},
    ),
    "softmax": ([node("Softmax", ["x"], ["y"], axis=1)], {}),
    "gelu": ([node("Gelu", ["x"], ["y"])], {}),
    "clip": (
        [node("Clip", ["x", "low", "high"], ["y"])],
        {"low": np.float32(-0.5), "high": np.float32(0.7)},
    ),
    "gemm": (
        [
            node("Reshape", ["x", "s"], ["r"]),
            node("Gemm", ["r", "w", "b"], ["y"], transB=1),
        ],
        {"s": i64(2, -1), "w": f32(7, 144), "b": f32(7)},
    ),
    "matmul": ([node("MatMul", ["x", "w"], ["y"])], {"w": f32(6, 3)}),
    "slice": (
        [node("Slice", ["x", "a", "b", "c", "d"], ["y"])],
        {"a": i64(1, -3), "b": i64(3, 100), "c": i64(1, -1), "d": i64(1, 1)},
    ),
    "moves": (
        [
            node("Transpose", ["x"], ["t"], perm=[0, 2, 3, 1]),
            node("Unsqueeze", ["t", "one"], ["u"]),
            node("Squeeze", ["u", "one"], ["q"]),
            node("Split", ["q", "parts"], ["a", "b"], axis=3),
            node("Concat", ["b", "a", "q"], ["y"], axis=-1),
        ],
        {"one": i64(1), "parts": i64(1, 3)},
    ),
    "halves": ([node("Split", ["x"], ["y", "z"], axis=1, num_outputs=2)], {}),
    "resize": (
        [node("Resize", ["x", "", "s"], ["y"], mode="nearest",
              coordinate_transformation_mode="asymmetric", nearest_mode="floor")],
        {"s": np.float32([1, 1, 2, 2])},
    ),
    "gather": ([node("Gather", ["x", "i"], ["y"], axis=2)], {"i": i64(3, -1)}),
    "gather_one": ([node("Gather", ["x", "i"], ["y"], axis=1)], {"i": np.array(2)}),
    "filled": (
        [
            node("Shape", ["x"], ["n"], start=0, end=1),
            node("Concat", ["n", "k"], ["s"], axis=0),
            node("ConstantOfShape", ["s"], ["f"],
                 value=numpy_helper.from_array(np.float32([3.5]))),
            node("Expand", ["c", "s"], ["e"]),
            node("Add", ["f", "e"], ["y"]),
        ],
        {"k": i64(3), "c": f32(1, 3)},
    ),
    "arithmetic": (
        [
            node("Sub", ["x", "m"], ["a"]), node("Div", ["a", "s"], ["b"]),
            node("Mul", ["b", "b"], ["c"]), node("Identity", ["c"], ["y"]),
        ],
        {"m": f32(1, 4, 1, 1), "s": np.abs(f32(1, 4, 1, 1)) + 1},
    ),
    "quantised": (
        [
            node("QuantizeLinear", ["x", "s", "z"], ["q"]),
            node("DequantizeLinear", ["q", "s", "z"], ["a"]),
            node("DequantizeLinear", ["w", "ws", "wz"], ["b"], axis=1),
            node("MatMul", ["a", "b"], ["y"]),
        ],
        {
            "s": np.float32(0.02), "z": np.int8(0), "ws": np.float32([0.1, 0.2, 0.3]),
            "w": RNG.integers(-127, 128, (6, 3)).astype(np.int8), "wz": np.zeros(3, np.int8),
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_it_computes_what_onnx_says(case: str) -> None:
    proto = model(*CASES[case])
    expected = ReferenceEvaluator(proto).run(None, {"x": X})
    found = Interpreter(ir.serde.deserialize_model(proto))({"x": X})
    for output, value in zip(proto.graph.output, expected, strict=True):
        np.testing.assert_allclose(found[output.name], value, rtol=1e-5, atol=1e-5)
        assert found[output.name].dtype == value.dtype


def test_float16_rounds_after_every_operator_and_sums_in_float32() -> None:
    w = f32(6, 3).astype(np.float16)
    proto = model(
        [node("Cast", ["x"], ["h"], to=TensorProto.FLOAT16), node("MatMul", ["h", "w"], ["m"]),
         node("Add", ["m", "m"], ["d"]), node("Cast", ["d"], ["y"], to=TensorProto.FLOAT)],
        {"w": w},
    )  # fmt: skip
    found = Interpreter(ir.serde.deserialize_model(proto))({"x": X})["y"]
    half = X.astype(np.float16).astype(np.float64) @ w.astype(np.float64)
    by_hand = half.astype(np.float16).astype(np.float32) * 2
    # One unit in the last place where the exact sum lies between two float16 numbers.
    assert np.mean(found == by_hand) > 0.99
    np.testing.assert_allclose(found, by_hand, rtol=2**-10)


def test_bfloat16_weights_are_read_bit_by_bit() -> None:
    import ml_dtypes

    w = f32(6, 3).astype(ml_dtypes.bfloat16)
    proto = model(
        [node("Cast", ["w"], ["f"], to=TensorProto.FLOAT), node("MatMul", ["x", "f"], ["y"])],
        {"w": w},
    )
    found = Interpreter(ir.serde.deserialize_model(proto))({"x": X})["y"]
    np.testing.assert_allclose(found, X @ w.astype(np.float32), rtol=1e-5, atol=1e-5)


def test_what_it_does_not_know_is_refused() -> None:
    with pytest.raises(InterpretError, match="operator Sin is not known"):
        Interpreter(ir.serde.deserialize_model(model([node("Sin", ["x"], ["y"])], {})))
    mixed = model([node("Add", ["x", "w"], ["y"])], {"w": f32(6).astype(np.float16)})
    with pytest.raises(InterpretError, match="operands of different types"):
        Interpreter(ir.serde.deserialize_model(mixed))({"x": X})


def test_observers_see_every_value() -> None:
    proto = model(*CASES["arithmetic"])
    seen: dict[str, Any] = {}
    run = Interpreter(ir.serde.deserialize_model(proto))
    run({"x": X}, lambda value, tensor: seen.update({str(value.name): tensor.clone()}))
    assert set(seen) == {"x", "a", "b", "c", "y"}
    np.testing.assert_allclose(seen["c"].numpy(), seen["b"].numpy() ** 2, rtol=1e-6)
