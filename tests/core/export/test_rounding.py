"""Rounding errors of a product's weights cancel over the inputs that it sees."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import onnx_ir as ir
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from pear_core.export.rounding import (
    LONGEST,
    compensated,
    replace_weights,
    rounded_weights,
)

RNG = np.random.default_rng(0)


def nearest(values: np.ndarray) -> np.ndarray:
    return values.astype(ml_dtypes.bfloat16).astype(np.float32)


def test_inputs_that_have_nothing_in_common_leave_the_nearest_value() -> None:
    weights = RNG.normal(size=(2, 3, 7)).astype(np.float32)
    moments = torch.diag_embed(torch.from_numpy(RNG.random((2, 7)) + 0.1))
    found = compensated(torch.from_numpy(weights), moments)
    np.testing.assert_array_equal(found.numpy(), nearest(weights))


def test_by_hand_one_weight_makes_up_for_the_other() -> None:
    """bfloat16 has steps of 1/128 at 1 and of 1/512 at 1/4; both inputs are always the same."""
    weights = torch.tensor([[[1.0 + 1 / 512, 0.25]]])
    found = compensated(weights, torch.ones(1, 2, 2, dtype=torch.float64))
    assert found.tolist() == [[[1.0, 0.25 + 1 / 512]]]


def test_an_input_that_was_never_seen_does_no_harm() -> None:
    weights = RNG.normal(size=(1, 4, 3)).astype(np.float32)
    found = compensated(torch.from_numpy(weights), torch.zeros(1, 3, 3, dtype=torch.float64))
    np.testing.assert_array_equal(found.numpy(), nearest(weights))


def graph(kind: str) -> tuple[Any, np.ndarray]:
    """One product and pictures whose neighbours and channels resemble each other."""
    shapes: dict[str, tuple[int, ...]] = {
        "full": (5, 4, 3, 3), "depthwise": (4, 1, 3, 3), "point": (6, 4, 1, 1), "MatMul": (8, 6),
    }  # fmt: skip
    weights = {"w": RNG.normal(size=shapes[kind]), "b": RNG.normal(size=shapes[kind][0])}
    given: dict[str, Any] = {"full": {"strides": [2, 2], "pads": [1, 0, 1, 2]},
                             "depthwise": {"group": 4, "pads": [1, 1, 1, 1]}, "point": {}}  # fmt: skip
    if kind == "MatMul":
        node = helper.make_node("MatMul", ["x", "w"], ["y"], name="m/MatMul")
    else:
        node = helper.make_node("Conv", ["x", "w", "b"], ["y"], name="m/Conv", **given[kind])
    proto = helper.make_graph(
        [node], "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items()
         if k != "b" or kind != "MatMul"],
    )  # fmt: skip
    model = helper.make_model(proto, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    common = RNG.random((16, 1, 8, 1))
    pictures = (2.0 * common + 0.1 * RNG.normal(size=(16, 4, 8, 8))).astype(np.float32)
    return model, pictures


@pytest.mark.parametrize("kind", ["full", "depthwise", "point", "MatMul"])
def test_the_product_errs_less_than_with_the_nearest_weights(kind: str) -> None:
    """By onnx's own reference, on pictures other than those the weights were rounded on."""
    proto, pictures = graph(kind)
    model = ir.serde.deserialize_model(proto)
    found = rounded_weights(model, [pictures[:4], pictures[4:8]])
    (name,) = found
    for array in found[name]:
        if array is not None:
            np.testing.assert_array_equal(array, nearest(array))
    assert (found[name][1] is None) == (kind == "MatMul")
    near = {
        name: (
            nearest(model.graph.initializers["w"].const_value.numpy()),
            None if kind == "MatMul" else nearest(model.graph.initializers["b"].const_value.numpy()),
        )
    }  # fmt: skip

    def error(weights: Any) -> float:
        other = ir.serde.deserialize_model(proto)
        replace_weights(other, weights)
        low = ReferenceEvaluator(ir.serde.serialize_model(other)).run(None, {"x": pictures[8:]})
        exact = ReferenceEvaluator(proto).run(None, {"x": pictures[8:]})
        return float(np.square(np.asarray(low[0]) - np.asarray(exact[0])).mean())

    assert 0.0 < error(found) < 0.5 * error(near)


def test_long_sums_are_left_alone() -> None:
    weights = numpy_helper.from_array(np.ones((LONGEST + 1, 2), np.float32), "w")
    proto = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], name="m/MatMul")], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", LONGEST + 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2])], [weights],
    )  # fmt: skip
    model = helper.make_model(proto, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    pictures = np.ones((1, LONGEST + 1), np.float32)
    assert rounded_weights(ir.serde.deserialize_model(model), [pictures]) == {}
