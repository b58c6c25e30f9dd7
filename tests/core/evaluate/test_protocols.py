"""3DPW's and HMR2's protocols: hand-computed cases and a plain numpy derivation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from pear_core.evaluate.protocols import keypoint_errors, regress, smpl_errors


def one_hot(rows: int, columns: int) -> torch.Tensor:
    """Joint i is vertex i, so that joints can be moved by hand."""
    return torch.eye(columns, dtype=torch.float64)[:rows]


def cloud(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, 3, generator=torch.manual_seed(seed), dtype=torch.float64)


def test_each_root_convention_by_hand() -> None:
    target = cloud(0, 1, 30)
    predicted = target.clone()
    # Human3.6M's pelvis (0) by 14 mm in x; its right hip (4) by 28 mm in y; SMPL's pelvis is
    # vertex 20, by 70 mm in z. The hips' midpoint moves by 14 mm in y.
    predicted[0, 0, 0] += 0.014
    predicted[0, 4, 1] += 0.028
    predicted[0, 20, 2] += 0.070
    errors = smpl_errors(predicted, target, one_hot(17, 30), one_hot(21, 30)[20])
    # Joints 0, 7 and 9 of the 17 are not among the 14.
    assert errors.mpjpe.item() == pytest.approx((13 * 14 + math.hypot(14, 28)) / 14)
    assert errors.mpjpe_hips.item() == pytest.approx((13 * 14 + 14) / 14)
    assert errors.mpjpe_kinematic.item() == pytest.approx((13 * 70 + math.hypot(70, 28)) / 14)
    # Vertices: the pelvis itself becomes right, all others are off by the root's error.
    assert errors.pve.item() == pytest.approx(
        (0 + 27 * 14 + math.hypot(14, 28) + math.hypot(14, 70)) / 30
    )
    assert errors.pve_hips.item() == pytest.approx(
        (27 * 14 + math.hypot(14, 14) + 14 + math.hypot(14, 70)) / 30
    )
    assert errors.pve_kinematic.item() == pytest.approx(
        (27 * 70 + math.hypot(14, 70) + math.hypot(28, 70)) / 30
    )


def test_kinematic_errors_are_nan_without_their_regressor() -> None:
    mesh = cloud(1, 2, 30)
    errors = smpl_errors(mesh, mesh, one_hot(17, 30)).means()
    assert {name for name, value in errors.items() if math.isnan(value)} == {
        "mpjpe_kinematic", "pve_kinematic",
    }  # fmt: skip
    assert errors["mpjpe"] == errors["pve"] == errors["mpjpe_hips"] == errors["pve_hips"] == 0
    assert errors["pa_mpjpe"] < 1e-9


def test_matches_numpy_on_dense_regressors() -> None:
    rng = np.random.default_rng(2)
    own, other = rng.normal(0, 0.4, (2, 3, 50, 3))
    regressor = rng.dirichlet(np.ones(50), 17)
    pelvis = rng.dirichlet(np.ones(50))
    found = smpl_errors(torch.tensor(own), torch.tensor(other), torch.tensor(regressor),
                        torch.tensor(pelvis))  # fmt: skip
    order = [6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10]
    for i in range(3):
        joints, truth = regressor @ own[i], regressor @ other[i]
        body, body_truth = joints[order], truth[order]
        roots = {
            "": joints[0] - truth[0],
            "_hips": (joints[1] + joints[4] - truth[1] - truth[4]) / 2,
            "_kinematic": pelvis @ own[i] - pelvis @ other[i],
        }
        for name, root in roots.items():
            lengths = np.linalg.norm(body - body_truth - root, axis=1)
            assert getattr(found, "mpjpe" + name)[i].item() == pytest.approx(1e3 * lengths.mean())
            lengths = np.linalg.norm(own[i] - other[i] - root, axis=1)
            assert getattr(found, "pve" + name)[i].item() == pytest.approx(1e3 * lengths.mean())
        # scipy's Kabsch, and the scale from the projection on the turned points.
        a, b = body_truth - body_truth.mean(0), body - body.mean(0)
        turned = Rotation.align_vectors(a, b)[0].apply(b)
        residual = a - turned * (a * turned).sum() / (turned * turned).sum()
        expected = 1e3 * np.linalg.norm(residual, axis=1).mean()
        assert found.pa_mpjpe[i].item() == pytest.approx(expected, rel=1e-6)


def test_float32_meshes_take_float64_regressors() -> None:
    joints = regress(one_hot(17, 30), cloud(3, 1, 30).float())
    assert joints.dtype == torch.float32 and joints.shape == (1, 17, 3)


def test_the_44_points_by_hand() -> None:
    target = cloud(4, 1, 44)
    predicted = target.clone()
    # Judged: LSP joints 25..37 and H36M's head 43. Neither OpenPose's 0..24 nor 38 and 40..42.
    predicted[0, [*range(25), 38, 40, 41, 42]] += 1.0
    assert keypoint_errors(predicted, target).mpjpe.item() == pytest.approx(0.0, abs=1e-9)
    assert keypoint_errors(predicted, target).pa_mpjpe.item() == pytest.approx(0.0, abs=1e-9)
    predicted[0, 43, 1] += 0.028
    before = keypoint_errors(predicted, target)
    assert before.mpjpe.item() == pytest.approx(2.0)
    # The root is point 39, which itself is not judged.
    predicted[0, 39, 0] += 0.01
    errors = keypoint_errors(predicted, target)
    assert errors.mpjpe.item() == pytest.approx((13 * 10 + math.hypot(10, 28)) / 14)
    # Each of the 14 counts: moved alone by 14 mm it costs 1 mm.
    for joint in (*range(25, 38), 43):
        alone = target.clone()
        alone[0, joint, 2] -= 0.014
        assert keypoint_errors(alone, target).mpjpe.item() == pytest.approx(1.0)
    # Similarity alignment does not know the root; by least squares it is at most 28 mm on one joint.
    assert errors.pa_mpjpe.item() == pytest.approx(before.pa_mpjpe.item(), rel=1e-9)
    assert 1.0 < errors.pa_mpjpe.item() <= 28 / math.sqrt(14)
