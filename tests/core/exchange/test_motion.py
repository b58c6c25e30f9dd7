"""Motions: what is refused, rates, resampling along the shortest arc, turning worlds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation, Slerp

from pear_core.exchange.arrays import ExchangeError
from pear_core.exchange.motion import (
    Y_UP_FROM_OPTICAL,
    Z_UP_FROM_OPTICAL,
    even_stamps,
    evenly_timed,
    fitted,
    motion_of,
    one_shape,
    turned,
)


def still(stamps: list[int], **given_: np.ndarray):
    frames = len(stamps)
    rotations = given_.pop("rotations", np.zeros((frames, 52, 3)))
    transl = given_.pop("transl", np.zeros((frames, 3)))
    return motion_of(rotations, transl, np.array(stamps, np.int64), **given_)


@pytest.mark.parametrize(
    ("field", "array", "found"),
    [
        ("rotations", np.zeros((2, 55, 3)), r"rotations; expected shape \(2, 52, 3\); found shape \(2, 55, 3\)"),
        ("transl", np.zeros((3, 3)), r"transl; expected shape \(2, 3\); found shape \(3, 3\)"),
        ("betas", np.zeros(10), r"betas; expected shape \(2, any\)"),
        ("eye_pose", np.full((2, 6), np.nan), "eye_pose; expected finite"),
        ("stamps", np.array([5, 5]), "stamps; expected ascending"),
    ],
)  # fmt: skip
def test_wrong_arrays_are_named(field: str, array: np.ndarray, found: str) -> None:
    with pytest.raises(ExchangeError, match=found):
        replace(still([0, 10]), **{field: array})


def test_nobody_is_no_motion() -> None:
    with pytest.raises(ExchangeError, match="at least 1"):
        still([])


def test_rates_come_from_the_stamps() -> None:
    assert still([0, 33333333, 66666667, 100000000]).fps == 30
    assert still([7, 40_000_007, 80_000_007, 1_080_000_007]).fps == 25
    assert still([0, 16_683_350]).fps == pytest.approx(59.94, abs=1e-6)
    assert still([123]).fps == 30
    assert even_stamps(4, 30.0).tolist() == [0, 33333333, 66666667, 100000000]


def test_even_stamps_are_left_alone() -> None:
    motion = still([9, 33_333_342, 66_700_000, 100_000_009])
    assert evenly_timed(motion) is motion
    single = still([5])
    assert evenly_timed(single) is single


def test_gaps_are_filled_along_the_shortest_arc() -> None:
    """10 Hz with one frame missing: half way from 0 to 90 degrees, across the joint's own axis."""
    axis = np.array([0, 0.6, 0.8])
    rotations = np.zeros((4, 52, 3))
    rotations[2:, 5] = np.pi / 2 * axis
    rotations[:2, 8] = (np.pi - 0.1) * axis
    rotations[2:, 8] = -(np.pi - 0.1) * axis
    transl = np.array([[0, 0, 1.0], [0, 0, 2], [0, 0, 4], [0, 0, 5]])
    eyes = np.zeros((4, 6))
    eyes[2:, 3:] = 0.4 * axis
    stamps = [0, 100_000_000, 300_000_000, 400_000_000]
    even = evenly_timed(still(stamps, rotations=rotations, transl=transl, eye_pose=eyes))
    assert even.fps == 10 and len(even) == 5
    np.testing.assert_allclose(even.transl[:, 2], [1, 2, 3, 4, 5], atol=1e-12)
    np.testing.assert_allclose(even.rotations[2, 5], np.pi / 4 * axis, atol=1e-12)
    np.testing.assert_allclose(even.eye_pose[2, 3:], 0.2 * axis, atol=1e-12)
    # From +172 to -172 degrees the short way leads through 180.
    assert np.linalg.norm(even.rotations[2, 8]) == pytest.approx(np.pi, abs=1e-9)


def test_a_stray_stamp_does_not_fill_the_memory() -> None:
    with pytest.raises(ExchangeError, match="at most 1000000"):
        evenly_timed(still([0, 1, 2, 4 * 10**18]))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_resampling_is_scipys_slerp(seed: int) -> None:
    rng = np.random.default_rng(seed)
    stamps = np.cumsum(rng.integers(20_000_000, 60_000_000, 6))
    rotations = rng.normal(0, 0.8, (6, 52, 3))
    motion = still(stamps.tolist(), rotations=rotations, jaw_pose=rotations[:, 7])
    even = evenly_timed(motion)
    at = np.clip(even.times(), 0, motion.times()[-1])
    expected = Slerp(motion.times(), Rotation.from_rotvec(rotations[:, 7]))(at)
    for found in (even.rotations[:, 7], even.jaw_pose):
        difference = expected.inv() * Rotation.from_rotvec(found)
        assert difference.magnitude().max() < 1e-6


def test_worlds_turn_about_the_pelvis() -> None:
    """A point of the body, posed and then turned, is the point of the turned motion."""
    rng = np.random.default_rng(1)
    motion = still([0, 10], rotations=rng.normal(0, 1, (2, 52, 3)), transl=rng.normal(0, 1, (2, 3)))
    pelvis = rng.normal(0, 0.3, (2, 3))
    point = rng.normal(0, 1, 3)

    def placed(of):
        root = Rotation.from_rotvec(of.rotations[:, 0])
        return root.apply(point - pelvis) + pelvis + of.transl

    for turn in (Z_UP_FROM_OPTICAL, Y_UP_FROM_OPTICAL):
        assert np.linalg.det(turn) == pytest.approx(1)
        after = turned(motion, turn, pelvis)
        np.testing.assert_allclose(placed(after), placed(motion) @ turn.T, atol=1e-12)
        np.testing.assert_array_equal(after.rotations[:, 1:], motion.rotations[:, 1:])
    # Optical right, down and forward in a world whose z is up and y is forward.
    np.testing.assert_array_equal(Z_UP_FROM_OPTICAL, np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]]))
    np.testing.assert_array_equal(Y_UP_FROM_OPTICAL @ (1, 2, 3), (1, -2, -3))


def test_one_shape_is_the_median() -> None:
    betas = np.array([[1.0, 0], [2, 0], [9, 3]])
    motion = one_shape(still([0, 1, 2], betas=betas, expression=betas))
    np.testing.assert_array_equal(motion.betas, [[2, 0]] * 3)
    np.testing.assert_array_equal(motion.expression, betas)


def test_fitted_cuts_and_fills() -> None:
    np.testing.assert_array_equal(fitted(np.array([[1.0, 2, 3]]), 2), [[1, 2]])
    np.testing.assert_array_equal(fitted(np.array([[1.0]]), 3), [[1, 0, 0]])
