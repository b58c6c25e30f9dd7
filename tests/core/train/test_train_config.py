"""The training configuration: sources, types, unknown keys."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pear_core.train.config import TrainConfig, TrainConfigError, from_arguments, from_mapping


def test_file_then_flags(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"steps": 10, "rate": 1, "weights": {"root": 0.25}}))
    config = from_arguments(
        [str(path), "--steps", "20", "--weights.camera", "3", "--bf16", "false"]
    )
    assert config.steps == 20 and config.rate == 1.0 and isinstance(config.rate, float)
    assert config.weights.root == 0.25 and config.weights.camera == 3.0 and config.bf16 is False
    assert config.weights.keypoints == TrainConfig().weights.keypoints


def test_round_trip_through_json() -> None:
    config = from_mapping({"keep": [[0.5, 0.25], [1.0, 1.0]], "seed": 7})
    assert from_mapping(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"step": 3}, "unknown key step"),
        ({"weights": {"pose": 1}}, r"unknown key weights\.pose"),
        ({"steps": "many"}, "steps: expected int"),
        ({"steps": 1.5}, "steps: expected int"),
        ({"bf16": 1}, "bf16: expected bool"),
        ({"rate": True}, "rate: expected float"),
        ({"weights": 3}, "weights: expected an object"),
        ({"keep": [0.5]}, "keep"),
        ({"keep": [[0.5, 0.5]]}, "up to 1.0"),
        ({"keep": [[1.0, 0.0]]}, "keep"),
        ({"steps": 0}, "steps: expected at least 1"),
        ({"batch": 3, "workers": 2}, "multiple of 2"),
    ],
)
def test_bad_values_are_named(values: dict[str, object], message: str) -> None:
    with pytest.raises(TrainConfigError, match=message):
        from_mapping(values)


@pytest.mark.parametrize(
    "arguments", [["--steps"], ["--steps", "3", "x"], ["absent.json"], ["--no.such", "1"]]
)
def test_bad_arguments_are_errors(arguments: list[str]) -> None:
    with pytest.raises(TrainConfigError):
        from_arguments(arguments)
