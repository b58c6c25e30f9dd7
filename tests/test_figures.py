"""Figures in README and docs are those of the JSON files they name."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def load_tool():
    spec = importlib.util.spec_from_file_location("figures", ROOT / "tools" / "figures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_figure_is_replaced_and_the_rest_is_not(tmp_path, monkeypatch) -> None:
    tool = load_tool()
    (tmp_path / "r.json").write_text('{"a": [{"fps": 31.46}]}')
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    text = "about <!--f r.json a.0.fps .1f-->9<!--/f--> frames, 9 of them"
    assert tool.filled(text) == "about <!--f r.json a.0.fps .1f-->31.5<!--/f--> frames, 9 of them"


@pytest.mark.parametrize("page", load_tool().pages(), ids=lambda p: p.name)
def test_pages_are_up_to_date(page: Path) -> None:
    assert load_tool().filled(page.read_text()) == page.read_text()
