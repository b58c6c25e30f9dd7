"""What of a bundle its options change: how weights are stored, what the network computes in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from pear_core.export import bundle
from pear_core.export.bundle import export_bundle


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


@pytest.mark.parametrize("precision", ["f32", "f16", "bf16"])
def test_only_the_network_is_lowered(
    tiny_model: Any, tmp_path: Path, written: dict[str, Any], precision: Any
) -> None:
    folder = export_bundle(
        tiny_model.checkpoint, tiny_model.body, tmp_path / "m", precision=precision
    )
    lowered = {} if precision == "f32" else {"precision": precision}
    assert written == {"network.onnx": lowered, "body.onnx": {}, "mesh.onnx": {}}
    graphs = json.loads((folder / "manifest.json").read_text())["graphs"]
    assert graphs["network.onnx"]["computes"] == precision
    assert "computes" not in graphs["body.onnx"]


def test_exporting_leaves_the_checkpoint_alone(
    tiny_model: Any, tmp_path: Path, written: dict[str, Any]
) -> None:
    # Its weights are mapped, and rounded in place.
    before = tiny_model.checkpoint.read_bytes()
    export_bundle(tiny_model.checkpoint, tiny_model.body, tmp_path / "m")
    assert tiny_model.checkpoint.read_bytes() == before
