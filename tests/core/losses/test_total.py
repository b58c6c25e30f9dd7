"""The total is the weighted sum of its terms, and perfect predictions cost nothing."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch

from pear_core.body.parameters import neutral
from pear_core.geometry.cameras import project_crop
from pear_core.losses.total import LossWeights, Target, total_loss


def _target() -> Target:
    generator = torch.Generator().manual_seed(0)
    joints = 0.3 * torch.randn(2, 145, 3, generator=generator)
    camera = torch.tensor([[0.1, 0.0, 0.9], [0.0, 0.2, 1.2]])
    keypoints = project_crop(joints, camera)
    return Target(neutral(2), camera, joints, keypoints, torch.ones(2, 145), torch.ones(2, 4))


def test_truth_costs_nothing() -> None:
    target = _target()
    loss, terms = total_loss(target.parameters, target.camera, target.joints, target, LossWeights())
    assert float(loss) == pytest.approx(0.0, abs=1e-5)
    assert set(terms) == {f.name for f in fields(LossWeights)} - {"unseen"}


def test_total_is_the_weighted_sum() -> None:
    target = _target()
    wrong = replace(target.parameters, betas=target.parameters.betas + 1.0)
    zero = {f.name: 0.0 for f in fields(LossWeights)}
    weights = LossWeights(**(zero | {"betas": 3.0, "camera": 2.0, "unseen": 0.1}))
    loss, _ = total_loss(wrong, target.camera + 0.5, target.joints, target, weights)
    assert float(loss) == pytest.approx(3.0 * 1.0 + 2.0 * 0.5, abs=1e-5)


def test_rotations_of_unseen_joints_count_less() -> None:
    target = _target()
    rotations = target.parameters.rotations.clone()
    rotations[0, 18] = torch.diag(torch.tensor([1.0, -1.0, -1.0]))  # left elbow, shown by the wrist
    wrong = replace(target.parameters, rotations=rotations)
    weights = LossWeights(
        **({f.name: 0.0 for f in fields(LossWeights)} | {"body_pose": 1.0, "unseen": 0.1})
    )
    seen, _ = total_loss(wrong, target.camera, target.joints, target, weights)
    confidence = target.confidence.clone()
    confidence[0, 20] = 0.0
    hidden = replace(target, confidence=confidence)
    unseen, _ = total_loss(wrong, target.camera, target.joints, hidden, weights)
    assert float(seen) == pytest.approx(8 / 42, abs=1e-6)
    assert float(unseen) == pytest.approx(0.1 * 8 / 41.1, abs=1e-6)
