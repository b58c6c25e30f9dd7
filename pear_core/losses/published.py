"""The stage-1 loss of the released PEAR code: plain sums, term by term (PEAR facts 6 and 16.7).

Every term is a sum over batch and elements, so its size grows with the batch (40 there). The
mean-reduced form that trains our own weights is `pear_core.losses.total`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from pear_core.anatomy import DWPOSE_NAMES, HMR2_KEYPOINT_NAMES, HMR2_PELVIS
from pear_core.body.parameters import BodyParameters
from pear_core.losses.parameters import BODY, LEFT_HAND, RIGHT_HAND

HANDS = slice(LEFT_HAND.start, RIGHT_HAND.stop)
NUM_KEYPOINTS, NUM_DWPOSE = len(HMR2_KEYPOINT_NAMES), len(DWPOSE_NAMES)
DWPOSE_HIPS = [DWPOSE_NAMES.index("right_hip"), DWPOSE_NAMES.index("left_hip")]
"""These two of the 134 DWPose points do not count."""
DWPOSE_THRESHOLD = 0.7
"""A DWPose point counts where its score is strictly greater."""
GATE_FLOOR = 0.1
"""What the released loader adds to has_body and has_flame: their gates are 0.1 or 1.1."""
HMR_LEG_JOINTS = (0, 1, 3, 4, 6, 7, 9, 10)
"""Hips, knees, ankles and feet among the 21 body joints: those that hmr_pose overrides."""


@dataclass(frozen=True)
class PublishedWeights:
    """The released weight of every term."""

    body_pose: float = 1e-3
    hand_pose: float = 1e-3
    expression: float = 1e-3
    betas: float = 0.5e-3
    head_scale: float = 1e-3
    eye_pose: float = 1e-3
    jaw_pose: float = 1e-3
    eyelids: float = 1e-3
    flame_expression: float = 1e-3
    flame_shape: float = 1e-3
    keypoints_3d: float = 0.05
    keypoints_2d: float = 0.01
    dwpose: float = 0.01


RELEASED = PublishedWeights()


@dataclass(frozen=True)
class Gates:
    """What each sample's labels count, [B] each; multiplies prediction and target alike."""

    has_body: Tensor
    has_hand: Tensor
    has_flame: Tensor


@dataclass(frozen=True)
class Points:
    """Predicted points: keypoints_3d [B, 44, 3] metres; keypoints_2d [B, 44, 2] and dwpose
    [B, 134, 2] in [0, 1] of the crop. Raises ValueError for other shapes.
    """

    keypoints_3d: Tensor
    keypoints_2d: Tensor
    dwpose: Tensor

    def __post_init__(self) -> None:
        _check("keypoints_3d", self.keypoints_3d, NUM_KEYPOINTS, 3)
        _check("keypoints_2d", self.keypoints_2d, NUM_KEYPOINTS, 2)
        _check("dwpose", self.dwpose, NUM_DWPOSE, 2)


@dataclass(frozen=True)
class PublishedTarget:
    """Labels of a batch: parameters (root and hand_scale have no term), gates, and points whose
    last column is the confidence: keypoints_3d [B, 44, 4], keypoints_2d [B, 44, 3], dwpose
    [B, 134, 3].

    A sample has the 44 points or the 134; the other set is all zeros. Raises ValueError for other
    shapes.
    """

    parameters: BodyParameters
    gates: Gates
    keypoints_3d: Tensor
    keypoints_2d: Tensor
    dwpose: Tensor

    def __post_init__(self) -> None:
        _check("keypoints_3d", self.keypoints_3d, NUM_KEYPOINTS, 4)
        _check("keypoints_2d", self.keypoints_2d, NUM_KEYPOINTS, 3)
        _check("dwpose", self.dwpose, NUM_DWPOSE, 3)
        for field in fields(Gates):
            gate = getattr(self.gates, field.name)
            if gate.shape != (len(self.parameters),):
                raise ValueError(
                    f"{field.name}: expected shape ({len(self.parameters)},), "
                    f"found {tuple(gate.shape)}"
                )


def loader_gates(pose_valid: Tensor, hand_valid: Tensor, head_valid: Tensor) -> Gates:
    """The gates that the released loader makes of the 0/1 flags [B] of the annotation."""
    return Gates(pose_valid + GATE_FLOOR, hand_valid, head_valid + GATE_FLOOR)


def override_legs(body_pose: Tensor, hmr_pose: Tensor, present: Tensor) -> Tensor:
    """Body pose [B, 21, ...] whose legs come from hmr_pose [B, 21, ...] where present [B] (bool).

    Both in one form: axis-angle or matrices. hmr_pose may hold anything where it is not present.
    """
    legs = torch.zeros(body_pose.shape[1], dtype=torch.bool, device=body_pose.device)
    legs[list(HMR_LEG_JOINTS)] = True
    chosen = present.bool()[:, None] & legs
    chosen = chosen.reshape(chosen.shape + (1,) * (body_pose.ndim - 2))
    return torch.where(chosen, hmr_pose, body_pose)


def gated(values: Tensor, gate: Tensor) -> Tensor:
    """values [B, ...] times their sample's gate [B]."""
    return values * gate.reshape(-1, *(1,) * (values.ndim - 1))


def squared(predicted: Tensor, target: Tensor) -> Tensor:
    """Sum of squared differences."""
    return (predicted - target).square().sum()


def absolute(predicted: Tensor, target: Tensor) -> Tensor:
    """Sum of absolute differences."""
    return (predicted - target).abs().sum()


def keypoints_3d_term(predicted: Tensor, target: Tensor) -> Tensor:
    """Sum of L1 x confidence of 44 points [B, 44, 3] relative to their own pelvis (39).

    target [B, 44, 4] with confidence. Its pelvis is subtracted even where its confidence is 0.
    """
    points, confidence = target[..., :3], target[..., 3:]
    relative = predicted - predicted[:, HMR2_PELVIS, None]
    return (confidence * (relative - (points - points[:, HMR2_PELVIS, None])).abs()).sum()


def keypoints_2d_term(predicted: Tensor, target: Tensor) -> Tensor:
    """Sum of L1 x confidence of 44 points [B, 44, 2] in [0, 1]; target [B, 44, 3]."""
    return (target[..., 2:] * (predicted - target[..., :2]).abs()).sum()


def dwpose_term(predicted: Tensor, target: Tensor) -> Tensor:
    """Sum of L1 of the 134 points [B, 134, 2] in [0, 1] that count; target [B, 134, 3] with score.

    A point counts with score > 0.7 (strictly) unless it is a hip; the score is no weight.
    """
    counts = target[..., 2] > DWPOSE_THRESHOLD
    counts[:, DWPOSE_HIPS] = False
    # Selected, not multiplied by zero: undetected points may be anything, even not finite.
    return (predicted - target[..., :2])[counts].abs().sum()


def published_terms(
    parameters: BodyParameters, points: Points, target: PublishedTarget
) -> dict[str, Tensor]:
    """Every term by the name of its weight: unweighted sums, differentiable.

    Only the pose and FLAME terms are gated. A gate of 1.1 counts 1.21 times in a squared term.
    """
    labels, gates = target.parameters, target.gates
    rotations, label = parameters.rotations, labels.rotations

    def pose(joints: slice, gate: Tensor) -> Tensor:
        return squared(gated(rotations[:, joints], gate), gated(label[:, joints], gate))

    def flame(name: str) -> Tensor:
        own, other = getattr(parameters, name), getattr(labels, name)
        return absolute(gated(own, gates.has_flame), gated(other, gates.has_flame))

    return {
        "body_pose": pose(BODY, gates.has_body),
        "hand_pose": pose(HANDS, gates.has_hand),
        "expression": squared(parameters.expression, labels.expression),
        "betas": squared(parameters.betas, labels.betas),
        "head_scale": squared(parameters.head_scale, labels.head_scale),
        "eye_pose": flame("eye_pose"),
        "jaw_pose": flame("jaw_pose"),
        "eyelids": flame("eyelids"),
        "flame_expression": flame("flame_expression"),
        "flame_shape": flame("flame_shape"),
        "keypoints_3d": keypoints_3d_term(points.keypoints_3d, target.keypoints_3d),
        "keypoints_2d": keypoints_2d_term(points.keypoints_2d, target.keypoints_2d),
        "dwpose": dwpose_term(points.dwpose, target.dwpose),
    }


def published_loss(
    parameters: BodyParameters,
    points: Points,
    target: PublishedTarget,
    weights: PublishedWeights = RELEASED,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Weighted total and the detached, unweighted terms; the released weights by default."""
    terms = published_terms(parameters, points, target)
    total = torch.stack([getattr(weights, name) * term for name, term in terms.items()]).sum()
    return total, {name: term.detach() for name, term in terms.items()}


def _check(name: str, tensor: Tensor, points: int, columns: int) -> None:
    if tensor.ndim != 3 or tensor.shape[1:] != (points, columns):
        raise ValueError(f"{name}: expected (B, {points}, {columns}), found {tuple(tensor.shape)}")
