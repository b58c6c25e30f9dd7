"""`pear bench` as a user runs it, on the tiny model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pear_ros.bench import reference, run
from pear_ros.problems import PearError


@pytest.fixture(scope="module")
def measured(tiny_model: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One run of everything, without torch; folder and content of its JSON."""
    from pear_ros.cli.main import main

    folder = tmp_path_factory.mktemp("bench")
    words = ["bench", "--model", tiny_model.bundle, "--engine", "onnxruntime", "--threads", 1]
    words += ["--detector", "whole", "--people", "1,2", "--seconds", "0.02", "--no-reference"]
    words += ["--out", folder / "a.json", "--plot", folder / "a.svg", "--quiet"]
    assert main([str(word) for word in words]) == 0
    return {"folder": folder, "content": json.loads((folder / "a.json").read_text())}


def test_every_target_has_its_rows(measured: dict[str, Any]) -> None:
    rows = {(row["target"], row["people"]): row for row in measured["content"]["rows"]}
    per_person = {(t, n) for t in ("network", "regressor", "mesh", "joints") for n in (1, 2)}
    assert set(rows) == per_person | {("pipeline", 1), ("replay", 1)}
    assert all(0 < row["fastest_ms"] <= row["median_ms"] for row in rows.values())
    stages = rows["regressor", 1]["stages_ms"]
    assert set(stages) == {"crop", "network", "body"} and min(stages.values()) > 0
    assert {"detect", "network", "body"} <= set(rows["pipeline", 1]["stages_ms"])


def test_it_says_what_ran_where(measured: dict[str, Any]) -> None:
    content = measured["content"]
    (label,) = content["engines"]
    assert label.startswith("onnxruntime ")
    assert content["engines"][label]["backend"] == "onnxruntime"
    assert content["model"]["model"] == "tiny" and content["settings"]["threads"] == 1
    assert content["versions"]["onnxruntime"] and content["machine"]["processor"]
    one, two = content["rooflines"][label]
    assert two["gflop"] == pytest.approx(2 * one["gflop"], rel=1e-3)
    assert one["peak_of"] == "numpy f32" and content["peaks"][label]["copy_gbps"] > 0
    assert (measured["folder"] / "a.svg").read_text().startswith("<svg")


def test_compare(pear: Any, measured: dict[str, Any], tmp_path: Path) -> None:
    slow = json.loads(json.dumps(measured["content"]))
    for row in slow["rows"]:
        for name in ("fastest_ms", "p25_ms", "median_ms", "p75_ms"):
            row[name] = 100 * row[name]
    (tmp_path / "slow.json").write_text(json.dumps(slow))
    files = (tmp_path / "slow.json", measured["folder"] / "a.json")
    ran = pear("bench", "--compare", *files)
    assert ran.code == 0 and "100.00  B is 100.00 x faster" in ran.out
    content = json.loads(pear("bench", "--json", "--compare", *files).out)
    assert {row["name"] for row in content["compared"]} >= {"network x1", "replay x1"}
    assert all(row["beyond_spread"] for row in content["compared"])
    assert pear("bench", "--compare", tmp_path / "slow.json", tmp_path / "no.json").code == 1


@pytest.mark.parametrize(
    "words", [("--what", "steam"), ("--people", "0"), ("--people", "17"), ("--seconds", "0")]
)
def test_wrong_usage(pear: Any, words: tuple[str, str]) -> None:
    ran = pear("bench", *words)
    assert ran.code == 2 and ran.err.count("\n") == 1


class Torch:
    """In the place of the torch process: every call takes a second."""

    def __init__(self, bundle: Path, threads: int | None) -> None:
        assert threads == 2
        self.facts = {"torch": "9.9", "threads": 3}

    def __enter__(self) -> Torch:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def block(self, people: int) -> Any:
        return lambda seconds: [1.0 * people] * 2


def test_the_reference_stands_beside_the_network(tiny_model: Any, monkeypatch: Any) -> None:
    from pear_ros.engine import open_engine

    monkeypatch.setattr(run, "EagerTorch", Torch)
    engine = open_engine(tiny_model.bundle, "onnxruntime", "f32", 1)
    settings = run.Settings(("network", "mesh"), (1, 2), 0.01, threads=2)
    result = run.run({"e": (engine, tiny_model.bundle)}, settings)
    found = {row.name: row.reference_ms for row in result.rows}
    assert found["network x1"] == pytest.approx(1000) and found["network x2"] == pytest.approx(2000)
    assert found["mesh x1"] is None
    one = result.rows[0]
    assert one.speedup == pytest.approx(1000 / one.summary.median_ms)
    assert result.versions["torch"] == "9.9" and result.settings["reference_threads"] == 3


def test_without_weights_there_is_no_reference(tmp_path: Path) -> None:
    assert "no model.safetensors" in reference.why_not(tmp_path)


def test_a_torch_process_that_fails_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(
        PearError, match=r"the torch process ended; .*found [\w.]*Error: .*safetensors"
    ):
        reference.EagerTorch(tmp_path, 1)
