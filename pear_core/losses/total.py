"""The weighted sum of all terms of stage 1."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from pear_core.anatomy import LEFT_HAND, RIGHT_HAND, SMPLX_PARENTS
from pear_core.body.parameters import BodyParameters
from pear_core.losses.keypoints import joint_losses, keypoint_loss
from pear_core.losses.parameters import camera_loss, parameter_losses


@dataclass(frozen=True)
class LossWeights:
    """Weight of every mean-reduced term; `unseen` is what labels outside the picture still
    count.
    """

    root: float = 0.7
    body_pose: float = 1.0
    hand_pose: float = 0.2
    betas: float = 1.0
    expression: float = 0.1
    hand_scale: float = 1.0
    head_scale: float = 1.0
    eye_pose: float = 0.05
    jaw_pose: float = 0.2
    eyelids: float = 0.05
    flame_shape: float = 0.1
    flame_expression: float = 0.05
    camera: float = 1.0
    joints_body: float = 10.0
    joints_hands: float = 10.0
    joints_face: float = 5.0
    keypoints: float = 10.0
    unseen: float = 0.1


@dataclass(frozen=True)
class Target:
    """Labels of a batch as tensors: parameters, camera [B, 3], joints [B, 145, 3], keypoints [B,
    145, 2], confidence [B, 145], valid [B, 4]."""

    parameters: BodyParameters
    camera: Tensor
    joints: Tensor
    keypoints: Tensor
    confidence: Tensor
    valid: Tensor


def _rotation_children() -> list[int]:
    """For each of the 52 rotations the joint whose place shows it best: its first child, else
    itself.
    """
    kinematic = [*range(22), *range(LEFT_HAND.start, RIGHT_HAND.stop)]
    children = []
    for joint in kinematic:
        below = [
            i
            for i in range(len(SMPLX_PARENTS))
            if SMPLX_PARENTS[i] == joint and i not in (22, 23, 24)
        ]
        children.append(below[0] if below else joint)
    return children


_SHOWN_BY = _rotation_children()


def total_loss(
    parameters: BodyParameters, camera: Tensor, joints: Tensor, target: Target, weights: LossWeights
) -> tuple[Tensor, dict[str, Tensor]]:
    """Weighted total and the detached, unweighted terms of predictions (float32)."""
    seen = target.confidence + weights.unseen * (1 - target.confidence)
    terms = parameter_losses(parameters, target.parameters, seen[:, _SHOWN_BY], target.valid)
    terms["camera"] = camera_loss(camera, target.camera, target.valid)
    terms |= joint_losses(joints, target.joints, seen, target.valid)
    terms["keypoints"] = keypoint_loss(
        joints, camera, target.keypoints, target.confidence, target.valid
    )
    total = torch.zeros((), device=camera.device)
    for field in fields(LossWeights):
        if field.name in terms:
            total = total + getattr(weights, field.name) * terms[field.name]
    return total, {name: value.detach() for name, value in terms.items()}
