"""`pear models`: what is installed and whether it is intact."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle of two files, the only one that is found."""
    from pear_ros import assets

    folder = tmp_path / "m"
    folder.mkdir()
    (folder / "network.onnx").write_bytes(b"network")
    (folder / "topology.npz").write_bytes(b"topology")
    files = {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        for name, data in (("network.onnx", b"network"), ("topology.npz", b"topology"))
    }
    manifest = {"identity": {"preset": "vit_ti", "step": 12}, "files": files}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    monkeypatch.setattr(assets, "search_path", lambda: (tmp_path,))
    return folder


def test_lists_identity_and_hashes(pear, installed: Path) -> None:
    ran = pear("models")
    assert ran.code == 0
    assert str(installed) in ran.out
    assert "preset: vit_ti" in ran.out
    assert hashlib.sha256(b"network").hexdigest()[:16] in ran.out
    assert "not verified" in ran.out


def test_verify_finds_changed_and_missing_files(pear, installed: Path) -> None:
    assert pear("models", "--verify").code == 0
    (installed / "network.onnx").write_bytes(b"NETWORK")
    assert pear("models").code == 0
    ran = pear("models", "--verify", "--json")
    assert ran.code == 1
    content = json.loads(ran.out)
    assert content["ok"] is False
    assert content["installed"][0]["broken"] == ["network.onnx: another content than recorded"]
    (installed / "topology.npz").unlink()
    assert "BROKEN topology.npz: missing" in pear("models").out


@pytest.mark.parametrize("text", ["", "[]", "{", '{"files": 3}', '{"files": {"a": 1}}'])
def test_any_manifest_is_survived(pear, installed: Path, text: str) -> None:
    (installed / "manifest.json").write_text(text)
    ran = pear("models", "--verify")
    assert ran.code in (0, 1)
    assert "Traceback" not in ran.err
    assert ran.err == ""


def test_nothing_installed_names_the_folders(pear, tmp_path: Path, monkeypatch) -> None:
    from pear_ros import assets

    monkeypatch.setattr(assets, "search_path", lambda: (tmp_path / "nowhere",))
    ran = pear("models")
    assert ran.code == 0
    assert str(tmp_path / "nowhere") in ran.out
