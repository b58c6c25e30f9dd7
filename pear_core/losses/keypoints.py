"""Losses on the 145 joints, in space and in the picture."""

from __future__ import annotations

import torch
from torch import Tensor

from pear_core.anatomy import (
    CONTOUR_LANDMARKS,
    EHM_JOINTS,
    HEAD,
    LEFT_HAND,
    LEFT_WRIST,
    PELVIS,
    RIGHT_HAND,
    RIGHT_WRIST,
    STATIC_LANDMARKS,
)
from pear_core.geometry.cameras import project_crop
from pear_core.losses.reduction import weighted_mean

_TIPS = ("index", "middle", "pinky", "ring", "thumb")
_SURFACE_POINTS = (
    *("head_top", "nose", "left_ear", "right_ear", "left_eye", "right_eye"),
    *("left_heel", "right_heel", "left_big_toe", "right_big_toe"),
    *("left_small_toe", "right_small_toe"),
)
_BODY_POINTS = (*range(22), *(EHM_JOINTS.index(name) for name in _SURFACE_POINTS))
_FACE_POINTS = (*range(STATIC_LANDMARKS.start, STATIC_LANDMARKS.stop),
                *range(CONTOUR_LANDMARKS.start, CONTOUR_LANDMARKS.stop))  # fmt: skip


def _hand_points(side: str, fingers: slice) -> tuple[int, ...]:
    tips = (EHM_JOINTS.index(f"{side}_{tip}") for tip in _TIPS)
    return (*range(fingers.start, fingers.stop), *tips)


GROUPS: dict[str, tuple[tuple[int, ...], int, int]] = {
    "body": (_BODY_POINTS, PELVIS, 0),
    "left_hand": (_hand_points("left", LEFT_HAND), LEFT_WRIST, 1),
    "right_hand": (_hand_points("right", RIGHT_HAND), RIGHT_WRIST, 2),
    "face": (_FACE_POINTS, HEAD, 3),
}
"""Group -> its joints, the joint they are relative to, and its flag in `records.VALID`."""

UV_LIMIT = (-1.0, 2.0)
"""Predicted picture positions are clamped to this before the loss (facts 4)."""
MIN_SCALE = 0.05
"""The camera's s is not let below this when projecting: depth 24/s must stay finite."""


def joint_losses(
    predicted: Tensor, target: Tensor, weight: Tensor, valid: Tensor
) -> dict[str, Tensor]:
    """Mean L1 in metres of joints [B, 145, 3] relative to the centre of each group, per group.

    weight [B, 145]; valid [B, 4]. The hands' two groups are averaged into "joints_hands".
    """
    terms = {}
    for name, (points, centre, flag) in GROUPS.items():
        ids = list(points)
        error = (predicted[:, ids] - predicted[:, centre : centre + 1]) - (
            target[:, ids] - target[:, centre : centre + 1]
        )
        terms[name] = weighted_mean(error.abs(), weight[:, ids] * valid[:, flag : flag + 1])
    return {
        "joints_body": terms["body"],
        "joints_hands": (terms["left_hand"] + terms["right_hand"]) / 2,
        "joints_face": terms["face"],
    }


def keypoint_loss(
    joints: Tensor, camera: Tensor, keypoints: Tensor, confidence: Tensor, valid: Tensor
) -> Tensor:
    """Mean L1, in fractions of the crop, of projected joints [B, 145, 3] against keypoints [B,
    145, 2].
    """
    safe = torch.cat([camera[:, :2], camera[:, 2:].clamp(min=MIN_SCALE)], dim=1)
    uv = project_crop(joints, safe).clamp(*UV_LIMIT)
    gate = torch.zeros_like(confidence)
    for points, _, flag in GROUPS.values():
        gate[:, list(points)] = valid[:, flag : flag + 1]
    return weighted_mean((uv - keypoints).abs(), confidence * gate)
