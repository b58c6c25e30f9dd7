"""How sub-commands end."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from pear_ros.cli.outcome import Outcome, percentages
from pear_ros.problems import Problems


def finish(
    capsys: pytest.CaptureFixture[str], outcome: Outcome, **options: bool
) -> tuple[int, str, str]:
    code = outcome.finish(argparse.Namespace(**{"strict": False, "json": False} | options))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def warned() -> Outcome:
    problems = Problems()
    for stamp in (1_000_000_000, 2_000_000_000, 3_000_000_000):
        problems.add("truncated", "/camera", stamp, "cut off")
    return Outcome(
        "replay", problems, {"frames": 3}, ["3 pictures"], [Path(f"f{i}") for i in range(10)]
    )


def test_people_read_lines_files_and_warnings(capsys, warned: Outcome) -> None:
    code, out, err = finish(capsys, warned)
    assert code == 0
    assert out.splitlines()[:3] == ["3 pictures", "Look at:", "  f0"]
    assert out.splitlines()[-1] == "  and 2 more in ."
    assert err == "pear: warning: truncated: /camera at 1.000 s: cut off (and 2 more)\n"


def test_machines_read_json(capsys, warned: Outcome) -> None:
    code, out, _ = finish(capsys, warned, json=True)
    content = json.loads(out)
    assert code == 0
    assert content["ok"] is True
    assert content["frames"] == 3
    assert content["files"] == [f"f{i}" for i in range(10)]
    assert content["warnings"]["truncated"]["count"] == 3
    assert len(content["warnings"]["truncated"]["examples"]) == 3


def test_strict_makes_warnings_fail(capsys, warned: Outcome) -> None:
    code, out, err = finish(capsys, warned, strict=True)
    assert code == 1
    assert "Look at:" in out
    assert err.splitlines()[-1] == "pear: error: 3 warnings (--strict)"
    assert finish(capsys, Outcome("x", Problems()), strict=True)[0] == 0


def test_errors_fail(capsys) -> None:
    outcome = Outcome("image", Problems(), errors=["a.png: empty"])
    code, out, err = finish(capsys, outcome, json=True)
    assert code == 1
    assert json.loads(out)["errors"] == ["a.png: empty"]
    assert json.loads(out)["ok"] is False
    assert err == "pear: error: a.png: empty\n"


def test_percentages_are_sorted_and_add_up() -> None:
    text = percentages({"decode": 0.001, "network": 0.008, "smooth": 0.0, "write": 0.001})
    assert text == "network 8.0 ms (80 %), decode 1.0 ms (10 %), write 1.0 ms (10 %)"
    assert percentages({}) == ""
