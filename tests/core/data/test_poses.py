"""Pose sampling: limits, conventions and mirror images."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pear_core.data.synthetic import poses
from pear_core.data.synthetic.hands import sample_hand_pose
from pear_core.data.synthetic.poses import (
    ARMS,
    JOINT,
    LEGS,
    mirror_rotvec,
    rotation_between,
    sample_body_pose,
)


def test_knees_bend_backwards_and_elbows_forwards() -> None:
    rng = np.random.default_rng(0)
    drawn = np.stack([sample_body_pose(rng) for _ in range(400)])
    shin = Rotation.from_rotvec(drawn[:, JOINT["left_knee"] - 1]).apply([0, -1, 0])
    # Shin from -y towards -z, never far forward (noise and slack allow a little).
    assert shin[:, 2].max() < 0.3 and np.median(shin[:, 2]) < -0.1
    bend = Rotation.from_rotvec(drawn[:, JOINT["left_elbow"] - 1]).apply([1, 0, 0])
    assert bend[:, 2].min() > -0.35 and np.median(bend[:, 2]) > 0.3


def test_poses_are_broad_and_bounded() -> None:
    rng = np.random.default_rng(1)
    drawn = np.stack([sample_body_pose(rng) for _ in range(300)])
    assert np.linalg.norm(drawn, axis=-1).max() < np.pi + 0.3
    spread = drawn.std(axis=0)
    assert (
        spread[JOINT["left_shoulder"] - 1].min() > 0.2
        and spread[JOINT["right_hip"] - 1].max() > 0.4
    )


def test_left_and_right_are_alike_on_average() -> None:
    rng = np.random.default_rng(2)
    drawn = np.stack([sample_body_pose(rng) for _ in range(500)])
    for name in ("shoulder", "elbow", "hip", "knee"):
        left = drawn[:, JOINT[f"left_{name}"] - 1].mean(axis=0)
        right = mirror_rotvec(drawn[:, JOINT[f"right_{name}"] - 1]).mean(axis=0)
        np.testing.assert_allclose(left, right, atol=0.2)


def test_upright_keeps_legs_straight_mostly() -> None:
    rng = np.random.default_rng(3)
    knees = [
        np.linalg.norm(sample_body_pose(rng, upright=True)[JOINT["left_knee"] - 1])
        for _ in range(200)
    ]
    assert np.mean(np.array(knees) < 0.6) > 0.6


def test_rotation_between_turns_one_into_the_other() -> None:
    rng = np.random.default_rng(4)
    for _ in range(50):
        a, b = rng.normal(size=(2, 3))
        np.testing.assert_allclose(
            rotation_between(a, b).apply(a) / np.linalg.norm(a), b / np.linalg.norm(b), atol=1e-9
        )
    assert rotation_between(a, 2 * a).magnitude() == pytest.approx(0, abs=1e-9)


def test_mirrored_rotation_is_the_conjugate_by_the_mirror() -> None:
    vector = np.array([0.3, -0.8, 0.5])
    mirror = np.diag([-1.0, 1, 1])
    expected = mirror @ Rotation.from_rotvec(vector).as_matrix() @ mirror
    np.testing.assert_allclose(
        Rotation.from_rotvec(mirror_rotvec(vector)).as_matrix(), expected, atol=1e-12
    )


def test_fingers_bend_towards_the_palm() -> None:
    """Palm down: fingertips of a fist point below the hand, on both sides."""
    rng = np.random.default_rng(5)
    for side, along in (("left", 1.0), ("right", -1.0)):
        drawn = np.stack([sample_hand_pose(rng, side) for _ in range(200)])
        chain = Rotation.from_rotvec(drawn[:, 3]) * Rotation.from_rotvec(drawn[:, 4])
        assert np.quantile(chain.apply([along, 0, 0])[:, 1], 0.9) < 0.1


def test_archetypes_are_directions() -> None:
    for limb in (*ARMS.values(), *LEGS.values()):
        assert 0.7 < np.linalg.norm(limb.direction) < 1.4
        assert limb.twist[0] <= limb.twist[1] and limb.bend[0] <= limb.bend[1]
    assert poses.JOINT["pelvis"] == 0
