"""Losses on the body model's parameters and on the crop camera.

Source: PEAR facts 6 for which term is squared and which absolute; means instead of sums (facts 13,
8).
"""

from __future__ import annotations

import torch
from torch import Tensor

from pear_core.body.parameters import BodyParameters
from pear_core.losses.reduction import weighted_mean

BODY, LEFT_HAND, RIGHT_HAND = slice(1, 22), slice(22, 37), slice(37, 52)


def rotation_errors(predicted: Tensor, target: Tensor) -> Tensor:
    """Squared Frobenius distance [B, J] of rotation matrices [B, J, 3, 3]; 4 (1 - cos angle)."""
    return (predicted - target).square().sum(dim=(-2, -1))


def parameter_losses(
    predicted: BodyParameters, target: BodyParameters, joint_weight: Tensor, valid: Tensor
) -> dict[str, Tensor]:
    """Terms by name, unweighted.

    Args:
        joint_weight: [B, 52], how much each rotation's label counts (joints out of the picture
        less).
        valid: [B, 4] flags in the order of `records.VALID`: body, left hand, right hand, face.
    """
    body, left, right, face = valid.unbind(dim=1)
    errors = rotation_errors(predicted.rotations, target.rotations)
    hands = torch.cat([errors[:, LEFT_HAND], errors[:, RIGHT_HAND]], dim=1)
    hand_gate = torch.cat([left[:, None].expand(-1, 15), right[:, None].expand(-1, 15)], dim=1)
    hand_weight = torch.cat([joint_weight[:, LEFT_HAND], joint_weight[:, RIGHT_HAND]], dim=1)

    def squared(name: str, gate: Tensor) -> Tensor:
        return weighted_mean((getattr(predicted, name) - getattr(target, name)).square(), gate)

    def absolute(name: str, gate: Tensor) -> Tensor:
        return weighted_mean((getattr(predicted, name) - getattr(target, name)).abs(), gate)

    return {
        "root": weighted_mean(errors[:, 0], body),
        "body_pose": weighted_mean(errors[:, BODY], joint_weight[:, BODY] * body[:, None]),
        "hand_pose": weighted_mean(hands, hand_weight * hand_gate),
        "betas": squared("betas", body),
        "expression": squared("expression", face),
        "hand_scale": squared("hand_scale", body),
        "head_scale": squared("head_scale", face),
        "eye_pose": absolute("eye_pose", face),
        "jaw_pose": absolute("jaw_pose", face),
        "eyelids": absolute("eyelids", face),
        "flame_shape": absolute("flame_shape", face),
        "flame_expression": absolute("flame_expression", face),
    }


def camera_loss(predicted: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Mean absolute error of (tx, ty, s) [B, 3] over samples with a body label."""
    return weighted_mean((predicted - target).abs(), valid[:, 0])
