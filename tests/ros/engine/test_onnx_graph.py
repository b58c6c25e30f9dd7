"""Our reader of ONNX files against the onnx package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from pear_ros.engine.onnx_graph import read_graph
from pear_ros.problems import PearError


@pytest.mark.parametrize("name", ["network.onnx", "body.onnx", "mesh.onnx"])
def test_nodes_and_constants_are_those_of_onnx(tiny_model: Any, name: str) -> None:
    path = tiny_model.bundle / name
    expected = onnx.load(path).graph
    found = read_graph(path.read_bytes(), name)
    assert [(n.op, n.inputs, n.outputs) for n in found.nodes] == [
        (n.op_type, tuple(n.input), tuple(n.output)) for n in expected.node
    ]
    for node, theirs in zip(found.nodes, expected.node, strict=True):
        integers = {
            a.name: a.i if a.type == onnx.AttributeProto.INT else tuple(a.ints)
            for a in theirs.attribute
            if a.type in (onnx.AttributeProto.INT, onnx.AttributeProto.INTS)
        }
        assert integers.items() <= node.integers.items()
    for tensor in expected.initializer:
        array = numpy_helper.to_array(tensor)
        assert np.array_equal(found.constants[tensor.name], array), tensor.name
        assert found.constants[tensor.name].dtype == array.dtype


def model(tensors: list[Any], nodes: list[Any]) -> bytes:
    graph = helper.make_graph(nodes, "g", [], [], tensors)
    return bytes(helper.make_model(graph).SerializeToString())


def test_every_way_of_storing_numbers() -> None:
    tensors = [
        helper.make_tensor("f", TensorProto.FLOAT, [2, 2], [1.5, -2.0, 0.25, 3.0]),
        helper.make_tensor("i", TensorProto.INT64, [3], [-1, 0, 2**40]),
        helper.make_tensor("s", TensorProto.INT32, [], [-7]),
        numpy_helper.from_array(np.array([1, 2], np.float16), "h"),
    ]
    nodes = [
        helper.make_node("Cast", ["h"], ["w"], to=TensorProto.FLOAT),
        helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.eye(2), "")),
        helper.make_node("Transpose", ["f"], ["t"], perm=[1, 0]),
        helper.make_node("Gather", ["f", "i"], ["g"], axis=-1),
    ]
    found = read_graph(model(tensors, nodes), "x")
    constants = found.constants
    assert constants["f"].tolist() == [[1.5, -2.0], [0.25, 3.0]]
    assert constants["i"].tolist() == [-1, 0, 2**40] and constants["s"].item() == -7
    assert constants["w"].dtype == np.float32 and constants["w"].tolist() == [1.0, 2.0]
    assert constants["c"].tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert found.nodes[2].integers["perm"] == (1, 0) and found.nodes[3].integers["axis"] == -1
    assert found.producers()["g"].op == "Gather"


def test_tensors_in_other_files_are_refused(tmp_path: Path) -> None:
    tensor = numpy_helper.from_array(np.zeros(300, np.float32), "w")
    graph = helper.make_graph([], "g", [], [], [tensor])
    onnx.save(
        helper.make_model(graph), tmp_path / "m.onnx", save_as_external_data=True, size_threshold=1
    )
    with pytest.raises(PearError, match="tensor w lies in another file"):
        read_graph((tmp_path / "m.onnx").read_bytes(), "m.onnx")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_files_are_one_error_or_another_graph(data: st.DataObject) -> None:
    tensors = [helper.make_tensor("f", TensorProto.FLOAT, [2], [1.5, -2.0])]
    good = model(tensors, [helper.make_node("Transpose", ["f"], ["t"], perm=[0])])
    at = data.draw(st.integers(0, len(good) - 1))
    bad = bytearray(good[: data.draw(st.integers(at, len(good)))])
    if at < len(bad):
        bad[at] = data.draw(st.integers(0, 255))
    try:
        read_graph(bytes(bad), "x")
    except PearError as error:
        assert str(error).startswith("x: not an ONNX graph that can be read here")
