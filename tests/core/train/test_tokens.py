"""Token choice: counts, preference, schedule."""

from __future__ import annotations

import torch

from pear_core.train.tokens import choose_tokens, keep_at


def test_schedule_by_hand() -> None:
    schedule = ((0.5, 0.25), (0.9, 0.5), (1.0, 1.0))
    assert [keep_at(schedule, p) for p in (0.0, 0.49, 0.5, 0.89, 0.95, 1.0)] == [
        0.25,
        0.25,
        0.5,
        0.5,
        1.0,
        1.0,
    ]


def test_all_tokens_is_none() -> None:
    assert choose_tokens(torch.zeros(1, 64, 48), 1.0, 1.0, torch.Generator()) is None


def test_the_person_is_kept_before_the_background() -> None:
    kind = torch.zeros(2, 64, 48)
    kind[0, 20:40, 16:24] = 2  # tokens: rows 5..9, columns 4..5
    generator = torch.Generator().manual_seed(0)
    kept = choose_tokens(kind, 0.25, 10.0, generator)
    assert kept is not None and kept.shape == (2, 48)
    person = {row * 12 + column for row in range(5, 10) for column in (4, 5)}
    ring = {row * 12 + column for row in range(4, 11) for column in range(3, 7)}
    assert person <= ring <= set(kept[0].tolist())
    assert all(
        len(set(row.tolist())) == 48 and row.tolist() == sorted(row.tolist()) for row in kept
    )


def test_same_seed_same_tokens() -> None:
    kind = torch.zeros(3, 64, 48)
    first = choose_tokens(kind, 0.5, 0.5, torch.Generator().manual_seed(4))
    second = choose_tokens(kind, 0.5, 0.5, torch.Generator().manual_seed(4))
    assert first is not None and second is not None and torch.equal(first, second)
