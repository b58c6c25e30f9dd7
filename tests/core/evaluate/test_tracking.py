"""Counts of identities: cases by hand, and the optimum found by trying everything."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pear_core.evaluate.tracking import Seen, identities, point_similarity


def frame(
    truth: list[int], found: list[int], pairs: dict[tuple[int, int], float],
    needed: list[bool] | None = None,
) -> Seen:  # fmt: skip
    """pairs: (person, id) -> similarity; 0 for the others."""
    table = np.array([[pairs.get((t, f), 0.0) for f in found] for t in truth], np.float64)
    return Seen(truth, found, table.reshape(len(truth), len(found)), needed)


def test_two_people_who_swap_ids_by_hand() -> None:
    """Six frames of two people: frame 2 misses person 1, frame 3 has a stranger, from frame 4 on
    the ids are exchanged."""
    right = {(0, 10): 0.9, (1, 11): 0.9}
    swapped = {(0, 11): 0.9, (1, 10): 0.9}
    counts = identities([
        frame([0, 1], [10, 11], right),
        frame([0, 1], [11, 10], right),
        frame([0, 1], [10], right),
        frame([0, 1], [10, 11, 12], right),
        frame([0, 1], [10, 11], swapped),
        frame([0, 1], [10, 11], swapped),
    ])  # fmt: skip
    assert (counts.people, counts.hits, counts.misses, counts.false_alarms) == (12, 11, 1, 1)
    assert (counts.switches, counts.breaks) == (2, 1)
    # 0 is 10 in four frames, 1 is 11 in three: seven; the other way round it is four.
    assert counts.id_hits == 7
    # 12 people and 12 found: precision and recall of identities are both 7 / 12.
    assert counts.idf1 == pytest.approx(7 / 12)
    assert counts.mota == pytest.approx(1 - (1 + 1 + 2) / 12)


def test_an_id_that_comes_back_is_a_break_and_another_one_also_a_switch() -> None:
    seen, gone = frame([5], [1], {(5, 1): 1.0}), frame([5], [], {})
    other = frame([5], [2], {(5, 2): 1.0})
    back = identities([seen, seen, gone, gone, seen])
    assert (back.switches, back.breaks, back.misses, back.id_hits) == (0, 1, 2, 3)
    lost = identities([seen, seen, gone, gone, other])
    assert (lost.switches, lost.breaks, lost.id_hits) == (1, 1, 2)


def test_a_match_that_stays_possible_is_kept_though_another_fits_better() -> None:
    first = frame([0, 1], [7, 8], {(0, 7): 0.9, (1, 8): 0.9})
    closer = frame([0, 1], [7, 8], {(0, 7): 0.6, (0, 8): 0.8, (1, 8): 0.6, (1, 7): 0.8})
    assert identities([first, closer]).switches == 0
    impossible = frame([0, 1], [7, 8], {(0, 7): 0.4, (0, 8): 0.8, (1, 8): 0.4, (1, 7): 0.8})
    assert identities([first, impossible]).switches == 2


def test_people_nobody_can_see_count_neither_way() -> None:
    both = {(0, 7): 1.0, (1, 8): 1.0}
    hidden = [True, False]
    absent = identities([frame([0, 1], [7], both, hidden)])
    guessed = identities([frame([0, 1], [7, 8], both, hidden)])
    assert (absent.people, absent.hits, absent.misses, absent.false_alarms) == (1, 1, 0, 0)
    assert guessed == absent and absent.mota == 1.0 and absent.idf1 == 1.0


def test_nothing_has_no_rate() -> None:
    empty = identities([])
    assert np.isnan(empty.mota) and np.isnan(empty.idf1)


def test_an_id_twice_in_a_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="found: expected different ids in a frame"):
        identities([frame([0], [3, 3], {})])


def test_point_similarity_by_hand() -> None:
    truth = np.array([[[0.0, 0.0], [0.0, 10.0]]])
    found = np.array([[[3.0, 4.0], [0.0, 10.0]], [[300.0, 0.0], [0.0, 10.0]]])
    # Distances 5 and 0 over a size of 10; the second is further away than the size.
    np.testing.assert_allclose(point_similarity(truth, found, np.array([10.0])), [[0.75, 0.0]])


def brute(frames: list[Seen], least: float) -> tuple[int, int]:
    """Most matches of single frames (hits), and most id hits of one map for all frames."""
    labels = sorted({f for seen in frames for f in seen.found})
    people = sorted({t for seen in frames for t in seen.truth})
    hits = 0
    for seen in frames:
        padded = [*range(len(seen.found)), *[-1] * len(seen.truth)]
        hits += max(
            sum(j >= 0 and seen.similarity[i, j] >= least for i, j in enumerate(choice))
            for choice in permutations(padded, len(seen.truth))
        )
    best = 0
    for choice in permutations([*labels, *[-1] * len(people)], len(people)):
        one = dict(zip(people, choice, strict=True))
        best = max(best, sum(
            one[t] == f and seen.similarity[i, j] >= least
            for seen in frames for i, t in enumerate(seen.truth) for j, f in enumerate(seen.found)
        ))  # fmt: skip
    return hits, best


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_optimal_as_trying_everything(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(3):
        truth = sorted(rng.permutation(3)[: rng.integers(0, 4)].tolist())
        found = (rng.permutation(4)[: rng.integers(0, 4)] + 20).tolist()
        frames.append(Seen(truth, found, rng.uniform(0, 1, (len(truth), len(found)))))
    counts = identities(frames, least=0.5)
    hits, best = brute(frames, 0.5)
    assert counts.id_hits == best
    # Kept matches may cost some in later frames, never in the first.
    assert counts.hits <= hits and identities(frames[:1], 0.5).hits == brute(frames[:1], 0.5)[0]
    assert counts.people == sum(len(f.truth) for f in frames) == counts.hits + counts.misses
    assert counts.false_alarms == sum(len(f.found) for f in frames) - counts.hits
