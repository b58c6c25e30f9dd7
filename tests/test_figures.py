"""Figures in README and docs are those of the JSON files they name."""

from pathlib import Path

import pytest

import figures

ROOT = Path(__file__).parents[1]


def test_a_figure_is_replaced_and_the_rest_is_not(tmp_path, monkeypatch) -> None:
    (tmp_path / "r.json").write_text('{"a": [{"fps": 31.46}]}')
    monkeypatch.setattr(figures, "ROOT", tmp_path)
    text = "about <!--f r.json a.0.fps .1f-->9<!--/f--> frames, 9 of them"
    assert (
        figures.filled(text) == "about <!--f r.json a.0.fps .1f-->31.5<!--/f--> frames, 9 of them"
    )


@pytest.mark.parametrize("page", figures.pages(), ids=lambda p: p.name)
def test_pages_are_up_to_date(page: Path) -> None:
    assert figures.filled(page.read_text()) == page.read_text()
