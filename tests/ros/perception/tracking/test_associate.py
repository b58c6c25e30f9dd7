"""Exact assignment against every permutation and against scipy."""

from __future__ import annotations

from itertools import permutations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linear_sum_assignment

from pear_ros.perception.tracking.associate import assign, hungarian


def cheapest(cost: np.ndarray, most: float) -> float:
    """Least total over all ways to leave rows alone (at `most`) or pair them, tried one by one."""
    rows, columns = cost.shape
    best = np.inf
    for chosen in permutations(range(columns + rows), rows):
        total = sum(
            most if j >= columns else (cost[i, j] if cost[i, j] < most else np.inf)
            for i, j in enumerate(chosen)
        )
        best = min(best, total)
    return float(best)


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 3)).flatmap(
        lambda shape: arrays(np.float64, shape, elements=st.integers(0, 12).map(float))
    )
)
def test_no_permutation_is_cheaper(cost: np.ndarray) -> None:
    pairs = assign(cost, 7.0)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
    assert all(cost[i, j] < 7.0 for i, j in pairs)
    total = sum(cost[i, j] for i, j in pairs) + 7.0 * (len(cost) - len(pairs))
    assert total == cheapest(cost, 7.0)


def test_the_total_is_scipys_for_crowds() -> None:
    rng = np.random.default_rng(4)
    for _ in range(60):
        rows = int(rng.integers(1, 12))
        cost = rng.normal(size=(rows, int(rng.integers(rows, 20)))).round(1)
        found = hungarian(cost.tolist())
        assert len(set(found)) == rows
        expected = cost[linear_sum_assignment(cost)].sum()
        np.testing.assert_allclose(cost[np.arange(rows), found].sum(), expected, atol=1e-9)


def test_the_best_pair_is_given_up_where_everybody_gains() -> None:
    # Greedy takes (0, 0) for 1 and then pays 9; the other way round costs 2 + 3.
    assert assign(np.array([[1.0, 2.0], [3.0, 9.0]]), 20.0) == [(0, 1), (1, 0)]


def test_what_is_too_dear_stays_alone() -> None:
    infinite = np.inf
    assert assign(np.array([[5.0, infinite], [4.0, infinite]]), 6.0) == [(1, 0)]
    assert assign(np.array([[6.0]]), 6.0) == []
    assert assign(np.zeros((0, 3)), 1.0) == assign(np.zeros((3, 0)), 1.0) == []
