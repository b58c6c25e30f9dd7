"""From a float32 graph to lower ones: what is searched, written and measured fits together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from pear_core.body.ehm import Ehm
from pear_core.export import variants
from pear_core.export.calibration import batches, strips
from pear_core.export.naming import scope
from pear_core.export.parity import torch_outputs
from pear_core.export.precision import products
from pear_core.export.search import Found
from pear_core.export.variants import (
    EARLY,
    LOWER,
    Recipe,
    described,
    load_graph,
    outputs_of,
    recipe,
    reported,
    rest_share,
    write_variant,
)
from pear_core.model import checkpoint
from pear_core.model.blazepose import BlazePoseEncoder


@pytest.fixture(scope="module")
def ehm(tiny_model: Any) -> Ehm:
    return Ehm.from_folder(tiny_model.body)


def test_an_unpacked_graph_is_torch(tiny_model: Any, ehm: Ehm, squares: np.ndarray) -> None:
    regressor, _ = checkpoint.load(tiny_model.bundle / "model.safetensors")
    model = load_graph(tiny_model.bundle / "network.onnx")
    assert "Cast" not in {node.op_type for node in model.graph}
    expected = torch_outputs(regressor, ehm, squares)
    found = outputs_of(model, strips(squares), ehm)
    report = reported(expected, found, "f32")
    assert report.failures() == [] and report.vertices.worst < 0.02, report.table()


def test_strips_are_the_middle_columns(squares: np.ndarray) -> None:
    found = strips(squares)
    assert found.shape == (5, 3, 256, 192) and found.dtype == np.float32
    assert found[2, 1, 7, 0] == np.float32(squares[2, 7, 32, 1]) / np.float32(255)
    assert found[4, 0, 255, 191] == np.float32(squares[4, 255, 223, 0]) / np.float32(255)
    assert [len(part) for part in batches(found, 2)] == [2, 2, 1]


def test_int8_is_searched_written_and_rounded(
    tiny_model: Any, ehm: Ehm, squares: np.ndarray, tmp_path: Path
) -> None:
    network = tiny_model.bundle / "network.onnx"
    made = recipe(network, "int8", ehm, squares)
    assert 0.5 < made.found.lowered_work <= 1.0 and made.found.share <= 0.6
    out = tmp_path / "network.int8.onnx"
    write_variant(network, out, made, {"pear.identity": "{}"})
    proto = onnx.load(out)
    kinds = [n.op_type for n in proto.graph.node]
    assert kinds.count("QuantizeLinear") > 5
    assert out.stat().st_size < 0.75 * network.stat().st_size
    exact = outputs_of(load_graph(network), strips(squares), ehm)
    low = outputs_of(variants.load_graph(out), strips(squares), ehm)
    report = reported(exact, low, "int8")
    assert report.failures() == [] and report.share_of_limits() == pytest.approx(made.found.share)
    assert report.vertices.mean > 1e-3
    said = described(made)
    assert said["computes"] == "int8" and said["float32_modules"] == sorted(made.kept)
    # The rest may be rounded where that was measured to be good enough, and only there.
    rounded = rest_share(network, made.found, made.scales, exact, strips(squares), ehm)
    assert rounded != made.found.share and said["rest"] == ("bf16" if rounded <= 0.6 else "f32")


def test_a_rest_that_bears_no_rounding_stays_float32(
    tiny_model: Any, ehm: Ehm, squares: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(variants, "rest_share", lambda *_: 0.61)
    monkeypatch.setattr(variants, "search", lambda *_: Found(frozenset(), {}, 0.3, 1.0))
    made = recipe(tiny_model.bundle / "network.onnx", "int8", ehm, squares[:1])
    assert described(made)["rest"] == "f32"


def test_the_early_stem_is_never_offered_to_bfloat16(
    tiny_model: Any, ehm: Ehm, squares: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = BlazePoseEncoder()
    for name in EARLY:
        assert encoder.get_submodule(name.removeprefix("backbone.patches.encoder."))
    units = {"backbone.patches.encoder.blocks.9": 0.3, "backbone.patches.encoder.blocks.10": 0.7}
    offered: list[dict[str, float]] = []

    def search(shares: dict[str, float], *_: Any) -> Found:
        offered.append(shares)
        return Found(frozenset(), {}, 0.3, 1.0)

    monkeypatch.setattr(variants, "work", lambda *_: dict(units))
    monkeypatch.setattr(variants, "search", search)
    network = tiny_model.bundle / "network.onnx"
    assert recipe(network, "bf16", ehm, squares[:2]).weights
    assert not recipe(network, "f16", ehm, squares[:2]).weights
    assert offered == [units | {"backbone.patches.encoder.blocks.9": 0.0}, units]


def test_weights_are_replaced_only_where_they_are_lowered(tiny_model: Any) -> None:
    network = tiny_model.bundle / "network.onnx"
    first, second = products(load_graph(network))[:2]
    weights = {
        str(node.name): (np.zeros(node.inputs[1].shape.numpy(), np.float32), None)  # type: ignore[union-attr]
        for node in (first, second)
    }
    kept = frozenset({scope(first)})
    model = load_graph(network)
    variants.apply(model, Recipe("bf16", Found(kept, {}, 0.0, 1.0), {}, weights))
    after = {node.name: node for node in model.graph}

    def largest(node: Any) -> float:
        value = after[node.name].inputs[1]
        assert value is not None and value.const_value is not None
        return float(np.abs(value.const_value.numpy().astype(np.float32)).max())

    assert largest(first) > 0.0 and largest(second) == 0.0


@pytest.mark.parametrize("precision", [p for p in LOWER if p != "int8"])
def test_other_precisions_are_written_and_rounded(
    tiny_model: Any, ehm: Ehm, squares: np.ndarray, tmp_path: Path, precision: Any
) -> None:
    network = tiny_model.bundle / "network.onnx"
    made = Recipe(precision, Found(frozenset({"heads.heads"}), {}, 0.0, 1.0))
    write_variant(network, tmp_path / "low.onnx", made, {})
    few = strips(squares[:2])
    exact = outputs_of(load_graph(network), few, ehm)
    low = outputs_of(load_graph(tmp_path / "low.onnx"), few, ehm)
    report = reported(exact, low, precision)
    assert report.failures() == [] and report.vertices.mean > 1e-4, report.table()


def test_convolutions_of_a_fused_graph_are_never_in_bfloat16(
    fused_graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TensorRT must be able to read its operator set."""
    monkeypatch.setattr(variants, "trace_fused", load_graph)
    made = Recipe("bf16", Found(frozenset(), {}, 0.0, 1.0))
    variants.write_fused(fused_graph, tmp_path / "fused.onnx", made, {})  # type: ignore[arg-type]
    proto = onnx.load(tmp_path / "fused.onnx")
    assert proto.opset_import[0].version == 20
    low = {t.name for t in proto.graph.initializer if t.data_type == onnx.TensorProto.BFLOAT16}
    nodes = [n for n in proto.graph.node if n.name.startswith("backbone")]
    weights = {n.op_type: n.input[1] for n in reversed(nodes) if n.op_type in ("Conv", "MatMul")}
    assert weights["MatMul"] in low and weights["Conv"] not in low
