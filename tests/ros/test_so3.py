"""Axis-angle and quaternions against scipy, also near 0, near pi, and for noisy matrices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pear_ros.so3 import axis_angle, matrices, quaternion

UNIT = st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.linalg.norm(v) > 1e-3)
ANGLE = st.one_of(
    st.floats(0, np.pi),
    st.floats(0, 1e-6),
    st.floats(np.pi - 1e-6, np.pi),
    st.sampled_from([0.0, 1e-30, 1e-9, np.pi / 2, np.pi]),
)


def matrix(axis: tuple[float, ...], angle: float) -> np.ndarray:
    unit = np.array(axis) / np.linalg.norm(axis)
    return Rotation.from_rotvec(unit * angle).as_matrix()


@given(UNIT, ANGLE)
def test_the_vector_turns_as_the_matrix_does(axis: tuple[float, ...], angle: float) -> None:
    turned = matrix(axis, angle)
    again = Rotation.from_rotvec(axis_angle(turned).astype(np.float64)).as_matrix()
    np.testing.assert_allclose(again, turned, atol=5e-7)


@given(UNIT, ANGLE)
def test_its_length_is_the_angle(axis: tuple[float, ...], angle: float) -> None:
    assert np.linalg.norm(axis_angle(matrix(axis, angle))) == pytest.approx(angle, abs=1e-6)


@given(UNIT, ANGLE)
def test_quaternions_agree_with_scipy_up_to_sign(axis: tuple[float, ...], angle: float) -> None:
    ours, theirs = (
        quaternion(matrix(axis, angle)),
        Rotation.from_matrix(matrix(axis, angle)).as_quat(),
    )
    assert ours[3] >= 0
    assert abs(ours @ theirs) == pytest.approx(1, abs=1e-12)


@given(UNIT, ANGLE)
def test_float32_noise_stays_noise(axis: tuple[float, ...], angle: float) -> None:
    noisy = matrix(axis, angle).astype(np.float32)
    again = Rotation.from_rotvec(axis_angle(noisy).astype(np.float64)).as_matrix()
    np.testing.assert_allclose(again, noisy, atol=2e-6)


@given(UNIT, ANGLE)
def test_matrices_agree_with_scipy(axis: tuple[float, ...], angle: float) -> None:
    vector = angle * np.array(axis) / np.linalg.norm(axis)
    expected = Rotation.from_rotvec(vector).as_matrix()
    np.testing.assert_allclose(matrices(vector), expected, atol=1e-14)


def test_hand_computed_cases() -> None:
    quarter_about_z = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    half_about_x = [[1, 0, 0], [0, -1, 0], [0, 0, -1]]
    vectors = axis_angle(np.array([np.eye(3), quarter_about_z, half_about_x]))
    expected = [[0, 0, 0], [0, 0, np.pi / 2], [np.pi, 0, 0]]
    np.testing.assert_allclose(vectors, expected, atol=1e-7)


def test_leading_axes_are_kept() -> None:
    assert axis_angle(np.broadcast_to(np.eye(3), (2, 5, 3, 3))).shape == (2, 5, 3)
    assert axis_angle(np.zeros((0, 52, 3, 3))).shape == (0, 52, 3)
    assert matrices(np.zeros((2, 5, 3))).shape == (2, 5, 3, 3)
    assert matrices(np.zeros((0, 3))).shape == (0, 3, 3)
