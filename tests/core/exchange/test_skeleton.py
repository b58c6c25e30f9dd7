"""The numpy skeleton against the torch body model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from pear_core.body.smplx import SmplxBody
from pear_core.exchange.arrays import ExchangeError
from pear_core.exchange.skeleton import all_rotations, lock_shape, posed_joints, without_face


def test_joints_are_those_of_the_body_model(small_body, small_rest, make_motion) -> None:
    motion = make_motion(3, 21, widths=(200, 50, 0, 0))
    matrices = Rotation.from_rotvec(all_rotations(motion).reshape(-1, 3)).as_matrix()
    matrices = matrices.reshape(3, 55, 3, 3)

    def tensor(array: np.ndarray) -> torch.Tensor:
        return torch.tensor(array, dtype=torch.float32)

    model = SmplxBody(small_body.smplx)
    betas, expression = tensor(motion.betas), tensor(motion.expression)
    with torch.no_grad():
        expected = model(tensor(matrices), betas, expression).joints.numpy()
    _, placed = posed_joints(matrices, small_rest(motion))
    np.testing.assert_allclose(placed, expected, atol=1e-5)


def test_all_rotations_are_in_the_order_of_smplx(make_motion) -> None:
    motion = make_motion(2, 22)
    pose = all_rotations(motion)
    assert pose.shape == (2, 55, 3)
    np.testing.assert_array_equal(pose[:, 21], motion.rotations[:, 21])
    np.testing.assert_array_equal(pose[:, 22], motion.jaw_pose)
    np.testing.assert_array_equal(pose[:, 24], motion.eye_pose[:, 3:])
    np.testing.assert_array_equal(pose[:, 25], motion.rotations[:, 22])
    np.testing.assert_array_equal(pose[:, 54], motion.rotations[:, 51])
    rotations, jaw, eyes = without_face(pose)
    np.testing.assert_array_equal(rotations, motion.rotations)
    np.testing.assert_array_equal(jaw, motion.jaw_pose)
    np.testing.assert_array_equal(eyes, motion.eye_pose)


def test_locking_the_shape_leaves_the_pelvis(small_rest, make_motion) -> None:
    rng = np.random.default_rng(23)
    motion = make_motion(5, 23, betas=rng.normal(0, 1, (5, 200)))
    locked = lock_shape(motion, small_rest)
    assert np.ptp(locked.betas, axis=0).max() == 0
    before = small_rest(motion)[:, 0] + motion.transl
    np.testing.assert_allclose(small_rest(locked)[:, 0] + locked.transl, before, atol=1e-12)
    assert np.abs(locked.transl - motion.transl).max() > 1e-3


def test_more_coefficients_than_the_body_has(small_rest, make_motion) -> None:
    wide = make_motion(1, 24, widths=(301, 50, 0, 0))
    with pytest.raises(ExchangeError, match="betas; expected at most 300 coefficients; found 301"):
        small_rest(wide)
    betas = wide.betas.copy()
    betas[:, 300] = 0
    small_rest(replace(wide, betas=betas))
