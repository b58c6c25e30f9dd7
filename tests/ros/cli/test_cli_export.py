"""`pear export`: the thin part on the robot's side."""

from __future__ import annotations

import sys
from pathlib import Path


def test_without_torch_it_says_what_to_install(
    pear, tiny_model, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "pear_core.export.bundle", raising=False)
    ran = pear("export", tiny_model.checkpoint, "--body", tiny_model.body, "--out", tmp_path / "m")
    assert ran.code == 1
    assert "pip install 'pear-ros[export]'" in ran.err
    assert not (tmp_path / "m").exists()


def test_a_file_that_is_no_checkpoint_is_one_error(pear, tiny_model, tmp_path: Path) -> None:
    (tmp_path / "c.safetensors").write_bytes(b"nothing")
    ran = pear(
        "export", tmp_path / "c.safetensors", "--body", tiny_model.body, "--out", tmp_path / "m"
    )
    assert ran.code == 1
    assert "c.safetensors" in ran.err
    assert ran.err.count("\n") == 1
    assert not (tmp_path / "m").exists()
