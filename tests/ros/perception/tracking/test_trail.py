"""Velocity and expectation against a motion that is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pear_ros.perception.tracking.trail import DECAY, LENGTH, SPAN, Trail, centre
from pear_ros.types import Box

FRAME = 40_000_000


def walk(count: int, vx: float, vy: float, step: int = FRAME) -> Trail:
    trail = Trail.begun(0, (100.0, 50.0))
    for i in range(1, count):
        trail = trail.extended(i * step, (100.0 + vx * i * step * 1e-9, 50 + vy * i * step * 1e-9))
    return trail


def test_the_velocity_of_a_walk_is_its_slope() -> None:
    assert walk(20, 120.0, -30.0).velocity == pytest.approx((120.0, -30.0))
    assert Trail.begun(0, (1.0, 2.0)).velocity == (0.0, 0.0)


def test_noise_is_averaged_as_least_squares_does() -> None:
    rng = np.random.default_rng(1)
    points = rng.normal(0, 3.0, (9, 2))
    trail = Trail.begun(0, tuple(points[0].tolist()))
    for i in range(1, 9):
        trail = trail.extended(i * FRAME, tuple(points[i].tolist()))
    slope = np.polyfit(np.arange(9) * 0.04, points, 1)[0]
    np.testing.assert_allclose(trail.velocity, slope, rtol=1e-9)


def test_only_the_last_half_second_counts() -> None:
    long = walk(60, 10.0, 0.0)
    assert len(long.stamps) == LENGTH
    slow = walk(30, 10.0, 0.0, step=200_000_000)
    assert slow.stamps[-1] - slow.stamps[0] <= SPAN * 1e9 and len(slow.stamps) == 3


@pytest.mark.parametrize("later", [0, -FRAME, 2 * round(SPAN * 1e9) + 1])
def test_a_gap_or_a_stamp_that_does_not_rise_begins_again(later: int) -> None:
    trail = walk(5, 10.0, 0.0)
    stamp = trail.stamps[-1] + later
    assert trail.extended(stamp, (7.0, 7.0)) == Trail.begun(stamp, (7.0, 7.0))


def test_over_a_short_gap_the_velocity_is_the_way_through_the_time() -> None:
    trail = walk(5, 10.0, 0.0)
    x, y = trail.points[-1]
    found = trail.extended(trail.stamps[-1] + 800_000_000, (x + 40.0, y - 8.0))
    assert found.velocity == pytest.approx((50.0, -10.0))


def test_the_unseen_go_on_and_slow_down() -> None:
    trail = walk(10, 100.0, 0.0)
    for seconds in (0.0, 0.5, 4.0):
        x, y = trail.expected(trail.stamps[-1] + round(seconds * 1e9))
        # Integral of 100 exp(-t / DECAY).
        way = 100.0 * DECAY * (1.0 - math.exp(-seconds / DECAY))
        assert (x, y) == pytest.approx((trail.points[-1][0] + way, 50.0))


def test_a_correction_moves_the_trail_and_not_the_velocity() -> None:
    trail = walk(10, 100.0, 20.0)
    stamp = trail.stamps[-1] + FRAME
    moved = trail.corrected(stamp, (300.0, 300.0))
    # The last step alone is the slowed one, which is 1 % short.
    assert moved.velocity == pytest.approx((100.0, 20.0), rel=0.01)
    assert moved.points[-1] == (300.0, 300.0)


def test_centre() -> None:
    assert centre(Box(0, 10, 4, 30)) == (2.0, 20.0)
