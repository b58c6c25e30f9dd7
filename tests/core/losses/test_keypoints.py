"""Joint and key-point losses: hand-computed values."""

from __future__ import annotations

import pytest
import torch

from pear_core.anatomy import EHM_JOINTS
from pear_core.losses.keypoints import GROUPS, joint_losses, keypoint_loss

JOINTS = len(EHM_JOINTS)


def test_a_common_shift_costs_nothing() -> None:
    target = torch.randn(2, JOINTS, 3, generator=torch.Generator().manual_seed(0))
    terms = joint_losses(target + 3.0, target, torch.ones(2, JOINTS), torch.ones(2, 4))
    assert all(float(v) < 1e-6 for v in terms.values())


def test_one_moved_joint_by_hand() -> None:
    target = torch.zeros(1, JOINTS, 3)
    predicted = target.clone()
    predicted[0, EHM_JOINTS.index("left_index"), 0] = 0.11
    terms = joint_losses(predicted, target, torch.ones(1, JOINTS), torch.ones(1, 4))
    count = len(GROUPS["left_hand"][0])
    assert count == 20
    assert float(terms["joints_hands"]) == pytest.approx(0.11 / (3 * count) / 2)
    assert float(terms["joints_body"]) == 0 and float(terms["joints_face"]) == 0


def test_keypoints_by_hand() -> None:
    """s = 1: a joint 0.2 m right of the axis lies 0.1 of the crop beside the middle; averaged over
    x and y.
    """
    joints = torch.zeros(1, JOINTS, 3)
    joints[0, 5, 0] = 0.2
    confidence = torch.zeros(1, JOINTS)
    confidence[0, 5] = 1.0
    keypoints = torch.full((1, JOINTS, 2), 0.5)
    loss = keypoint_loss(
        joints, torch.tensor([[0.0, 0.0, 1.0]]), keypoints, confidence, torch.ones(1, 4)
    )
    assert float(loss) == pytest.approx(0.05, abs=1e-6)


def test_wild_cameras_stay_finite_and_bounded() -> None:
    joints = torch.randn(4, JOINTS, 3, generator=torch.Generator().manual_seed(1))
    camera = torch.tensor(
        [[0, 0, 0.0], [5, 5, -3.0], [0, 0, 1e4], [1e6, 0, 1.0]], requires_grad=True
    )
    loss = keypoint_loss(
        joints, camera, torch.full((4, JOINTS, 2), 0.5), torch.ones(4, JOINTS), torch.ones(4, 4)
    )
    loss.backward()
    assert float(loss.detach()) <= 1.5
    assert camera.grad is not None and torch.isfinite(camera.grad).all()


def test_groups_cover_every_joint_but_jaw_and_eyes_once() -> None:
    members = [i for points, _, _ in GROUPS.values() for i in points]
    assert len(members) == len(set(members))
    missing = {EHM_JOINTS[i] for i in range(JOINTS)} - {EHM_JOINTS[i] for i in members}
    assert missing == {"jaw", "left_eye_smplhf", "right_eye_smplhf"}
