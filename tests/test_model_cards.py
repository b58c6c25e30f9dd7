"""The tables of the model cards are those of their evaluation files."""

from __future__ import annotations

from pathlib import Path

import pytest

import model_cards

ROOT = Path(__file__).parents[1]
CARDS = sorted((ROOT / "models").glob("*/evaluation.json"))


@pytest.mark.parametrize("evaluation", CARDS, ids=lambda path: path.parent.name)
def test_cards_show_their_evaluation(evaluation: Path) -> None:
    card = evaluation.parent / "README.md"
    assert "<!--numbers-->" in card.read_text()
    assert model_cards.filled(card) == card.read_text()


def test_a_row_by_hand() -> None:
    group = dict.fromkeys(model_cards.ERRORS, 50.0) | {"crops": 3}
    halves = dict.fromkeys(model_cards.ERRORS, 80.0) | {"crops": 3}
    text = model_cards.tables(
        {
            "model": dict.fromkeys(model_cards.GROUPS, group),
            "mean_pose": dict.fromkeys(model_cards.GROUPS, halves),
        }
    )
    assert "| MPJPE, mm | 50.0 | 80.0 | 0.62 |" in text
    assert "All crops (3):" in text
