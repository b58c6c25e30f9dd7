"""Left/right map of the shipped body's expressions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pear_core.train.expressions import expression_mirror, mirrored_names

BODY = Path(__file__).parents[3] / "models" / "free_body"


def test_names_by_hand() -> None:
    names = ["jawLeft", "jawRight", "cheekPuff", "onlyLeft"]
    assert mirrored_names(names).tolist() == [1, 0, 2, 3]


def test_shipped_body_is_an_involution_with_pairs() -> None:
    mapping = expression_mirror(BODY)
    assert (mapping[mapping] == np.arange(50)).all() and (mapping != np.arange(50)).sum() >= 20


def test_without_names_nothing_moves(tmp_path: Path) -> None:
    assert (expression_mirror(tmp_path) == np.arange(50)).all()
