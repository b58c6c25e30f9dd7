"""The metadata reader against the onnx package, and against damaged bytes."""

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from pear_ros.engine.onnx_metadata import read_metadata
from pear_ros.problems import PearError


def model_bytes(metadata: dict[str, str], weights: int = 4) -> bytes:
    tensor = helper.make_tensor("w", TensorProto.FLOAT, [weights], [0.5] * weights)
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["y"])], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [weights])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [weights])], [tensor],
    )  # fmt: skip
    model = helper.make_model(graph, producer_name="someone")
    helper.set_model_props(model, metadata)
    return bytes(model.SerializeToString())


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=300), max_size=4))
def test_reads_what_the_onnx_package_wrote(metadata: dict[str, str]) -> None:
    data = model_bytes(metadata)
    assert {p.key: p.value for p in onnx.load_from_string(data).metadata_props} == metadata
    assert read_metadata(data, "x") == metadata


def test_large_graphs_are_skipped_not_read() -> None:
    assert read_metadata(model_bytes({"a": "b"}, weights=200_000), "x") == {"a": "b"}


def test_every_cut_file_is_refused_or_has_lost_its_end() -> None:
    data = model_bytes({"key": "value"})
    for length in range(1, len(data)):
        try:
            found = read_metadata(data[:length], "cut.onnx")
        except PearError as error:
            assert "cut.onnx: not an ONNX file, or a truncated one" in str(error)
        else:
            # Cut exactly between two top level fields.
            assert found in ({}, {"key": "value"})


@settings(max_examples=300)
@given(st.binary(max_size=400))
def test_noise_never_raises_anything_else(data: bytes) -> None:
    try:
        found = read_metadata(data, "noise")
    except PearError:
        return
    assert all(isinstance(k, str) and isinstance(v, str) for k, v in found.items())


@pytest.mark.parametrize("data", [b"PK\x03\x04 a zip file", b"\xff" * 40, b'{"json": 1}'])
def test_other_kinds_of_files(data: bytes) -> None:
    with pytest.raises(PearError, match=r"m\.onnx: not an ONNX file"):
        read_metadata(data, "m.onnx")
