"""Body protocols: 3DPW on SMPL meshes, and the 44-point variant of the HMR2 and PEAR scripts.

Source: PEAR facts 9.3. Predictions are EHM-s meshes turned into SMPL's by `smplx2smpl`, so that
both sides are judged at the same regressed joints.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from pear_core.anatomy import H36M_NAMES, HMR2_JUDGED, HMR2_PELVIS, LSP_NAMES
from pear_core.body.joint_maps import lsp_from_h36m
from pear_core.evaluate.metrics import distance, pa_error, pve

H36M_PELVIS = H36M_NAMES.index("pelvis")
LSP_HIPS = [LSP_NAMES.index("left_hip"), LSP_NAMES.index("right_hip")]


@dataclass(frozen=True)
class SmplErrors:
    """Millimetres per person [B] on SMPL meshes, with every convention for the root.

    mpjpe and pve: Human3.6M's pelvis, joint 0 of its regressor (SPIN). _hips: midpoint of the two
    hips. _kinematic: SMPL's own pelvis; NaN where its regressor was not given.
    """

    mpjpe: Tensor
    mpjpe_hips: Tensor
    mpjpe_kinematic: Tensor
    pa_mpjpe: Tensor
    pve: Tensor
    pve_hips: Tensor
    pve_kinematic: Tensor

    def means(self) -> dict[str, float]:
        return {f.name: float(getattr(self, f.name).mean()) for f in fields(self)}


def regress(regressor: Tensor, vertices: Tensor) -> Tensor:
    """Joints [B, J, 3]: regressor [J, V] times vertices [B, V, 3], in the type of the vertices."""
    return regressor.to(vertices) @ vertices


def smpl_errors(
    vertices: Tensor,
    target_vertices: Tensor,
    h36m_regressor: Tensor,
    pelvis_regressor: Tensor | None = None,
) -> SmplErrors:
    """3DPW's errors of SMPL meshes [B, 6890, 3] in metres, camera frame.

    h36m_regressor [17, 6890]; pelvis_regressor [6890]: first row of SMPL's own J_regressor.
    """
    h36m, target_h36m = (regress(h36m_regressor, v) for v in (vertices, target_vertices))
    joints, target_joints = lsp_from_h36m(h36m), lsp_from_h36m(target_h36m)
    roots = {
        "": (h36m[:, H36M_PELVIS], target_h36m[:, H36M_PELVIS]),
        "_hips": (joints[:, LSP_HIPS].mean(dim=1), target_joints[:, LSP_HIPS].mean(dim=1)),
    }
    found = {
        "pa_mpjpe": pa_error(joints, target_joints),
        "mpjpe_kinematic": torch.full_like(vertices[:, 0, 0], torch.nan),
        "pve_kinematic": torch.full_like(vertices[:, 0, 0], torch.nan),
    }
    if pelvis_regressor is not None:
        row = pelvis_regressor[None]
        roots["_kinematic"] = (
            regress(row, vertices)[:, 0],
            regress(row, target_vertices)[:, 0],
        )
    for name, (root, target_root) in roots.items():
        found["mpjpe" + name] = pve(joints, target_joints, root, target_root)
        found["pve" + name] = pve(vertices, target_vertices, root, target_root)
    return SmplErrors(**found)


@dataclass(frozen=True)
class JointErrors:
    """Millimetres per person [B]."""

    mpjpe: Tensor
    pa_mpjpe: Tensor


def keypoint_errors(predicted: Tensor, target: Tensor) -> JointErrors:
    """Errors at the judged ones of the 44 HMR2 key points [B, 44, 3] in metres.

    The MPII pelvis (39) is the root of MPJPE and is not judged itself.
    """
    chosen = list(HMR2_JUDGED)
    own, other = (p - p[:, HMR2_PELVIS, None] for p in (predicted, target))
    return JointErrors(
        mpjpe=distance(own[:, chosen], other[:, chosen]),
        pa_mpjpe=pa_error(own[:, chosen], other[:, chosen]),
    )
