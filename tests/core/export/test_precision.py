"""Low-precision graphs: what is rounded, what stays float32, and what the numbers become."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from pear_core.export.precision import (
    FULL_OPS,
    PrecisionError,
    convolutional,
    lower,
    lowered_products,
)

FLOAT, HALF, BRAIN = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16
RNG = np.random.default_rng(0)


def small_network() -> onnx.ModelProto:
    """The kinds of node that the network graph has, from picture to heads."""
    weights = {
        "mean": RNG.random((1, 3, 1, 1)), "kernel": 0.3 * RNG.normal(size=(8, 3, 4, 4)),
        "place": RNG.normal(size=(1, 5, 8)), "scale": RNG.random(8) + 0.5,
        "shift": RNG.normal(size=8), "q": 0.3 * RNG.normal(size=(8, 8)),
        "head": RNG.normal(size=(6, 8)), "head2": RNG.normal(size=(2, 8)), "bias": RNG.normal(size=2),
    }  # fmt: skip
    node = helper.make_node
    nodes = [
        node("Sub", ["crops", "mean"], ["centred"]),
        node("Conv", ["centred", "kernel"], ["map"], strides=[4, 4]),
        node("Reshape", ["map", "tokens"], ["flat"]),
        node("Transpose", ["flat"], ["rows"], perm=[0, 2, 1]),
        node("Slice", ["place", "one", "five", "one"], ["places"]),
        node("Add", ["rows", "places"], ["x"]),
        node("LayerNormalization", ["x", "scale", "shift"], ["normed"], axis=-1),
        node("MatMul", ["normed", "q"], ["query"]),
        node("Transpose", ["query"], ["key"], perm=[0, 2, 1]),
        node("MatMul", ["query", "key"], ["scores"]),
        node("Softmax", ["scores"], ["share"], axis=-1),
        node("MatMul", ["share", "normed"], ["mixed"]),
        node("Gelu", ["mixed"], ["active"]),
        node("Add", ["x", "active"], ["y"]),
        node("Slice", ["y", "zero", "one", "one"], ["first"]),
        node("Squeeze", ["first", "one"], ["vector"]),
        node("Gemm", ["vector", "head"], ["a"], transB=1),
        node("Gemm", ["vector", "head2", "bias"], ["b"], transB=1),
        node("Concat", ["a", "b"], ["raw"], axis=1),
    ]
    numbers = {"tokens": [0, 8, 4], "zero": [0], "one": [1], "five": [5]}
    initialisers = [
        *(numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items()),
        *(numpy_helper.from_array(np.array(v, np.int64), k) for k, v in numbers.items()),
    ]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("crops", FLOAT, ["N", 3, 8, 8])],
        [helper.make_tensor_value_info("raw", FLOAT, ["N", 8])], initialisers,
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def lowered(model: onnx.ModelProto, precision: str) -> onnx.ModelProto:
    graph = ir.serde.deserialize_model(model)
    lower(graph, precision)  # type: ignore[arg-type]
    proto = ir.serde.serialize_model(graph)
    onnx.checker.check_model(proto, full_check=True)
    return proto


def types(model: onnx.ModelProto) -> dict[str, int]:
    """Element type of every value, as onnx infers it from the stored weights."""
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    values = (*graph.value_info, *graph.input, *graph.output)
    return {v.name: v.type.tensor_type.elem_type for v in values} | {
        t.name: t.data_type for t in graph.initializer
    }


@pytest.mark.parametrize(("precision", "low"), [("f16", HALF), ("bf16", BRAIN)])
def test_products_are_low_and_the_rest_is_not(precision: str, low: int) -> None:
    model = lowered(small_network(), precision)
    found = types(model)
    for node in model.graph.node:
        seen = {found[name] for name in node.input if found[name] in (FLOAT, low)}
        if node.op_type in FULL_OPS:
            assert seen == {FLOAT}, node.op_type
        elif node.op_type in ("Conv", "MatMul", "Gelu", "Add"):
            assert seen == {low}, node.op_type
    assert [found[v.name] for v in (*model.graph.input, *model.graph.output)] == [FLOAT, FLOAT]
    assert [v.name for v in model.graph.output] == ["raw"]
    # The outputs of the heads are put together as they are, never rounded.
    assert {found[name] for name in model.graph.node[-1].input} == {FLOAT}


def test_weights_of_products_are_stored_low_once() -> None:
    model = lowered(small_network(), "f16")
    stored = {t.name: t.data_type for t in model.graph.initializer}
    for name in ("kernel", "place", "q"):
        assert stored[f"{name}.low"] == HALF and name not in stored
    for name in ("mean", "scale", "shift", "head", "head2", "bias"):
        assert stored[name] == FLOAT


def test_half_precision_costs_half_precision() -> None:
    crops = RNG.random((3, 3, 8, 8)).astype(np.float32)
    model = small_network()
    exact = ReferenceEvaluator(model).run(None, {"crops": crops})[0]
    rounded = ReferenceEvaluator(lowered(model, "f16")).run(None, {"crops": crops})[0]
    assert rounded.dtype == np.float32
    difference = np.abs(rounded - exact).max() / np.abs(exact).max()
    # 2^-11 is one rounding; a handful follow one another. Zero would mean that nothing was rounded.
    assert 2.0**-14 < difference < 2.0**-7


def test_one_product_by_hand() -> None:
    x = RNG.normal(size=(2, 5)).astype(np.float32)
    w = RNG.normal(size=(5, 4)).astype(np.float32)
    model = helper.make_model(
        helper.make_graph(
            [helper.make_node("MatMul", ["x", "w"], ["y"])], "g",
            [helper.make_tensor_value_info("x", FLOAT, ["N", 5])],
            [helper.make_tensor_value_info("y", FLOAT, ["N", 4])],
            [numpy_helper.from_array(w, "w")],
        ),
        opset_imports=[helper.make_opsetid("", 20)], ir_version=10,
    )  # fmt: skip
    found = ReferenceEvaluator(lowered(model, "f16")).run(None, {"x": x})[0]
    by_hand = np.matmul(x.astype(np.float16), w.astype(np.float16)).astype(np.float32)
    np.testing.assert_array_equal(found, by_hand)


@settings(deadline=None)
@given(st.floats(width=32, allow_nan=False, allow_infinity=False, allow_subnormal=False))
def test_bfloat16_keeps_eight_bits_rounded_to_even(value: float) -> None:
    weight = np.array([[value]], np.float32)
    bits = int(weight.view(np.uint32)[0, 0])
    by_hand = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    model = helper.make_model(
        helper.make_graph(
            [helper.make_node("MatMul", ["x", "w"], ["y"])], "g",
            [helper.make_tensor_value_info("x", FLOAT, ["N", 1])],
            [helper.make_tensor_value_info("y", FLOAT, ["N", 1])],
            [numpy_helper.from_array(weight, "w")],
        ),
        opset_imports=[helper.make_opsetid("", 20)], ir_version=10,
    )  # fmt: skip
    graph = ir.serde.deserialize_model(model)
    lower(graph, "bf16")
    stored = graph.graph.initializers["w.low"].const_value
    assert stored is not None and stored.numpy().view(np.uint16)[0, 0] == by_hand


def test_float32_is_left_alone() -> None:
    model = small_network()
    graph = ir.serde.deserialize_model(model)
    before = ir.serde.serialize_model(graph).SerializeToString(deterministic=True)
    lower(graph, "f32")
    assert ir.serde.serialize_model(graph).SerializeToString(deterministic=True) == before


@pytest.mark.parametrize("value", [65520.0, -1e6, np.inf])
def test_weights_beyond_float16_are_refused(value: float) -> None:
    model = small_network()
    weight = next(t for t in model.graph.initializer if t.name == "q")
    array = numpy_helper.to_array(weight).copy()
    array[0, 0] = value
    weight.CopyFrom(numpy_helper.from_array(array, "q"))
    with pytest.raises(PrecisionError, match=r"q: float16 holds values up to 65504, found .*bf16"):
        lower(ir.serde.deserialize_model(model), "f16")
    lowered(model, "bf16")


def named_network() -> onnx.ModelProto:
    """`small_network` with its nodes in modules: a stem, a middle and heads."""
    model = small_network()
    for number, node in enumerate(model.graph.node):
        place = "stem" if number < 6 else "heads" if number > 15 else "middle.0"
        node.name = f"{place}/{node.op_type}_{number}"
    return model


@pytest.mark.parametrize("precision", ["f16", "bf16"])
def test_kept_modules_stay_float32(precision: str) -> None:
    graph = ir.serde.deserialize_model(named_network())
    lower(graph, precision, frozenset({"stem"}))  # type: ignore[arg-type]
    proto = ir.serde.serialize_model(graph)
    onnx.checker.check_model(proto, full_check=True)
    found = types(proto)
    low = HALF if precision == "f16" else BRAIN
    for node in proto.graph.node:
        kinds = {found[name] for name in node.input if found[name] in (FLOAT, low)}
        if node.name.startswith("stem/"):
            assert kinds == {FLOAT}, node.name
        elif node.op_type in ("MatMul", "Gelu"):
            assert kinds == {low}, node.name


def glue(kind: str) -> onnx.ModelProto:
    """Two products and, in a module without weights, what joins them."""
    weights = {"a": RNG.normal(size=(4, 4)), "b": RNG.normal(size=(4, 4))}
    nodes = [
        helper.make_node("MatMul", ["crops", "a"], ["p"], name="one.0/MatMul"),
        helper.make_node("MatMul", ["crops", "b"], ["q"], name="two.0/MatMul"),
        helper.make_node(kind, ["p", "q"], ["raw"], name="glue/Join"),
    ]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("crops", FLOAT, ["N", 4])],
        [helper.make_tensor_value_info("raw", FLOAT, ["N", 4])],
        [numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items()],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


@pytest.mark.parametrize(("kept", "joined"), [((), HALF), (("one.0",), FLOAT), (("two.0",), FLOAT)])
def test_what_joins_modules_is_low_only_between_low_ones(
    kept: tuple[str, ...], joined: int
) -> None:
    graph = ir.serde.deserialize_model(glue("Add"))
    lower(graph, "f16", frozenset(kept))
    proto = ir.serde.serialize_model(graph)
    join = next(n for n in proto.graph.node if n.name == "glue/Join")
    assert {types(proto)[name] for name in join.input} == {joined}


@pytest.mark.parametrize("precision", ["f16", "bf16"])
def test_enlarging_keeps_its_factors_and_pooling_its_type(precision: str) -> None:
    """Resize takes factors in float32 only; bfloat16 has MaxPool from opset 22 on."""
    nodes = [
        helper.make_node("MatMul", ["crops", "a"], ["p"], name="one.0/MatMul"),
        helper.make_node("MaxPool", ["p"], ["m"], name="one.0/MaxPool", kernel_shape=[2, 2]),
        helper.make_node("Resize", ["m", "", "s"], ["raw"], name="one.0/Resize", mode="nearest"),
    ]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("crops", FLOAT, ["N", 1, 4, 4])],
        [helper.make_tensor_value_info("raw", FLOAT, ["N", 1, 6, 6])],
        [numpy_helper.from_array(RNG.normal(size=(4, 4)).astype(np.float32), "a"),
         numpy_helper.from_array(np.float32([1, 1, 2, 2]), "s")],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    low = lowered(model, precision)
    found = types(low)
    assert found["s"] == FLOAT
    assert found["p"] == found["m"] == (HALF if precision == "f16" else BRAIN)
    assert low.opset_import[0].version == (20 if precision == "f16" else 22)


def test_only_convolutions_in_bfloat16_need_a_later_opset() -> None:
    model = small_network()
    assert convolutional(ir.serde.deserialize_model(model)) == {""}
    for node in model.graph.node:
        node.name = f"{'stem' if node.op_type == 'Conv' else 'other'}/{node.op_type}"
    graph = ir.serde.deserialize_model(model)
    assert convolutional(graph) == {"stem"}
    assert lowered(model, "bf16").opset_import[0].version == 22
    assert lowered(model, "f16").opset_import[0].version == 20
    lower(graph, "bf16", frozenset({"stem"}))
    proto = ir.serde.serialize_model(graph)
    onnx.checker.check_model(proto, full_check=True)
    assert proto.opset_import[0].version == 20 and types(proto)["map"] == FLOAT


def test_operators_that_a_precision_changes() -> None:
    assert lowered_products("bf16") == lowered_products("f16") == {"MatMul", "Conv"}
    assert lowered_products("int8") == lowered_products("w8") == {"MatMul", "Conv", "Gemm"}
