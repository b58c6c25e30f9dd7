"""The JSON form: stable, complete, and refused when it is something else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pear_ros.bench.record import FORMAT, as_object, read
from pear_ros.problems import PearError

ROWS = {("openvino f32", "network", 1): 20.123456, ("openvino f32", "mesh", 4): 2.0}


def test_the_form(result: Any) -> None:
    content = as_object(result(ROWS))
    # Others read these files: whoever changes this changes the format's name too.
    assert FORMAT == "pear-bench-1"
    assert set(content) == {
        "format", "model", "date", "machine", "versions", "conditions", "settings", "engines",
        "rows", "peaks", "rooflines", "notes",
    }  # fmt: skip
    assert set(content["rows"][0]) == {
        "engine", "target", "people", "stages_ms", "reference_ms", "calls", "warm_up_calls",
        "steady", "fastest_ms", "p25_ms", "median_ms", "p75_ms", "p95_ms", "p99_ms", "jitter_ms",
    }  # fmt: skip
    assert content["rows"][0]["median_ms"] == 20.123
    assert json.loads(json.dumps(content)) == content


def test_round_trip(result: Any, tmp_path: Path) -> None:
    first = result(ROWS)
    (tmp_path / "a.json").write_text(json.dumps(as_object(first)))
    again = read(tmp_path / "a.json")
    assert as_object(again) == as_object(first)
    assert again.rows[1].summary == first.rows[1].summary and again.rows[1].name == "mesh x4"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "cannot read the benchmark"),
        ("[]", "not a benchmark; expected format pear-bench-1; found 'list'"),
        ('{"format": "pear-bench-9"}', "not a benchmark"),
        ('{"format": "pear-bench-1"}', "an incomplete benchmark"),
        ('{"format": "pear-bench-1", "rows": 3}', "an incomplete benchmark"),
    ],
)
def test_other_files_are_one_error(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(PearError, match=said):
        read(path)


def test_a_row_without_its_figures_is_refused(result: Any, tmp_path: Path) -> None:
    content = as_object(result(ROWS))
    del content["rows"][0]["p95_ms"]
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(PearError, match="incomplete benchmark; found 'p95_ms'"):
        read(tmp_path / "a.json")
