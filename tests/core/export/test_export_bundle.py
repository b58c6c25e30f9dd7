"""A bundle is complete, says who it is everywhere, and appears at once or not at all."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import safetensors.torch
import torch

from pear_core import anatomy, layout
from pear_core.body.fingerprint import body_fingerprint
from pear_core.export import bundle
from pear_core.export.__main__ import main
from pear_core.export.bundle import ExportError, export_bundle, npz_bytes
from pear_core.model import checkpoint

FILES = {
    "network.onnx",
    "body.onnx",
    "mesh.onnx",
    "topology.npz",
    "model.safetensors",
    "manifest.json",
    "selftest.npz",
}


@pytest.fixture(scope="module")
def manifest(tiny_model: Any) -> dict[str, Any]:
    return json.loads((tiny_model.bundle / "manifest.json").read_text())


def test_every_file_is_there_with_its_hash(tiny_model: Any, manifest: dict[str, Any]) -> None:
    assert {p.name for p in tiny_model.bundle.iterdir()} == FILES
    assert set(manifest["files"]) == FILES - {"manifest.json"}
    for name, entry in manifest["files"].items():
        data = (tiny_model.bundle / name).read_bytes()
        assert (entry["size"], entry["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())


def test_identity_is_the_same_in_manifest_and_graphs(
    tiny_model: Any, manifest: dict[str, Any]
) -> None:
    expected = {
        "model": "tiny", "preset": "vit_ti", "step": 7, "body": "made_up_body", "colour": "rgb",
        "crop": "square x1.25 to [0,256] in pixel indices, columns 32..223, bilinear, black border",
        "body_sha256": body_fingerprint(tiny_model.body),
        "layout": layout.fingerprint(), "joints": anatomy.fingerprint(),
        "weights_sha256": manifest["files"]["model.safetensors"]["sha256"],
    }  # fmt: skip
    assert manifest["identity"] == expected
    for name in ("network.onnx", "body.onnx", "mesh.onnx"):
        model = onnx.load(tiny_model.bundle / name)
        carried = {p.key: p.value for p in model.metadata_props}
        assert json.loads(carried["pear.identity"]) == expected


def test_manifest_describes_the_graphs(tiny_model: Any, manifest: dict[str, Any]) -> None:
    for name, described in manifest["graphs"].items():
        graph = onnx.load(tiny_model.bundle / name).graph
        for kind, values in (("inputs", graph.input), ("outputs", graph.output)):
            found = {
                v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim]
                for v in values
            }
            assert described[kind] == found, name


def test_shipped_weights_are_the_rounded_ones_in_both_places(tiny_model: Any) -> None:
    stored = safetensors.torch.load_file(tiny_model.bundle / "model.safetensors")
    assert {t.dtype for t in stored.values()} == {torch.float16}
    trained, _ = checkpoint.load(tiny_model.checkpoint)
    for name, value in trained.state_dict().items():
        assert torch.equal(stored[name], value.half()), name
    graph = onnx.load(tiny_model.bundle / "network.onnx").graph
    in_graph = {
        onnx.numpy_helper.to_array(t).tobytes()
        for t in graph.initializer
        if t.data_type == onnx.TensorProto.FLOAT16
    }
    for name, value in stored.items():
        if value.ndim == 2 and value.numel() >= 256 and "token" not in name:
            array = value.numpy()
            assert {array.tobytes(), np.ascontiguousarray(array.T).tobytes()} & in_graph, name


def test_network_file_is_as_small_as_half_precision(tiny_model: Any) -> None:
    model, _ = checkpoint.load(tiny_model.checkpoint)
    parameters = sum(p.numel() for p in model.parameters())
    assert (tiny_model.bundle / "network.onnx").stat().st_size < 2.03 * parameters + 60_000


def test_export_keeps_the_model_card_and_leaves_no_part(
    tiny_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "export_graph", fake_export)
    out = tmp_path / "models" / "tiny"
    out.mkdir(parents=True)
    (out / "README.md").write_text("card")
    (out / "network.onnx").write_text("old")
    # A checkpoint may lie in the folder that is replaced.
    shutil.copy(tiny_model.checkpoint, out / "model.safetensors")
    assert export_bundle(out / "model.safetensors", tiny_model.body, out) == out
    assert {p.name for p in out.iterdir()} == FILES | {"README.md"}
    assert (out / "README.md").read_text() == "card"
    assert (out / "network.onnx").read_bytes() == b"graph"
    assert [p.name for p in out.parent.iterdir()] == ["tiny"]


def test_failed_export_changes_nothing(
    tiny_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(bundle, "export_graph", fail)
    out = tmp_path / "tiny"
    out.mkdir()
    (out / "network.onnx").write_text("old")
    with pytest.raises(RuntimeError):
        export_bundle(tiny_model.checkpoint, tiny_model.body, out)
    assert [p.name for p in tmp_path.iterdir()] == ["tiny"]
    assert [p.read_text() for p in out.iterdir()] == ["old"]


def test_another_body_is_refused(tiny_model: Any, tmp_path: Path, capsys: Any) -> None:
    other = tmp_path / "other"
    shutil.copytree(tiny_model.body, other)
    np.save(other / "l_eyelid.npy", np.zeros((40, 3)))
    with pytest.raises(
        ExportError, match=r"trained for another body, expected made_up_body .* other"
    ):
        export_bundle(tiny_model.checkpoint, other, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    arguments = [str(tiny_model.checkpoint), "--body", str(other), "--out", str(tmp_path / "out")]
    assert main(arguments) == 1
    assert capsys.readouterr().err.startswith("error: ")


def test_npz_bytes_do_not_depend_on_the_time() -> None:
    arrays = {"a": np.arange(5), "b": np.array(["x"])}
    data = npz_bytes(arrays)
    # Bytes 10..13 of a zip entry are its time and date: the fixed 1 January 1980.
    assert data[10:14] == b"\x00\x00\x21\x00"
    assert npz_bytes(arrays) == data


def fake_export(graph: object, path: Path, metadata: dict[str, str]) -> None:
    Path(path).write_bytes(b"graph")
