"""The tables of the model cards are those of their evaluation files."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
CARDS = sorted((ROOT / "models").glob("*/evaluation.json"))


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("model_cards", ROOT / "tools" / "model_cards.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("evaluation", CARDS, ids=lambda path: path.parent.name)
def test_cards_show_their_evaluation(evaluation: Path) -> None:
    card = evaluation.parent / "README.md"
    assert "<!--numbers-->" in card.read_text()
    assert load().filled(card) == card.read_text()


def test_a_row_by_hand() -> None:
    tool = load()
    group = dict.fromkeys(tool.ERRORS, 50.0) | {"crops": 3}
    halves = dict.fromkeys(tool.ERRORS, 80.0) | {"crops": 3}
    text = tool.tables(
        {
            "model": dict.fromkeys(tool.GROUPS, group),
            "mean_pose": dict.fromkeys(tool.GROUPS, halves),
        }
    )
    assert "| MPJPE, mm | 50.0 | 80.0 | 0.62 |" in text
    assert "All crops (3):" in text
