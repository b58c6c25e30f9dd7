"""Parameter losses: hand-computed values and gates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pear_core.body.parameters import neutral
from pear_core.geometry.rotations import matrix_from_axis_angle
from pear_core.losses.parameters import camera_loss, parameter_losses, rotation_errors

ALL = torch.ones(2, 4)


def test_rotation_error_is_four_times_one_minus_cosine() -> None:
    angle = 0.7
    turned = matrix_from_axis_angle(torch.tensor([[[0.0, angle, 0.0]]], dtype=torch.float64))
    error = rotation_errors(turned, torch.eye(3, dtype=torch.float64)[None, None])
    assert float(error) == pytest.approx(4 * (1 - np.cos(angle)), abs=1e-9)


def test_terms_by_hand() -> None:
    target = neutral(2)
    rotations = target.rotations.clone()
    # One of 21 body joints of one of two people turned by 90 degrees: 4 / 42.
    rotations[0, 5] = matrix_from_axis_angle(torch.tensor([0.0, 0.0, np.pi / 2]))
    changed = replace(
        target,
        rotations=rotations,
        betas=target.betas + 0.5,
        head_scale=target.head_scale + torch.tensor([0.3, 0.0, 0.0]),
        jaw_pose=target.jaw_pose + torch.tensor([0.6, 0.0, 0.0]),
        flame_shape=target.flame_shape - 0.25,
    )
    terms = parameter_losses(changed, target, torch.ones(2, 52), ALL)
    expected = {
        "root": 0.0, "body_pose": 4 / 42, "hand_pose": 0.0, "betas": 0.25, "expression": 0.0,
        "hand_scale": 0.0, "head_scale": 0.03, "eye_pose": 0.0, "jaw_pose": 0.2, "eyelids": 0.0,
        "flame_shape": 0.25, "flame_expression": 0.0,
    }  # fmt: skip
    assert set(terms) == set(expected)
    for name, value in expected.items():
        assert float(terms[name]) == pytest.approx(value, abs=1e-6), name


def test_invalid_parts_do_not_count() -> None:
    target = neutral(2)
    wild = target.map(lambda t: t + 1.0)
    wild = replace(wild, rotations=target.rotations.flip(-1))
    only_face = torch.tensor([[0.0, 0, 0, 1], [0, 0, 0, 1]])
    terms = parameter_losses(wild, target, torch.ones(2, 52), only_face)
    for name in ("root", "body_pose", "hand_pose", "betas", "hand_scale"):
        assert float(terms[name]) == 0.0, name
    assert float(terms["jaw_pose"]) == pytest.approx(1.0)
    only_left = torch.tensor([[0.0, 1, 0, 0], [0, 1, 0, 0]])
    right = target.rotations.clone()
    right[:, 37:] = -right[:, 37:]
    terms = parameter_losses(replace(target, rotations=right), target, torch.ones(2, 52), only_left)
    assert float(terms["hand_pose"]) == 0.0


def test_camera_is_mean_absolute() -> None:
    predicted, target = torch.tensor([[0.3, 0.0, 1.0]]), torch.tensor([[0.0, 0.0, 0.7]])
    assert float(camera_loss(predicted, target, torch.ones(1, 4))) == pytest.approx(0.2)
