"""The EHF / UBody / AGORA-val protocol: parts, alignments, validity, hand joints."""

from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from smplx.vertex_ids import vertex_ids

from pear_core.anatomy import LEFT_HAND, LEFT_WRIST, RIGHT_HAND, RIGHT_WRIST
from pear_core.evaluate.expressive import (
    SMPLX_FINGERTIPS,
    ExpressiveErrors,
    ExpressiveRegressors,
    expressive_errors,
    hand_regressor,
)
from pear_core.evaluate.metrics import Parts

VERTICES = 100
PARTS = Parts(np.arange(60, 68), np.arange(68, 76), np.arange(76, 100))
"""The first 55 vertices are the joints; then the hands and the face, whose mean is not a joint."""


@pytest.fixture
def regressors() -> ExpressiveRegressors:
    """Joint i is vertex i; the 14 joints are vertices 40..53; hands are their parts' vertices."""
    eye = torch.eye(VERTICES, dtype=torch.float64)
    return ExpressiveRegressors(eye[:55], eye[40:54], eye[60:68], eye[68:76])


def mesh(seed: int, people: int) -> torch.Tensor:
    generator = torch.manual_seed(seed)
    return torch.randn(people, VERTICES, 3, generator=generator, dtype=torch.float64)


def test_each_part_is_aligned_at_its_own_joint(regressors: ExpressiveRegressors) -> None:
    target = mesh(0, 1)
    predicted = target.clone()
    # The left hand with its wrist (20), the right wrist (21) alone, the face without its neck (12).
    predicted[0, [20, *range(60, 68)], 0] += 0.10
    predicted[0, 21, 1] += 0.02
    predicted[0, 76:, 2] += 0.03
    errors = expressive_errors(predicted, target, regressors, PARTS).means()
    assert errors["pve"] == pytest.approx((9 * 100 + 20 + 24 * 30) / 100)
    assert errors["pve_hands"] == pytest.approx((0 + 20) / 2)
    assert errors["pve_face"] == pytest.approx(30)
    for name in ("pa_pve_hands", "pa_pve_face", "pa_mpjpe_hands", "pa_mpjpe"):
        assert errors[name] == pytest.approx(0, abs=1e-9), name
    assert errors["pa_pve"] > 1
    predicted[0, 12, 2] += 0.03
    moved = expressive_errors(predicted, target, regressors, PARTS).means()
    assert moved["pve_face"] == pytest.approx(0, abs=1e-9)
    # The pelvis (vertex 0) is the root of the whole mesh alone.
    predicted[0, 0, 0] += 0.05
    moved = expressive_errors(predicted, target, regressors, PARTS).means()
    assert moved["pve_face"] == pytest.approx(0, abs=1e-9)
    expected = (65 * 50 + 9 * 50 + math.hypot(50, 20) + 25 * math.hypot(50, 30) - 50) / 100
    assert moved["pve"] == pytest.approx(expected)
    # Only the 14 joints count in PA-MPJPE; a mirrored set of them is far off, not aligned away.
    predicted[0, 40:54] *= torch.tensor([-1.0, 1.0, 1.0])
    assert expressive_errors(predicted, target, regressors, PARTS).means()["pa_mpjpe"] > 100


def test_hands_are_the_mean_over_the_valid_ones(regressors: ExpressiveRegressors) -> None:
    target = mesh(1, 4)
    predicted = target.clone()
    # Wrists alone move: 8 mm left, 2 mm right, for each of four people.
    predicted[:, 20, 0] += 0.008
    predicted[:, 21, 0] += 0.002
    hands = torch.tensor([[1, 1], [1, 0], [0, 1], [0, 0]])
    face = torch.tensor([0, 1, 0, 0])
    found = expressive_errors(predicted, target, regressors, PARTS, hands, face)
    assert found.pve_hands[:3].tolist() == pytest.approx([5.0, 8.0, 2.0])
    assert math.isnan(found.pve_hands[3].item())
    assert found.pve_face.isnan().tolist() == [True, False, True, True]
    # People without the part are left out of the mean, not counted as 0.
    assert found.means()["pve_hands"] == pytest.approx(5.0)
    assert found.means()["pve_face"] == pytest.approx(0.0, abs=1e-9)
    assert found.pve.tolist() == pytest.approx([(8 + 2) / 100] * 4)


def test_parts_are_aligned_with_their_own_similarity(regressors: ExpressiveRegressors) -> None:
    """A shrunken, turned hand is no error of the hand; of the whole mesh it is."""
    target = mesh(2, 1)
    predicted = target.clone()
    turn = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]], dtype=torch.float64)
    predicted[:, 60:68] = 0.5 * target[:, 60:68] @ turn.T + 3.0
    errors = expressive_errors(predicted, target, regressors, PARTS).means()
    assert errors["pa_pve_hands"] == pytest.approx(0, abs=1e-9)
    assert errors["pa_mpjpe_hands"] == pytest.approx(0, abs=1e-9)
    assert errors["pve_hands"] > 1000 and errors["pa_pve"] > 10


def test_fingertips_are_those_of_the_smplx_package() -> None:
    theirs = vertex_ids["smplx"]
    for side, tips in zip("lr", SMPLX_FINGERTIPS, strict=True):
        assert tips == {finger: theirs[side + finger] for finger in tips} and len(tips) == 5


def test_hand_regressor_is_wrist_joints_and_tips() -> None:
    joints = np.arange(55.0)[:, None] * np.ones(20)
    tips = {"index": 3, "middle": 5, "pinky": 7, "ring": 11, "thumb": 13}
    left = hand_regressor(joints, LEFT_WRIST, LEFT_HAND, tips)
    right = hand_regressor(joints, RIGHT_WRIST, RIGHT_HAND, tips)
    assert left.shape == right.shape == (21, 20)
    assert left[:16, 0].tolist() == [20, *range(25, 40)]
    assert right[:16, 0].tolist() == [21, *range(40, 55)]
    # SMPL-X's order of fingers: index, middle, pinky, ring, thumb.
    assert left[16:].argmax(axis=1).tolist() == [3, 5, 7, 11, 13] and (left[16:].sum(1) == 1).all()


def test_a_body_folder_without_the_14_joints_is_refused() -> None:
    assets: Any = SimpleNamespace(folder=Path("some_body"), j14=None)
    with pytest.raises(ValueError, match=r"some_body: no regressor .*SMPLX_to_J14"):
        ExpressiveRegressors.from_assets(assets)


def test_identical_meshes_have_no_error(regressors: ExpressiveRegressors) -> None:
    target = mesh(3, 2)
    errors = expressive_errors(target, target, regressors, PARTS).means()
    assert set(errors) == {f.name for f in fields(ExpressiveErrors)}
    assert max(errors.values()) < 1e-9
