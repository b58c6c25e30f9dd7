"""The loop: the loss falls on a few records, a resumed run equals an unbroken one, files are what
they say.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pear_core.data.records import Record
from pear_core.data.shards import FEATURES_FORMAT, Shards, write_arrays, write_shard
from pear_core.data.synthetic.studio import Studio
from pear_core.model import checkpoint, presets
from pear_core.model.stem import PretrainedStem
from pear_core.train import stage1
from pear_core.train.config import TrainConfig, TrainConfigError, from_mapping
from pear_core.train.features import feature_arrays
from pear_core.train.state import ResumeError, load_state, start_from

BODY = Path(__file__).parents[3] / "models" / "free_body"


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return Studio(BODY, seed=11, pool_size=2).batch(range(8))


@pytest.fixture
def config(tmp_path: Path, records: list[Record], monkeypatch: pytest.MonkeyPatch) -> TrainConfig:
    small = presets.preset("vit_ti", depth=2, dim=48, heads=3, decoder_depth=1, decoder_dim=64)
    monkeypatch.setitem(presets.PRESETS, "vit_ti", small)
    write_shard(tmp_path / "data" / "a", records)
    return from_mapping({
        "data": str(tmp_path / "data"), "validation": str(tmp_path / "data"), "body": str(BODY),
        "out": str(tmp_path / "run"), "steps": 30, "batch": 8, "warmup": 5,
        "keep": [[0.5, 0.4], [1.0, 1.0]],
        "half_depth": 0.2, "flip": 0.0, "log_every": 5, "validate_every": 15, "validation_crops": 8,
        "threads": 1, "ema": 0.9, "rate": 6e-3, "muon": 2e-2,
    })  # fmt: skip


def _log(config: TrainConfig) -> list[dict[str, float]]:
    return [json.loads(line) for line in (Path(config.out) / "log.jsonl").read_text().splitlines()]


def test_loss_falls_and_files_are_written(config: TrainConfig) -> None:
    run = stage1.train(config)
    steps = [entry for entry in _log(config) if "loss" in entry]
    # Two terms every picture teaches alike; the total jumps with the views drawn.
    assert steps[-1]["surface"] < 0.8 * steps[0]["surface"]
    assert steps[-1]["body_pose"] < 0.8 * steps[0]["body_pose"]
    validations = [entry for entry in _log(config) if entry.get("event") == "validation"]
    assert len(validations) == 3 and all(np.isfinite(v["pa_mpjpe"]) for v in validations)
    regressor, info = checkpoint.load(Path(config.out) / "model.safetensors")
    assert info.step == 30
    for name, value in regressor.state_dict().items():
        torch.testing.assert_close(value, run.averaged_weights()[name].half().float())


def test_a_resumed_run_equals_an_unbroken_one(
    config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = stage1.train(
        from_mapping(config.to_dict() | {"out": config.out + "_whole", "steps": 6})
    )
    real = stage1.train_step

    def interrupted(run: stage1.Run, *rest: object) -> stage1.StepResult:
        if run.step == 3:
            stage1.save_state(Path(config.out) / stage1.STATE, run, config)
            raise KeyboardInterrupt
        return real(run, *rest)  # type: ignore[arg-type]

    part = from_mapping(config.to_dict() | {"steps": 6})
    monkeypatch.setattr(stage1, "train_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        stage1.train(part)
    monkeypatch.setattr(stage1, "train_step", real)
    resumed = stage1.train(part)
    assert resumed.step == whole.step == 6
    for (name, a), b in zip(
        whole.learner.state_dict().items(), resumed.learner.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-5, msg=name)
    for name, value in whole.average.shadow.items():
        torch.testing.assert_close(value, resumed.average.shadow[name], atol=1e-6, rtol=1e-5)


def test_a_new_run_starts_from_a_checkpoint(config: TrainConfig, tmp_path: Path) -> None:
    torch.manual_seed(3)
    other = stage1.new_run(from_mapping(config.to_dict() | {"seed": 99}))
    path = tmp_path / "model.safetensors"
    checkpoint.save(path, other.learner.regressor)
    run = stage1.new_run(config)
    start_from(path, run)
    for name, value in other.learner.regressor.state_dict().items():
        torch.testing.assert_close(run.learner.regressor.state_dict()[name], value)
        torch.testing.assert_close(run.averaged_weights()[name], value)


def test_a_state_of_another_model_is_refused(config: TrainConfig, tmp_path: Path) -> None:
    run = stage1.new_run(config)
    stage1.save_state(tmp_path / "state.pt", run, config)
    with pytest.raises(ResumeError, match="vit_s"):
        load_state(tmp_path / "state.pt", run, from_mapping({"model": "vit_s"}))


def test_a_learning_stem_needs_pictures(config: TrainConfig, tmp_path: Path) -> None:
    shards = Shards(tmp_path / "data")
    arrays = shards.batch(range(8))
    stem = PretrainedStem(1)
    features = feature_arrays(stem, arrays.pop("image")) | arrays
    write_arrays(tmp_path / "seen" / "a", FEATURES_FORMAT, features, shards.body_sha256)
    learning = replace(config, data=str(tmp_path / "seen"), stem_from=6)
    with pytest.raises(TrainConfigError, match=r"seen holds features .* expected pictures"):
        stage1.train(learning)


def test_a_learning_stem_needs_a_stem(config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = replace(presets.PRESETS["vit_ti"], stem="patch")
    monkeypatch.setitem(presets.PRESETS, "vit_ti", plain)
    with pytest.raises(TrainConfigError, match="vit_ti has no pretrained stem"):
        stage1.new_run(replace(config, stem_from=6))


def test_command_line_reports_bad_keys(capsys: pytest.CaptureFixture[str]) -> None:
    from pear_core.train.__main__ import main

    assert main(["--setps", "3"]) == 2
    assert "unknown key setps" in capsys.readouterr().err
    assert main(["--help"]) == 0 and "--steps" in capsys.readouterr().out
