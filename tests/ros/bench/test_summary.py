"""Percentiles of hand-made durations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pear_ros.bench.sampling import Samples
from pear_ros.bench.summary import summarise


def test_hand_case() -> None:
    # 101 calls of 1, 2, ..., 101 ms in another order: rank r lies at 1 + 100 r.
    seconds = np.random.default_rng(0).permutation(np.arange(1, 102)) / 1e3
    found = summarise(Samples(tuple(seconds.tolist()), warm_up=12, steady=False))
    assert (found.calls, found.warm_up_calls, found.steady) == (101, 12, False)
    expected = (1.0, 26.0, 51.0, 76.0, 96.0, 100.0, 45.0)
    got = (
        found.fastest_ms, found.p25_ms, found.median_ms, found.p75_ms, found.p95_ms, found.p99_ms,
        found.jitter_ms,
    )  # fmt: skip
    assert got == pytest.approx(expected)


def test_between_two_calls() -> None:
    found = summarise(Samples((0.004, 0.002), 1, True))
    assert (found.median_ms, found.p25_ms, found.p75_ms) == pytest.approx((3.0, 2.5, 3.5))


@pytest.mark.parametrize(
    ("calls", "p95", "p99"),
    [(19, False, False), (20, True, False), (99, True, False), (100, True, True)],
)
def test_tails_need_calls(calls: int, p95: bool, p99: bool) -> None:
    found = summarise(Samples((0.001,) * calls, 1, True))
    assert (found.p95_ms is not None, found.p99_ms is not None) == (p95, p99)
    assert found.jitter_ms == (0.0 if p95 else None)


@given(st.lists(st.floats(1e-7, 1e3), min_size=100, max_size=150))
def test_order(seconds: list[float]) -> None:
    found = summarise(Samples(tuple(seconds), 1, True))
    assert found.p95_ms is not None and found.p99_ms is not None
    values = [
        found.fastest_ms,
        found.p25_ms,
        found.median_ms,
        found.p75_ms,
        found.p95_ms,
        found.p99_ms,
    ]
    assert np.all(np.diff(values) >= -1e-9 * max(values))
