"""The locked shape: a mean that converges, forgets, and does not believe a single frame."""

from __future__ import annotations

import numpy as np
import pytest

from pear_ros.perception.smoothing.running import begun, updated

SURE = np.ones(1)
DT = np.array([0.1])


def test_it_is_the_plain_mean_of_equal_frames() -> None:
    rng = np.random.default_rng(0)
    frames = rng.normal(2.0, 0.5, (40, 1, 10))
    running = begun(frames[0], SURE, 0.1)
    for frame in frames[1:]:
        running = updated(running, frame, SURE, DT, memory=100.0)
    np.testing.assert_allclose(running.mean[0], frames.mean(axis=0)[0], atol=1e-9)
    assert running.weight[0] == pytest.approx(4.0)


def test_sure_frames_count_more() -> None:
    running = begun(np.zeros((1, 1)), SURE, 0.1)
    running = updated(running, np.ones((1, 1)), np.array([0.5]), DT, memory=100.0)
    assert running.mean[0, 0] == pytest.approx(0.05 / 0.15)
    same = updated(running, np.full((1, 1), 9.0), np.zeros(1), DT, memory=100.0)
    assert same.mean[0, 0] == running.mean[0, 0]


def test_one_wild_frame_moves_it_no_more_than_three_usual_ones() -> None:
    rng = np.random.default_rng(1)
    running = begun(np.zeros((1, 5)), SURE, 0.1)
    for _ in range(50):
        running = updated(running, 0.1 * rng.standard_normal((1, 5)), SURE, DT, memory=100.0)
    before, usual = running.mean.copy(), running.spread[0]
    running = updated(running, np.full((1, 5), 50.0), SURE, DT, memory=100.0)
    step = np.linalg.norm(running.mean - before)
    # Its share of the mean is 0.1 s of 5.2 s.
    assert step == pytest.approx(3 * usual * 0.1 / 5.2, rel=1e-6)


def test_old_frames_are_forgotten_after_the_memory() -> None:
    running = begun(np.zeros((1, 1)), SURE, 0.1)
    for _ in range(1000):
        running = updated(running, np.zeros((1, 1)), SURE, DT, memory=5.0)
    for _ in range(50):
        running = updated(running, np.full((1, 1), 1e-9), SURE, DT, memory=5.0)
    # Five seconds of another shape: 1 - (1 - 0.1 / 5)^50 of the way (small, so that it is no outlier).
    assert running.weight[0] == 5.0
    assert 0.0 < running.mean[0, 0] <= 1e-9 * (1 - (1 - 0.02) ** 50) * (1 + 1e-9)


def test_people_do_not_touch_each_other() -> None:
    both = begun(np.array([[0.0], [5.0]]), np.ones(2), 0.1)
    both = updated(both, np.array([[1.0], [5.0]]), np.ones(2), np.full(2, 0.1), memory=100.0)
    assert both.mean[1, 0] == 5.0 and both.mean[0, 0] == 0.5


def test_equal_pictures_do_not_make_the_next_one_an_outlier() -> None:
    """A paused video: afterwards 30 ordinary frames take it to their mean as if nothing had been."""
    running = begun(np.zeros((1, 4)), SURE, 0.1)
    for _ in range(10):
        running = updated(running, np.zeros((1, 4)), SURE, DT, memory=100.0)
    other = np.full((1, 4), 0.1)
    for _ in range(33):
        running = updated(running, other, SURE, DT, memory=100.0)
    # 11 frames of zeros and 33 of ones.
    np.testing.assert_allclose(running.mean, 0.75 * other, rtol=1e-9)
