"""Rotation conversions against scipy, hand-computed matrices and gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from torch import Tensor

from pear_core.geometry import rotations as rot

COMPONENT = st.floats(-3.0, 3.0)
VECTOR = st.tuples(COMPONENT, COMPONENT, COMPONENT)


def double(values: object) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def assert_rotation(matrix: Tensor, tolerance: float = 1e-6) -> None:
    eye = torch.eye(3, dtype=matrix.dtype)
    assert torch.isfinite(matrix).all()
    assert (matrix.transpose(-1, -2) @ matrix - eye).abs().max() < tolerance
    assert (torch.linalg.det(matrix) - 1).abs().max() < tolerance


def test_6d_by_hand() -> None:
    # a1 = (0, 3, 0) -> b1 = y; a2 = (0, 5, 2): without its y part -> b2 = z; b3 = y x z = x.
    matrix = rot.matrix_from_6d(double([0, 3, 0, 0, 5, 2]))
    expected = double([[0, 0, 1], [1, 0, 0], [0, 1, 0]])
    torch.testing.assert_close(matrix, expected)


def test_6d_fills_columns_not_rows() -> None:
    turn = double(Rotation.from_euler("z", 30, degrees=True).as_matrix())
    sixd = rot.sixd_from_matrix(turn)
    half, root = 0.5, math.sqrt(3) / 2
    torch.testing.assert_close(sixd, double([root, half, 0, -half, root, 0]))
    torch.testing.assert_close(rot.matrix_from_6d(sixd), turn)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "sixd",
    [
        [0, 0, 0, 0, 0, 0],
        [1, 2, 3, 0, 0, 0],
        [0, 0, 0, 1, 2, 3],
        [1, 2, 3, 1, 2, 3],
        [1, 0, 0, -1.0000005, 0, 1.5e-7],
        [1, 2, 3, -2, -4, -6.0000005],
        [1e-25, 0, 0, 0, 1e-25, 0],
        [1e30, 1e30, 0, 0, 1e30, 1e30],
    ],
)
def test_degenerate_6d_is_a_rotation_with_finite_gradient(
    sixd: list[float], dtype: torch.dtype
) -> None:
    value = torch.tensor(sixd, dtype=dtype, requires_grad=True)
    matrix = rot.matrix_from_6d(value)
    assert_rotation(matrix.detach())
    matrix[0].sum().backward()
    assert value.grad is not None and torch.isfinite(value.grad).all()


@given(st.tuples(VECTOR, VECTOR))
def test_6d_is_always_a_rotation(pair: tuple[tuple[float, ...], tuple[float, ...]]) -> None:
    assert_rotation(rot.matrix_from_6d(double([*pair[0], *pair[1]])), 1e-12)
    assert_rotation(rot.matrix_from_6d(torch.tensor([*pair[0], *pair[1]])), 1e-5)


@given(VECTOR)
def test_6d_round_trip(axis_angle: tuple[float, ...]) -> None:
    matrix = double(Rotation.from_rotvec(axis_angle).as_matrix())
    torch.testing.assert_close(rot.matrix_from_6d(rot.sixd_from_matrix(matrix)), matrix)


@given(VECTOR)
def test_axis_angle_to_matrix_is_scipys(axis_angle: tuple[float, ...]) -> None:
    expected = double(Rotation.from_rotvec(axis_angle).as_matrix())
    actual = rot.matrix_from_axis_angle(double(axis_angle))
    assert (actual - expected).abs().max() < 1e-14


@pytest.mark.parametrize("angle", [0.0, 1e-300, 1e-12, 1e-5, 9.9e-3, 1.01e-2, 1.0, 3.0])
def test_small_angles_meet_the_series(angle: float) -> None:
    axis = np.array([2.0, -1.0, 2.0]) / 3.0
    expected = double(Rotation.from_rotvec(angle * axis).as_matrix())
    assert (rot.matrix_from_axis_angle(double(angle * axis)) - expected).abs().max() < 2e-16 * 4


@settings(max_examples=200)
@given(VECTOR)
def test_matrix_to_axis_angle_is_scipys(axis_angle: tuple[float, ...]) -> None:
    turn = Rotation.from_rotvec(axis_angle)
    actual = rot.axis_angle_from_matrix(double(turn.as_matrix()))
    difference = Rotation.from_rotvec(actual.numpy()) * turn.inv()
    assert difference.magnitude() < 1e-14
    assert actual.norm() <= math.pi + 1e-12


@pytest.mark.parametrize("off", [0.0, 1e-12, 1e-9, 1e-6, 1e-3])
@pytest.mark.parametrize("axis", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0.6, 0.8, 0), (-2, 1, 2)])
def test_axis_angle_near_pi(axis: tuple[float, ...], off: float) -> None:
    direction = np.array(axis) / np.linalg.norm(axis)
    angle = math.pi - off
    actual = rot.axis_angle_from_matrix(
        double(Rotation.from_rotvec(angle * direction).as_matrix())
    ).numpy()
    assert abs(np.linalg.norm(actual) - angle) < 1e-14 * 10
    assert abs(abs(actual @ direction) - angle) < 1e-14 * 10
    if off > 1e-9:
        assert actual @ direction > 0


@pytest.mark.parametrize("angle", [0.0, 1e-12, 1e-8, 1e-4, 0.0199, 0.0201])
def test_axis_angle_near_zero_float64(angle: float) -> None:
    vector = double([0.6 * angle, 0.0, -0.8 * angle])
    back = rot.axis_angle_from_matrix(rot.matrix_from_axis_angle(vector))
    assert (back - vector).abs().max() < 1e-15 + 1e-14 * angle


@given(VECTOR)
def test_quaternions_are_scipys(axis_angle: tuple[float, ...]) -> None:
    turn = Rotation.from_rotvec(axis_angle)
    x, y, z, w = turn.as_quat(canonical=True)
    actual = rot.quaternion_from_matrix(double(turn.as_matrix()))
    # At w = 0 both signs are right.
    sign = 1.0 if w > 1e-12 else float(torch.sign(actual @ double([w, x, y, z])))
    torch.testing.assert_close(actual, sign * double([w, x, y, z]))
    torch.testing.assert_close(rot.matrix_from_quaternion(3 * actual), double(turn.as_matrix()))


@given(VECTOR, VECTOR)
def test_geodesic_angle_is_scipys_magnitude(
    first: tuple[float, ...], second: tuple[float, ...]
) -> None:
    a, b = Rotation.from_rotvec(first), Rotation.from_rotvec(second)
    actual = rot.geodesic_angle(double(a.as_matrix()), double(b.as_matrix()))
    assert abs(float(actual) - (a.inv() * b).magnitude()) < 1e-7


def test_geodesic_angle_resolves_tiny_angles_and_has_a_gradient_at_zero() -> None:
    turn = rot.matrix_from_axis_angle(double([0.0, 1e-9, 0.0]))
    assert float(rot.geodesic_angle(torch.eye(3).double(), turn)) == pytest.approx(1e-9, rel=1e-6)
    matrix = torch.eye(3, requires_grad=True)
    rot.geodesic_angle(matrix, torch.eye(3)).backward()
    assert matrix.grad is not None and torch.isfinite(matrix.grad).all()


def test_gradients_match_finite_differences() -> None:
    torch.manual_seed(0)
    vectors = torch.cat((torch.zeros(1, 3), 1e-3 * torch.randn(2, 3), torch.randn(3, 3))).double()
    assert torch.autograd.gradcheck(rot.matrix_from_axis_angle, vectors.requires_grad_())
    sixd = torch.randn(4, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(rot.matrix_from_6d, sixd)

    def there_and_back(axis_angle: Tensor) -> Tensor:
        return rot.axis_angle_from_matrix(rot.matrix_from_axis_angle(axis_angle))

    # The identity map: its Jacobian is known, also at zero.
    for vector in vectors.detach():
        jacobian = torch.autograd.functional.jacobian(there_and_back, vector)
        assert (jacobian - torch.eye(3).double()).abs().max() < 1e-9


def test_any_leading_axes_and_none() -> None:
    assert rot.matrix_from_6d(torch.zeros(0, 52, 6)).shape == (0, 52, 3, 3)
    assert rot.matrix_from_axis_angle(torch.zeros(2, 4, 3)).shape == (2, 4, 3, 3)
    assert rot.axis_angle_from_matrix(torch.eye(3).expand(2, 4, 3, 3)).shape == (2, 4, 3)
