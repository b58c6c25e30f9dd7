"""What of a bundle its options change: how weights are stored, what the network computes in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from pear_core.export import bundle
from pear_core.export.bundle import ExportError, Wanted, export_bundle
from pear_core.export.search import Found
from pear_core.export.variants import Recipe


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Graphs are not traced here; what they were asked to be is noted by file name."""
    asked: dict[str, Any] = {}

    def note(graph: object, path: Path, metadata: object, **options: Any) -> None:
        asked[path.name] = options
        path.write_bytes(b"graph")

    monkeypatch.setattr(bundle, "export_graph", note)
    return asked


def test_weights_may_stay_as_they_were_trained(
    tiny_model: Any, tmp_path: Path, written: dict[str, Any]
) -> None:
    folder = export_bundle(tiny_model.checkpoint, tiny_model.body, tmp_path / "m", weights="f32")
    stored = safetensors.torch.load_file(folder / "model.safetensors")
    trained = safetensors.torch.load_file(tiny_model.checkpoint)
    assert stored.keys() == trained.keys()
    for name, value in trained.items():
        assert stored[name].dtype == value.dtype and torch.equal(stored[name], value), name
    assert any((v != v.half()).any() for v in trained.values())


@pytest.fixture
def recipes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Lower graphs are not made here; what is asked for is noted, network graphs and the fused one."""
    asked: list[tuple[str, str]] = []

    def found(network: Path, precision: Any, ehm: object, squares: Any, say: Any) -> Recipe:
        assert network.name == "network.onnx" and len(squares) == 2
        return Recipe(precision, Found(frozenset({"heads", "backbone.patches"}), {}, 0.5, 0.75))

    def write(network: Path, out: Path, recipe: Recipe, metadata: Any) -> None:
        asked.append((out.name, recipe.precision))
        out.write_bytes(b"low")

    def fused(graph: object, out: Path, recipe: Recipe | None, metadata: Any) -> None:
        asked.append((out.name, recipe.precision if recipe else "f32"))
        out.write_bytes(b"fused")

    monkeypatch.setattr(bundle, "recipe", found)
    monkeypatch.setattr(bundle, "write_variant", write)
    monkeypatch.setattr(bundle, "write_fused", fused)
    return asked


SQUARES = np.zeros((2, 256, 256, 3), np.uint8)


def test_lower_precisions_lie_beside_the_float32_graph(
    tiny_model: Any, tmp_path: Path, written: dict[str, Any], recipes: list[tuple[str, str]]
) -> None:
    wanted = Wanted(precisions=("bf16", "int8"), calibration=SQUARES)
    folder = export_bundle(tiny_model.checkpoint, tiny_model.body, tmp_path / "m", wanted=wanted)
    assert recipes == [("network.bf16.onnx", "bf16"), ("network.int8.onnx", "int8")]
    assert set(written) == {"network.onnx", "body.onnx", "mesh.onnx"}
    manifest = json.loads((folder / "manifest.json").read_text())
    graphs = manifest["graphs"]
    assert graphs["network.onnx"]["computes"] == "f32" and "computes" not in graphs["body.onnx"]
    assert graphs["network.int8.onnx"] == graphs["network.onnx"] | {
        "computes": "int8",
        "float32_modules": ["backbone.patches", "heads"],
        "lowered_share_of_work": 0.75,
        "rest": "f32",
    }
    assert "rest" not in graphs["network.bf16.onnx"]
    assert {"network.bf16.onnx", "network.int8.onnx"} <= set(manifest["files"])


@pytest.mark.parametrize("precision", ["f32", "f16"])
def test_a_fused_graph_has_one_precision(
    tiny_model: Any, tmp_path: Path, written: dict[str, Any], recipes: list[tuple[str, str]],
    precision: Any,
) -> None:  # fmt: skip
    wanted = Wanted(fused=precision, calibration=SQUARES)
    folder = export_bundle(tiny_model.checkpoint, tiny_model.body, tmp_path / "m", wanted=wanted)
    assert recipes == [("fused.onnx", precision)]
    graph = json.loads((folder / "manifest.json").read_text())["graphs"]["fused.onnx"]
    assert graph["computes"] == precision
    assert graph["inputs"] == {"image": ["H", "W", 3], "crops": ["N", 3]}
    assert graph["outputs"]["raw"] == ["N", 935] and set(graph["outputs"]) == {
        "raw", "rotations", "joints", "keypoints", "camera",
    }  # fmt: skip


def test_without_crops_nothing_is_lowered(
    tiny_model: Any, tmp_path: Path, written: dict[str, Any]
) -> None:
    with pytest.raises(ExportError, match="int8: expected crops to calibrate on, found none"):
        export_bundle(
            tiny_model.checkpoint, tiny_model.body, tmp_path / "m", wanted=Wanted(("int8",))
        )
    assert not list(tmp_path.iterdir())


def test_the_sample_is_stored_for_the_self_test(
    tiny_model: Any, tmp_path: Path, written: dict[str, Any], squares: np.ndarray
) -> None:
    wanted = Wanted(sample=squares[3])
    folder = export_bundle(tiny_model.checkpoint, tiny_model.body, tmp_path / "m", wanted=wanted)
    with np.load(folder / "selftest.npz") as stored:
        assert np.array_equal(stored["square"], squares[3])


def test_exporting_leaves_the_checkpoint_alone(
    tiny_model: Any, tmp_path: Path, written: dict[str, Any]
) -> None:
    # Its weights are mapped, and rounded in place.
    before = tiny_model.checkpoint.read_bytes()
    export_bundle(tiny_model.checkpoint, tiny_model.body, tmp_path / "m")
    assert tiny_model.checkpoint.read_bytes() == before
