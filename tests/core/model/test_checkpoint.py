"""Checkpoints: exact round trips, and every kind of wrong file refused with one clear error."""

import json
from pathlib import Path

import pytest
import safetensors.torch
import torch

from pear_core.model import checkpoint
from pear_core.model.checkpoint import CheckpointError
from pear_core.model.presets import preset
from pear_core.model.regressor import Regressor

CONFIG = preset("vit_ti", depth=1, dim=24, heads=3, decoder_depth=1, decoder_dim=16, stem="patch")


@pytest.fixture(scope="module")
def model() -> Regressor:
    torch.manual_seed(0)
    return Regressor(CONFIG)


@pytest.fixture
def path(tmp_path: Path, model: Regressor) -> Path:
    path = tmp_path / "model.safetensors"
    checkpoint.save(path, model, step=42, body="free_body", body_sha256="ab", extra={"seed": 3})
    return path


def rewritten(path: Path, change) -> None:
    """Change (tensors, record) of a checkpoint in place."""
    with safetensors.safe_open(str(path), "pt") as file:
        metadata = file.metadata()
    tensors = safetensors.torch.load_file(path)
    record = json.loads(metadata["pear"])
    change(tensors, record)
    safetensors.torch.save_file(tensors, path, {"pear": json.dumps(record)})


def test_round_trip_is_exact(path: Path, model: Regressor) -> None:
    loaded, info = checkpoint.load(path)
    assert (info.config, info.step, info.body, info.body_sha256) == (CONFIG, 42, "free_body", "ab")
    assert info.extra == {"seed": 3}
    for name, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name
    strip = torch.rand(1, 3, 256, 192)
    with torch.no_grad():
        assert torch.equal(loaded(strip), model.eval()(strip))
    assert checkpoint.read_info(path) == info


def test_half_precision_file_holds_rounded_weights_and_half_the_bytes(
    tmp_path: Path, path: Path, model: Regressor
) -> None:
    half = tmp_path / "half.safetensors"
    checkpoint.save(half, model, dtype=torch.float16)
    loaded, _ = checkpoint.load(half)
    weight = model.backbone.patches.weight
    assert torch.equal(loaded.backbone.patches.weight, weight.half().float())
    data, full = (sum(p.numel() * s for p in model.parameters()) for s in (2, 4))
    assert half.stat().st_size - data < 20_000 and path.stat().st_size - full < 20_000


def test_stored_weights_may_be_an_average(tmp_path: Path, model: Regressor) -> None:
    average = {name: value * 0.5 for name, value in model.state_dict().items()}
    checkpoint.save(tmp_path / "a.safetensors", model, weights=average)
    loaded, _ = checkpoint.load(tmp_path / "a.safetensors")
    assert torch.equal(loaded.decoder.position, model.decoder.position * 0.5)


def test_nothing_is_left_beside_the_file(path: Path) -> None:
    assert [p.name for p in path.parent.iterdir()] == ["model.safetensors"]


def test_weights_that_are_not_finite_are_not_written(tmp_path: Path, model: Regressor) -> None:
    large = {name: value + 1e6 for name, value in model.state_dict().items()}
    with pytest.raises(CheckpointError, match=r"not finite as torch\.float16"):
        checkpoint.save(tmp_path / "x.safetensors", model, weights=large, dtype=torch.float16)
    assert not list(tmp_path.iterdir())


def drop_bias(tensors, record) -> None:
    del tensors["backbone.norm.bias"]


def add_key(tensors, record) -> None:
    tensors["head.joints_offset"] = torch.zeros(1)


def reshape(tensors, record) -> None:
    tensors["backbone.norm.bias"] = torch.zeros(7)


def other_size(tensors, record) -> None:
    record["config"]["depth"] = 2


def other_layout(tensors, record) -> None:
    record["layout"] = "0" * 64


def other_format(tensors, record) -> None:
    record["format"] = "pear-checkpoint-9"


def bad_config(tensors, record) -> None:
    record["config"]["colour"] = "blue"


def no_step(tensors, record) -> None:
    del record["step"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop_bias, "1 missing: backbone.norm.bias"),
        (add_key, "1 unexpected: head.joints_offset"),
        (reshape, r"backbone.norm.bias expected \(24,\) found \(7,\)"),
        (other_size, r"12 missing: backbone.blocks.1\..*\.\.\."),
        (other_layout, "another output layout"),
        (other_format, "expected format pear-checkpoint-1, found 'pear-checkpoint-9'"),
        (bad_config, r"unknown model config keys \['colour'\]"),
        (no_step, "not a pear checkpoint"),
    ],
)
def test_wrong_content_is_named(path: Path, change, message: str) -> None:
    rewritten(path, change)
    with pytest.raises(CheckpointError, match=message):
        checkpoint.load(path)


def test_foreign_files(tmp_path: Path, path: Path) -> None:
    foreign = tmp_path / "foreign.safetensors"
    safetensors.torch.save_file({"x": torch.zeros(2)}, foreign)
    with pytest.raises(CheckpointError, match="not a pear checkpoint"):
        checkpoint.load(foreign)
    with pytest.raises(CheckpointError, match="no such file"):
        checkpoint.load(tmp_path / "nothing.safetensors")
    torch.save({"x": 1}, tmp_path / "pickle.pt")
    with pytest.raises(CheckpointError, match="not a complete safetensors file"):
        checkpoint.load(tmp_path / "pickle.pt")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.999])
def test_truncated_files(path: Path, share: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(CheckpointError, match="not a complete safetensors file"):
        checkpoint.load(path)
