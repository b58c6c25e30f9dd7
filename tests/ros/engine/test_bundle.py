"""A bundle is opened only if every part is whole and belongs to the others."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest

from pear_core.export import bundle as exporter
from pear_core.export import identity as exported_identity
from pear_ros.engine import bundle
from pear_ros.engine.bundle import open_bundle
from pear_ros.problems import PearError


@pytest.fixture
def folder(tiny_model: Any, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model.bundle, tmp_path / "tiny"))


def edit_manifest(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def replace_file(folder: Path, name: str, data: bytes) -> None:
    """Another file with a manifest that agrees: what a careless person would produce."""
    (folder / name).write_bytes(data)
    entry = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    edit_manifest(folder, lambda m: m["files"].update({name: entry}))


def test_a_whole_bundle_opens(tiny_model: Any) -> None:
    opened = open_bundle(tiny_model.bundle)
    assert (opened.identity.model, opened.identity.preset, opened.identity.step) == (
        "tiny",
        "vit_ti",
        7,
    )
    assert opened.identity.body == "made_up_body" and len(opened.identity.weights_sha256) == 64
    assert opened.topology.num_vertices == 90 and len(opened.topology.joint_names) == 145
    assert opened.read("body.onnx") == (tiny_model.bundle / "body.onnx").read_bytes()


def test_both_sides_speak_the_same_format() -> None:
    for name in ("FORMAT", "IDENTITY_KEY", "NETWORK", "BODY", "MESH", "TOPOLOGY", "MANIFEST"):
        assert getattr(bundle, name) == getattr(exporter, name)
    record = {"step": 1, "model": "m", "crop": "x"}
    assert bundle.canonical(record) == exported_identity.canonical(record)


def test_the_checkpoint_itself_is_not_needed(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    assert open_bundle(folder).identity.model == "tiny"


@pytest.mark.parametrize("name", ["network.onnx", "body.onnx", "mesh.onnx", "topology.npz"])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda p: p.unlink(), "cannot read a file of the bundle"),
        (
            lambda p: p.write_bytes(p.read_bytes()[:-100]),
            r"\(truncated\?\); expected \d+ bytes; found",
        ),
        (lambda p: p.write_bytes(b""), r"truncated.*found 0 bytes"),
        (
            lambda p: p.write_bytes(b"\x00" + p.read_bytes()[1:]),
            "another content than the manifest's",
        ),
        (
            lambda p: p.write_bytes(b"version https://git-lfs.github.com/spec/v1\n"),
            "a git-lfs pointer, not the model; expected git lfs pull",
        ),
    ],
)
def test_damaged_files_are_named(
    folder: Path, name: str, damage: Callable[[Path], None], message: str
) -> None:
    damage(folder / name)
    with pytest.raises(PearError, match=rf"{name}: .*{message}|{name}: {message}"):
        open_bundle(folder)


def test_a_truncated_graph_with_a_fitting_manifest_is_still_noticed(folder: Path) -> None:
    replace_file(folder, "body.onnx", (folder / "body.onnx").read_bytes()[:-2000])
    with pytest.raises(PearError, match=r"body\.onnx: not an ONNX file, or a truncated one"):
        open_bundle(folder)


def test_a_graph_of_another_model_is_refused(folder: Path) -> None:
    model = onnx.load(folder / "body.onnx")
    for entry in model.metadata_props:
        entry.value = entry.value.replace('"body":"made_up_body"', '"body":"smplx"')
    replace_file(folder, "body.onnx", model.SerializeToString())
    with pytest.raises(
        PearError, match=r"body\.onnx: belongs to another model; expected .*made_up_body"
    ):
        open_bundle(folder)


def test_a_foreign_onnx_file_is_refused(folder: Path) -> None:
    model = onnx.load(folder / "mesh.onnx")
    del model.metadata_props[:]
    replace_file(folder, "mesh.onnx", model.SerializeToString())
    with pytest.raises(PearError, match=r"mesh\.onnx: ONNX graph without pear's identity"):
        open_bundle(folder)


def test_another_kind_of_file_is_refused(folder: Path) -> None:
    replace_file(folder, "network.onnx", b"PK\x03\x04 this is a zip archive")
    with pytest.raises(PearError, match=r"network\.onnx: not an ONNX file"):
        open_bundle(folder)
    replace_file(folder, "network.onnx", b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(PearError, match="git-lfs pointer"):
        open_bundle(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layout": "0" * 64}, "exported for another output layout"),
        ({"joints": "1" * 64}, "exported for another joint order"),
        ({"crop": "square x1.2"}, r"exported for another crop convention; expected square x1\.25"),
        ({"colour": "bgr"}, "another colour order; expected rgb; found bgr"),
        ({"mood": "happy"}, "identity has other fields"),
    ],
)
def test_another_convention_is_refused(folder: Path, change: dict[str, str], message: str) -> None:
    edit_manifest(folder, lambda m: m["identity"].update(change))
    with pytest.raises(PearError, match=message):
        open_bundle(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "unreadable manifest"),
        ("[1]", "another kind of manifest; expected format pear-bundle-1; found 'list'"),
        ('{"format": "pear-bundle-2"}', "found 'pear-bundle-2'"),
        ('{"format": "pear-bundle-1"}', "incomplete manifest"),
        ('{"format": "pear-bundle-1", "files": {}, "identity": {}}', "identity has other fields"),
    ],
)
def test_other_manifests_are_refused(folder: Path, text: str, message: str) -> None:
    (folder / "manifest.json").write_text(text)
    with pytest.raises(PearError, match=message):
        open_bundle(folder)


def test_a_file_the_manifest_does_not_list(folder: Path) -> None:
    edit_manifest(folder, lambda m: m["files"].pop("mesh.onnx"))
    with pytest.raises(PearError, match=r"manifest does not list mesh\.onnx"):
        open_bundle(folder)


def test_no_bundle_at_all(tmp_path: Path, tiny_model: Any) -> None:
    with pytest.raises(PearError, match=r"no such model bundle; .* found nothing"):
        open_bundle(tmp_path / "nowhere")
    with pytest.raises(PearError, match=r"no such model bundle; .* found a file"):
        open_bundle(tiny_model.checkpoint)
    with pytest.raises(PearError, match=r"not a model bundle; expected manifest\.json"):
        open_bundle(tmp_path)
