"""`pear convert`: the thin part on the robot's side."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from pear_core.model.presets import ModelConfig
from pear_core.model.published import to_published
from pear_core.model.regressor import Regressor

SIZES = ("--heads", "3", "--decoder-heads", "2")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    config = ModelConfig("x", 1, 12, 3, 2.0, 0.0, 1, 10, 2, 4, 14, "published")
    content: dict[str, Any] = to_published(Regressor(config).state_dict(), config)
    torch.save({**content, "global_iter": 7}, tmp_path / "pear_model.pt")
    return tmp_path / "pear_model.pt"


def test_report_there_and_back(pear, source: Path, tmp_path: Path) -> None:
    ours, theirs = tmp_path / "model.safetensors", tmp_path / "back.pt"
    ran = pear("convert", source, "--to", "safetensors", "--out", ours, *SIZES)
    assert (ran.code, ran.err) == (0, "")
    # By hand: 17 keys of the backbone, 20 of the decoder, 16 of the heads, the mean pose.
    assert "54 keys used" in ran.out and "7 keys unused" in ran.out and "0 keys missing" in ran.out
    assert "global_iter: steps of the published training run" in ran.out
    assert ran.out.endswith(f"Look at: {ours}\n")
    ran = pear("convert", ours, "--to", "published", "--out", theirs, "--json")
    record = json.loads(ran.out)
    assert record["ok"] and record["out"] == str(theirs) and len(record["used"]) == 58
    assert [k for k, why in record["missing"].items() if why.endswith("as zeros")] == [
        "head.smplx_joint_decoder.bias", "head.smplx_joint_decoder.weight",
    ]  # fmt: skip
    first, second = (torch.load(path, weights_only=True) for path in (source, theirs))
    for part in ("backbone", "head"):
        assert all(
            torch.equal(v, second[part][k]) for k, v in first[part].items() if "joint" not in k
        )


def test_json_names_every_key(pear, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.safetensors"
    ran = pear("convert", source, "--to", "safetensors", "--out", out, "--json", *SIZES)
    record = json.loads(ran.out)
    assert record["command"] == "convert" and "head.cam_decoder.bias" in record["used"]
    assert "never applied" in record["unused"]["head.smplx_joint_decoder.weight"]
    assert record["missing"] == {}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "heads of the backbone: no shape tells"),
        (("--heads", "3"), "heads of the decoder: no shape tells"),
        ((*SIZES, "--model", "vit_b"), "tells its own sizes"),
    ],
)
def test_a_refusal_is_one_line_and_leaves_nothing(
    pear, source: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    out = tmp_path / "m.safetensors"
    ran = pear("convert", source, "--to", "safetensors", "--out", out, *words)
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert said in ran.err and "pear_model.pt" in ran.err
    assert {path.name for path in tmp_path.iterdir()} == {"pear_model.pt"}


def test_options_of_one_direction_are_refused_in_the_other(
    pear, source: Path, tmp_path: Path
) -> None:
    ran = pear("convert", source, "--to", "published", "--out", tmp_path / "x", *SIZES)
    assert ran.code == 1 and "--decoder-heads, --heads belong to --to safetensors" in ran.err


def test_without_torch_it_says_what_to_install(
    pear, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "pear_core.model.convert", raising=False)
    for name in [n for n in sys.modules if n.startswith("pear_core.model")]:
        monkeypatch.delitem(sys.modules, name)
    ran = pear("convert", source, "--to", "safetensors", "--out", tmp_path / "x")
    assert ran.code == 1 and "pip install 'pear-ros[export]'" in ran.err
