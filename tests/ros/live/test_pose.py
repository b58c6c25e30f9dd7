"""Single rigid motions against scipy and 4x4 matrices."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation, Slerp

from pear_ros.live.pose import Pose, between, matrix


def random_pose(rng: np.random.Generator) -> Pose:
    return Pose(
        tuple(rng.normal(0, 5, 3).tolist()), tuple(Rotation.random(rng=rng).as_quat().tolist())
    )


def homogeneous(pose: Pose) -> np.ndarray:
    out = np.eye(4)
    out[:3, :3], out[:3, 3] = Rotation.from_quat(pose.rotation).as_matrix(), pose.translation
    return out


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 1))
def test_products_inverses_and_interpolation(seed: int, part: float) -> None:
    rng = np.random.default_rng(seed)
    a, b = random_pose(rng), random_pose(rng)
    np.testing.assert_allclose(homogeneous(a.after(b)), homogeneous(a) @ homogeneous(b), atol=1e-12)
    np.testing.assert_allclose(homogeneous(a.inverse()), np.linalg.inv(homogeneous(a)), atol=1e-12)
    np.testing.assert_allclose(matrix(a.rotation), homogeneous(a)[:3, :3], atol=1e-12)
    middle = between(a, b, part)
    turn = Slerp([0, 1], Rotation.from_quat([a.rotation, b.rotation]))(part)
    np.testing.assert_allclose(matrix(middle.rotation), turn.as_matrix(), atol=1e-7)
    straight = (1 - part) * np.array(a.translation) + part * np.array(b.translation)
    np.testing.assert_allclose(middle.translation, straight, atol=1e-12)


def test_interpolation_takes_the_shorter_way_and_keeps_still_what_is_still() -> None:
    """10 and 350 degrees about z are 20 degrees apart; q and -q are the same rotation."""
    a, b = (Rotation.from_euler("z", angle, degrees=True).as_quat() for angle in (10, 350))
    for sign in (1, -1):
        middle = between(Pose(rotation=tuple(a)), Pose(rotation=tuple(sign * b)), 0.5)
        np.testing.assert_allclose(matrix(middle.rotation), np.eye(3), atol=1e-12)
    still = between(Pose(rotation=tuple(a)), Pose(rotation=tuple(-a)), 0.3)
    np.testing.assert_allclose(
        matrix(still.rotation), Rotation.from_quat(a).as_matrix(), atol=1e-12
    )
