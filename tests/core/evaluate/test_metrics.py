"""Metrics on cases small enough to compute by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from pear_core.evaluate import metrics
from pear_core.evaluate.metrics import Parts


def cloud(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, 3, generator=torch.manual_seed(seed), dtype=torch.float64)


def test_mpjpe_by_hand() -> None:
    target = torch.tensor([[[0.0, 0, 0], [0, 1, 0], [0, 2, 0]]])
    predicted = torch.tensor([[[5.0, 0, 0], [5, 1, 0.003], [5.004, 2, 0]]])
    # After the root is subtracted: 0, 3 and 4 mm.
    assert metrics.mpjpe(predicted, target).item() == pytest.approx(7 / 3, abs=1e-3)
    # Root = midpoint of joints 1 and 2: (-2, 0, -1.5), (-2, 0, 1.5) and (2, 0, -1.5) mm remain.
    assert metrics.mpjpe(predicted, target, (1, 2)).item() == pytest.approx(2.5, abs=1e-3)


def test_pa_error_forgets_similarity_and_keeps_the_rest() -> None:
    target = cloud(0, 2, 14)
    turn = torch.tensor(Rotation.from_rotvec([0.3, -2.0, 0.5]).as_matrix())
    moved = 1.7 * target @ turn.T + torch.tensor([3.0, -1.0, 2.0])
    assert metrics.pa_error(moved, target).max() < 1e-9
    mirrored = target * torch.tensor([-1.0, 1.0, 1.0])
    assert metrics.pa_error(mirrored, target).min() > 50


def test_pa_error_by_hand() -> None:
    # A rectangle 2 x 1 against a square 2 x 2, both centred: rotations do not help, the best scale
    # is sum(x . y) / sum(x . x) = 4 * 1.5 / (4 * 1.25) = 1.2; residual (0.2, -0.4) per corner.
    corners = torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]]).double()
    square = torch.cat((corners, torch.zeros(4, 1)), dim=1)[None]
    flat = square * torch.tensor([1.0, 0.5, 1.0])
    expected = 1000 * math.hypot(0.2, 0.4)
    assert metrics.pa_error(flat, square).item() == pytest.approx(expected, rel=1e-9)


def test_pve_moves_the_roots() -> None:
    target = cloud(1, 3, 20)
    root = cloud(2, 3)
    shift = torch.tensor([0.5, 0.0, 0.0])
    predicted = target + shift
    assert metrics.pve(predicted, target, root + shift, root).max() < 1e-9
    assert metrics.pve(predicted, target, root, root).tolist() == pytest.approx([500.0] * 3)


def test_body_errors_align_each_part_at_its_own_joint() -> None:
    joints, vertices = cloud(3, 2, 55), cloud(4, 2, 30)
    parts = Parts(np.arange(0, 8), np.arange(8, 16), np.arange(16, 30))
    predicted_joints, predicted = joints.clone(), vertices.clone()
    # The left hand and its wrist move together by 10 cm, the face alone by 3 cm.
    predicted_joints[:, 20, 0] += 0.1
    predicted[:, 0:8, 0] += 0.1
    predicted[:, 16:, 1] += 0.03
    errors = metrics.body_errors(predicted, predicted_joints, vertices, joints, parts).means()
    assert errors["pve_hands"] == pytest.approx(0, abs=1e-9)
    assert errors["pve_face"] == pytest.approx(30)
    assert errors["pve"] == pytest.approx((8 * 100 + 14 * 30) / 30)
    assert errors["mpjpe"] == pytest.approx(100 / 14)
    assert errors["pa_pve_hands"] == pytest.approx(0, abs=1e-6)
    assert errors["pa_pve_face"] == pytest.approx(0, abs=1e-6)
    assert errors["pa_mpjpe"] > 1
    # A wrist that is wrong on its own spoils only the aligned hand: 50 mm on one of two hands.
    predicted_joints[:, 21, 2] += 0.05
    errors = metrics.body_errors(predicted, predicted_joints, vertices, joints, parts).means()
    assert errors["pve_hands"] == pytest.approx(25)
    # The face's 3 cm vanish once its neck has moved along.
    predicted_joints[:, 12, 1] += 0.03
    errors = metrics.body_errors(predicted, predicted_joints, vertices, joints, parts).means()
    assert errors["pve_face"] == pytest.approx(0, abs=1e-9)


def test_identical_bodies_have_no_error() -> None:
    joints, vertices = cloud(5, 2, 145), cloud(6, 2, 40)
    parts = Parts(np.arange(5), np.arange(5, 10), np.arange(10, 40))
    errors = metrics.body_errors(vertices, joints, vertices, joints, parts).means()
    assert max(errors.values()) < 1e-9 and len(errors) == 8


def test_keypoint_error_by_hand() -> None:
    target = torch.zeros(2, 2, 2)
    predicted = torch.tensor([[[3.0, 4.0], [0.0, 1.0]], [[9.0, 9.0], [9.0, 9.0]]])
    weight = torch.tensor([[1.0, 3.0], [0.0, 0.0]])
    assert metrics.keypoint_error(predicted, target, weight).tolist() == [2.0, 0.0]
