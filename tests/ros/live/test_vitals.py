"""Rates, percentiles and means of a window, against hand-computed numbers."""

from __future__ import annotations

import math

import pytest

from pear_ros.live.vitals import SECOND, Beat, Vitals
from pear_ros.types import StageTimes


def beat(received: int, published: int, people: int = 1, age: float = 0.1) -> Beat:
    times = StageTimes(network=0.02)
    return Beat(received, published, age, 0.001, 0.002, 0.003, times, people)


def test_nothing_yet() -> None:
    vital = Vitals().read(10 * SECOND)
    assert (vital.rate_in, vital.rate_out, vital.people) == (0.0, 0.0, 0)
    assert all(map(math.isnan, (*vital.latency, *vital.age)))


def test_rates_latencies_and_stages() -> None:
    vitals = Vitals(window=5.0)
    for i in range(31):
        vitals.arrived(SECOND + i * SECOND // 30)
    for i in range(11):
        at = SECOND + i * SECOND // 10
        vitals.published(beat(at, at + (20 + i) * 1_000_000, people=i))
    vital = vitals.read(3 * SECOND)
    assert vital.rate_in == pytest.approx(30.0, rel=1e-6)
    # Each is published one millisecond later than the last: 10 intervals in 1.01 s.
    assert vital.rate_out == pytest.approx(10 / 1.01, rel=1e-6)
    assert vital.latency[0] == pytest.approx(0.025)
    assert vital.latency[1] == pytest.approx(0.0295)
    assert vital.latency[2] == pytest.approx(0.0299)
    assert vital.stages["network"] == pytest.approx(0.02)
    assert (vital.stages["decode"], vital.stages["publish"]) == pytest.approx((0.001, 0.003))
    assert vital.people == 10 and vitals.frames == 11


def test_what_is_older_than_the_window_no_longer_counts() -> None:
    vitals = Vitals(window=2.0)
    for second in range(10):
        vitals.arrived(second * SECOND)
        vitals.published(beat(second * SECOND, second * SECOND + second * 1_000_000))
    vital = vitals.read(10 * SECOND + SECOND // 2)
    # Only the one at 9 s: a rate needs two.
    assert vital.rate_in == 0.0
    assert vital.latency[0] == pytest.approx(0.009)


def test_a_clock_that_says_nothing_is_left_out() -> None:
    vitals = Vitals()
    vitals.published(beat(SECOND, SECOND, age=math.nan))
    vitals.published(beat(SECOND, SECOND, age=0.25))
    assert vitals.read(SECOND + 1).age[0] == 0.25
