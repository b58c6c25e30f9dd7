"""Axis-angle and quaternions against scipy, also near 0, near pi, and for noisy matrices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pear_ros.so3 import (
    axis_angle,
    between,
    exponential,
    from_quaternion,
    logarithm,
    matrices,
    multiply,
    part_way,
    quaternion,
)

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


@given(UNIT, ANGLE)
def test_quaternions_of_vectors_and_back(axis: tuple[float, ...], angle: float) -> None:
    vector = angle * np.array(axis) / np.linalg.norm(axis)
    q = exponential(vector)
    assert abs(q @ Rotation.from_rotvec(vector).as_quat()) == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(from_quaternion(q), matrix(axis, angle), atol=1e-14)
    for same in (q, -q):
        again = Rotation.from_rotvec(logarithm(same))
        assert (again.inv() * Rotation.from_rotvec(vector)).magnitude() < 1e-9


@given(st.integers(0, 2**32 - 1), st.floats(0.0, 1.0))
def test_products_and_ways_agree_with_scipy(seed: int, share: float) -> None:
    a, b = (Rotation.random(6, rng=np.random.default_rng([seed, i])) for i in (0, 1))
    p, q = a.as_quat().reshape(2, 3, 4), b.as_quat().reshape(2, 3, 4)

    def apart(found: np.ndarray, true: Rotation) -> float:
        assert np.abs(np.linalg.norm(found, axis=-1) - 1).max() < 1e-12
        return float((Rotation.from_quat(found.reshape(-1, 4)).inv() * true).magnitude().max())

    assert apart(multiply(p, q), a * b) < 1e-12
    assert apart(between(p, q), a.inv() * b) < 1e-12
    way = a * Rotation.from_rotvec(share * (a.inv() * b).as_rotvec())
    assert apart(part_way(p, -q, np.full((2, 3, 1), share)), way) < 1e-7


def test_no_way_is_no_step_and_a_tiny_way_is_exact() -> None:
    base = Rotation.from_rotvec([0.3, -1.0, 2.0])
    q = base.as_quat()
    np.testing.assert_allclose(part_way(q, q, np.array([0.3])), q, atol=1e-16)
    tiny = (base * Rotation.from_rotvec([1e-8, 0, 0])).as_quat()
    third = part_way(q, tiny, np.array([0.3]))
    left = logarithm(between(q, third))
    np.testing.assert_allclose(left, [0.3e-8, 0, 0], atol=1e-15)


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
    nobody = np.zeros((0, 55, 4))
    assert multiply(nobody, nobody).shape == (0, 55, 4)
    assert from_quaternion(nobody).shape == (0, 55, 3, 3)
