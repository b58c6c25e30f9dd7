"""Errors of predicted joints, meshes and key points, per person (PEAR facts 9.3).

Points are in metres and errors in millimetres, [B] each, so that the caller can average, weight or
bootstrap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pear_core.anatomy import LEFT_WRIST, NECK, PELVIS, RIGHT_WRIST
from pear_core.body.files import OPTIONAL_FILES, BodyAssets
from pear_core.geometry.procrustes import align

MILLIMETRES = 1000.0

LSP_JOINTS: tuple[int, ...] = (8, 5, 2, 1, 4, 7, 21, 19, 17, 16, 18, 20, 12, 15)
"""Kinematic counterparts of the 14 LSP joints (right ankle ... head) among anatomy.EHM_JOINTS."""


@dataclass(frozen=True)
class Parts:
    """Vertex ids of the parts that are judged on their own."""

    left_hand: NDArray[np.int64]
    right_hand: NDArray[np.int64]
    face: NDArray[np.int64]

    @classmethod
    def from_assets(cls, assets: BodyAssets) -> Parts:
        """MANO's vertices for the hands and all FLAME vertices for the face."""
        if assets.hands is None:
            raise ValueError(f"{assets.folder}: no vertex ids of the hands ({OPTIONAL_FILES[1]})")
        return cls(*assets.hands, assets.vertex_ids)


@dataclass(frozen=True)
class BodyErrors:
    """Millimetres per person [B]; pa_ after similarity alignment of the part."""

    mpjpe: Tensor
    pa_mpjpe: Tensor
    pve: Tensor
    pve_hands: Tensor
    pve_face: Tensor
    pa_pve: Tensor
    pa_pve_hands: Tensor
    pa_pve_face: Tensor

    def means(self) -> dict[str, float]:
        return {f.name: float(getattr(self, f.name).mean()) for f in fields(self)}


def distance(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean distance [B] in mm between matched points [B, N, 3]."""
    return (predicted - target).norm(dim=-1).mean(dim=-1) * MILLIMETRES


def mpjpe(predicted: Tensor, target: Tensor, root: Sequence[int] = (PELVIS,)) -> Tensor:
    """Mean per joint position error [B] of joints [B, J, 3], roots aligned.

    root: joint, or joints whose midpoint (the hips) is the root; an index into the joints given.
    """
    indices = list(root)
    centre, target_centre = (x[:, indices].mean(dim=1, keepdim=True) for x in (predicted, target))
    return distance(predicted - centre, target - target_centre)


def pa_error(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean distance [B] of points [B, N, 3] after similarity Procrustes: PA-MPJPE or PA-PVE."""
    return distance(align(predicted, target), target)


def pve(predicted: Tensor, target: Tensor, root: Tensor, target_root: Tensor) -> Tensor:
    """Per vertex error [B] of vertices [B, V, 3] after moving the roots [B, 3] onto each other."""
    return distance(predicted - root[:, None], target - target_root[:, None])


def body_errors(
    vertices: Tensor,
    joints: Tensor,
    target_vertices: Tensor,
    target_joints: Tensor,
    parts: Parts,
    judged: Sequence[int] = LSP_JOINTS,
) -> BodyErrors:
    """All 3D errors: pelvis aligned for the body, each hand at its wrist, the face at the neck.

    vertices [B, V, 3]; joints [B, >= 55, 3] in SMPL-X order; judged: joints counted in (PA-)MPJPE.
    """

    def part(ids: NDArray[np.int64], joint: int) -> tuple[Tensor, Tensor]:
        index = torch.as_tensor(ids, device=vertices.device)
        own, other = vertices[:, index], target_vertices[:, index]
        return pve(own, other, joints[:, joint], target_joints[:, joint]), pa_error(own, other)

    every = np.arange(vertices.shape[1])
    whole, pa_whole = part(every, PELVIS)
    left, pa_left = part(parts.left_hand, LEFT_WRIST)
    right, pa_right = part(parts.right_hand, RIGHT_WRIST)
    face, pa_face = part(parts.face, NECK)
    chosen = list(judged)
    own = joints[:, chosen] - joints[:, PELVIS, None]
    other = target_joints[:, chosen] - target_joints[:, PELVIS, None]
    return BodyErrors(
        mpjpe=distance(own, other),
        pa_mpjpe=pa_error(own, other),
        pve=whole,
        pve_hands=(left + right) / 2,
        pve_face=face,
        pa_pve=pa_whole,
        pa_pve_hands=(pa_left + pa_right) / 2,
        pa_pve_face=pa_face,
    )


def keypoint_error(predicted: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean distance [B] of key points [B, J, 2] in their unit; 0 without weights."""
    error = (predicted - target).norm(dim=-1) * weight
    return error.sum(dim=-1) / weight.sum(dim=-1).clamp(min=torch.finfo(error.dtype).tiny)
