"""`pear export`: the thin part on the robot's side."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from pear_ros.cli import parity
from pear_ros.engine import open_engine
from pear_ros.problems import PearError


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


@pytest.fixture
def few_crops(monkeypatch: pytest.MonkeyPatch) -> None:
    squares = np.random.default_rng(0).integers(0, 255, (2, 256, 256, 3), dtype=np.uint8)
    monkeypatch.setattr(parity, "shipped_crops", lambda: squares)


def test_an_export_ends_with_parity(pear, tiny_model, tmp_path: Path, few_crops: None) -> None:
    out = tmp_path / "m"
    ran = pear("export", tiny_model.checkpoint, "--body", tiny_model.body, "--out", out, "--json")
    assert ran.code == 0, ran.err
    said = json.loads(ran.out)
    assert {(r["engine"], r["precision"]) for r in said["parity"]} >= {
        ("openvino", "f32"), ("onnxruntime", "f32"),
    }  # fmt: skip
    assert json.loads((out / "parity.json").read_text()) == said["parity"]
    assert "openvino f32 against torch, 2 crops" in ran.err
    refused = json.loads((out / "manifest.json").read_text())["refused_precisions"]
    failed = {r["precision"] for r in said["parity"] if r["failures"]}
    assert set(refused) == failed


@pytest.mark.parametrize("precision", ["f32", "bf16"])
def test_what_deviates_is_refused(
    pear, tiny_model, tmp_path: Path, few_crops: None, monkeypatch: pytest.MonkeyPatch,
    precision: str,
) -> None:  # fmt: skip
    real = parity.probe

    def wrong(engine, squares):
        outputs = real(engine, squares)
        if engine.info.precision == precision:
            outputs["vertices"] = outputs["vertices"] + np.float32(0.1)
        return outputs

    monkeypatch.setattr(parity, "probe", wrong)
    out = tmp_path / "m"
    ran = pear("export", tiny_model.checkpoint, "--body", tiny_model.body, "--out", out)
    if precision == "f32":
        assert ran.code == 1 and "do not agree with torch" in ran.err
        assert not out.exists() and list(tmp_path.iterdir()) == []
    elif "not compared: openvino bf16" not in ran.out:
        assert ran.code == 0
        assert "bf16 is refused for this model" in ran.out
        assert open_engine(out, "openvino", "auto").info.precision == "f32"
        with pytest.raises(PearError, match="bf16 is too far from float32 for this model"):
            open_engine(out, "openvino", "bf16")
