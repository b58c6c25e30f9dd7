"""Packing never changes a number, and exported files say what they are."""

import struct
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from torch import Tensor, nn

from pear_core.export.onnx_export import OPSET, exact_in_half, export_graph, pack


class Affine(nn.Module):
    """Enough of a graph: one packable matrix, one bias, two outputs."""

    inputs: tuple[str, ...] = ("x",)
    outputs: tuple[str, ...] = ("y", "mean")

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(40, 30)
        with torch.no_grad():
            self.linear.weight.copy_(self.linear.weight.half().float())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = self.linear(x)
        return y, y.mean(dim=1)

    def example(self) -> tuple[Tensor, ...]:
        return (torch.randn(2, 40),)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Affine, Path]:
    path = tmp_path_factory.mktemp("onnx") / "affine.onnx"
    module = Affine()
    export_graph(module, path, {"pear.identity": '{"model":"x"}', "other": "value"})
    return module, path


def test_file_has_names_free_people_opset_and_metadata(exported: tuple[Affine, Path]) -> None:
    model = onnx.load(exported[1])
    assert [o.version for o in model.opset_import if o.domain == ""] == [OPSET] == [20]
    # ONNX Runtime 1.18, the oldest supported, reads IR versions up to 10.
    assert model.ir_version <= 10
    shapes = {
        v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim]
        for v in (*model.graph.input, *model.graph.output)
    }
    assert shapes == {"x": ["N", 40], "y": ["N", 30], "mean": ["N"]}
    assert {p.key: p.value for p in model.metadata_props} == {
        "pear.identity": '{"model":"x"}',
        "other": "value",
    }


@pytest.mark.parametrize("people", [1, 2, 7])
def test_onnx_reference_computes_what_torch_does(
    exported: tuple[Affine, Path], people: int
) -> None:
    module, path = exported
    x = np.random.default_rng(people).normal(size=(people, 40)).astype(np.float32)
    y, mean = ReferenceEvaluator(onnx.load(path)).run(None, {"x": x})
    weight, bias = (p.detach().numpy().astype(np.float64) for p in module.linear.parameters())
    np.testing.assert_allclose(y, x @ weight.T + bias, atol=1e-5)
    np.testing.assert_allclose(mean, (x @ weight.T + bias).mean(axis=1), atol=1e-5)


def test_the_same_module_gives_the_same_bytes(
    exported: tuple[Affine, Path], tmp_path: Path
) -> None:
    metadata = {"pear.identity": '{"model":"x"}', "other": "value"}
    export_graph(exported[0], tmp_path / "again.onnx", metadata)
    assert (tmp_path / "again.onnx").read_bytes() == exported[1].read_bytes()


def test_no_trace_of_this_machine_is_left(exported: tuple[Affine, Path]) -> None:
    data = exported[1].read_bytes()
    assert b"site-packages" not in data and str(Path(__file__).parent).encode() not in data


def small_model(weight: np.ndarray) -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", weight.shape[0]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", weight.shape[1]])],
        [numpy_helper.from_array(weight, "w")],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def test_pack_halves_what_is_exact_and_keeps_the_result() -> None:
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(32, 16)).astype(np.float16).astype(np.float32)
    x = rng.normal(size=(3, 32)).astype(np.float32)
    model = small_model(weight)
    before = ReferenceEvaluator(model).run(None, {"x": x})[0]
    assert pack(model) == weight.size * 2
    onnx.checker.check_model(model, full_check=True)
    assert np.array_equal(ReferenceEvaluator(model).run(None, {"x": x})[0], before)
    assert model.graph.initializer[0].data_type == TensorProto.FLOAT16


@pytest.mark.parametrize(
    "weight",
    [
        np.full((32, 16), 1 + 2.0**-11, np.float32),  # one bit too many
        np.full((32, 16), 1e6, np.float32),  # beyond 65504
        np.full((4, 4), 1.0, np.float32),  # too small to be worth a Cast
    ],
)
def test_pack_leaves_the_rest_alone(weight: np.ndarray) -> None:
    model = small_model(weight)
    before = model.SerializeToString(deterministic=True)
    assert pack(model) == 0
    assert model.SerializeToString(deterministic=True) == before


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_exact_in_half_agrees_with_the_struct_module(value: float) -> None:
    try:
        exact = struct.unpack("e", struct.pack("e", value))[0] == value
    except OverflowError:
        exact = False
    assert exact_in_half(np.array([value], np.float32)) == exact
