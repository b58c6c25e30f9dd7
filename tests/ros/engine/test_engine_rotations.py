"""numpy's rotations against torch's and scipy's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pear_core.geometry import rotations as core
from pear_ros.engine.rotations import matrix_from_6d, matrix_from_axis_angle

VECTORS = st.lists(
    st.lists(st.floats(-1e3, 1e3, width=32), min_size=6, max_size=6), min_size=1, max_size=8
)


@given(VECTORS)
def test_6d_is_a_rotation_and_torchs(rows: list[list[float]]) -> None:
    sixd = np.array(rows, np.float32)
    found = matrix_from_6d(sixd)
    assert found.dtype == np.float32
    np.testing.assert_allclose(
        found @ found.transpose(0, 2, 1), [np.eye(3)] * len(found), atol=2e-6
    )
    np.testing.assert_allclose(np.linalg.det(found), 1.0, atol=5e-6)
    expected = core.matrix_from_6d(torch.from_numpy(sixd)).numpy()
    # Nearly parallel vectors leave the second column to rounding: there both only have to be rotations.
    a, b = sixd[:, :3].astype(float), sixd[:, 3:].astype(float)
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    sure = np.linalg.norm(np.cross(a, b), axis=1) > 1e-2 * norms
    np.testing.assert_allclose(found[sure], expected[sure], atol=2e-5)


def test_6d_by_hand() -> None:
    # A quarter turn about z: x goes to y, y to -x; lengths do not matter.
    quarter = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    found = matrix_from_6d(np.array([[0, 5, 0, -2, 7, 0]], np.float32))
    np.testing.assert_allclose(found[0], quarter, atol=1e-7)


@pytest.mark.parametrize(
    "row", [[0] * 6, [1, 2, 3, 2, 4, 6], [0, 0, 0, 1, 0, 0], [1, 0, 0, 0, 0, 0]]
)
def test_degenerate_6d_is_what_torch_makes_of_it(row: list[int]) -> None:
    sixd = np.array([row, [1, 0, 0, 0, 1, 0]], np.float32)
    expected = core.matrix_from_6d(torch.from_numpy(sixd)).numpy()
    np.testing.assert_allclose(matrix_from_6d(sixd), expected, atol=1e-6)


@given(st.lists(st.floats(-7.0, 7.0, width=32), min_size=3, max_size=3), st.floats(0.0, 1.0))
def test_axis_angle_is_scipys(vector: list[float], shrunk: float) -> None:
    both = np.array([vector, np.multiply(vector, shrunk**8)], np.float32)
    expected = Rotation.from_rotvec(both.astype(float)).as_matrix()
    np.testing.assert_allclose(matrix_from_axis_angle(both), expected, atol=3e-6)


def test_no_angle_is_no_rotation() -> None:
    tiny = np.array([[0, 0, 0], [1e-30, 0, 0]], np.float32)
    np.testing.assert_allclose(matrix_from_axis_angle(tiny), [np.eye(3)] * 2, atol=1e-29, rtol=0)
