"""How people were before they met, by hand."""

from __future__ import annotations

import numpy as np

from pear_ros.perception.tracking.apart import STANCE, Apart, expected

POINTS = np.zeros((22, 2))


def test_a_stance_is_the_mean_of_poses_of_which_old_ones_fade() -> None:
    poses = np.random.default_rng(0).normal(size=(40, 22, 3))
    known = Apart.begun(0, POINTS, 99.0 + poses[0])
    for i, pose in enumerate(poses):
        known = known.seen(i, POINTS, pose, (0.0, 0.0), i + 1)
        if i < round(1 / STANCE) - 1:
            np.testing.assert_allclose(known.stance, poses[: i + 1].mean(axis=0), atol=1e-12)
    # A step of the fading mean by its definition.
    after = known.seen(99, POINTS, np.zeros((22, 3)), (0.0, 0.0), 41)
    np.testing.assert_allclose(after.stance, 0.85 * known.stance, atol=1e-12)


def test_what_is_covered_changes_nothing_but_that_somebody_was_out_of_sight() -> None:
    known = Apart.begun(5, POINTS, np.zeros((22, 3))).seen(
        7, POINTS + 1, np.ones((22, 3)), (3.0, 4.0), 1
    )
    assert known.covered(hidden=False) is known
    unseen = known.covered(hidden=True)
    assert unseen.unseen and unseen.covered(hidden=False).unseen
    assert (unseen.stamp, unseen.pace) == (7, (3.0, 4.0))
    assert not unseen.seen(9, POINTS, np.ones((22, 3)), (0.0, 0.0), 2).unseen


def test_where_people_would_be() -> None:
    still = Apart.begun(0, POINTS, np.zeros((22, 3)))
    walking = still.seen(500_000_000, POINTS + (10, 20), np.zeros((22, 3)), (-40.0, 8.0), 1)
    points, ages = expected([still, walking], 1_000_000_000)
    np.testing.assert_allclose(ages, [[1.0], [0.5]])
    np.testing.assert_allclose(points[0], POINTS)
    np.testing.assert_allclose(points[1], POINTS + (-10, 24))
