"""The expressive protocol of EHF, UBody and AGORA-val: whole mesh, hands and face.

As Hand4Whole, OSX, SMPLer-X and SMPLest-X count (PEAR facts 9.3): the joints of both sides are
regressed from their meshes; the whole mesh is aligned at the pelvis, each hand at its wrist, the
face at the neck.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pear_core.anatomy import (
    LEFT_HAND,
    LEFT_WRIST,
    NECK,
    PELVIS,
    RIGHT_HAND,
    RIGHT_WRIST,
    SMPLX_JOINTS,
)
from pear_core.body.files import OPTIONAL_FILES, BodyAssets
from pear_core.evaluate.metrics import Parts, pa_error, pve
from pear_core.evaluate.protocols import regress

SMPLX_FINGERTIPS = (
    {"index": 4933, "middle": 5058, "pinky": 5286, "ring": 5169, "thumb": 5361},
    {"index": 7669, "middle": 7794, "pinky": 8022, "ring": 7905, "thumb": 8079},
)
"""Vertices of the left and the right fingertips in SMPL-X's own mesh of 10475 vertices."""


@dataclass(frozen=True)
class ExpressiveRegressors:
    """joints [55, V]: SMPL-X's own; body [14, V]: SMPLX_to_J14; hands: [K, V] left, [K, V] right."""

    joints: Tensor
    body: Tensor
    left_hand: Tensor
    right_hand: Tensor

    @classmethod
    def from_assets(
        cls, assets: BodyAssets, fingertips: tuple[dict[str, int], dict[str, int]] | None = None
    ) -> ExpressiveRegressors:
        """Those of a body folder; fingertips: left and right vertex by finger, SMPL-X's by default.

        Raises ValueError without the 14-joint regressor.
        """
        if assets.j14 is None:
            raise ValueError(
                f"{assets.folder}: no regressor of the 14 joints ({OPTIONAL_FILES[0]})"
            )
        joints = assets.smplx.joint_regressor
        left, right = fingertips or SMPLX_FINGERTIPS
        return cls(
            torch.tensor(joints),
            torch.tensor(assets.j14),
            torch.tensor(hand_regressor(joints, LEFT_WRIST, LEFT_HAND, left)),
            torch.tensor(hand_regressor(joints, RIGHT_WRIST, RIGHT_HAND, right)),
        )


def hand_regressor(
    joints: NDArray[np.floating], wrist: int, fingers: slice, tips: dict[str, int]
) -> NDArray[np.floating]:
    """Regressor [21, V] of a hand: wrist, 15 finger joints, and the tips, which are vertices."""
    names = [name.split("_")[1].rstrip("123") for name in SMPLX_JOINTS[fingers][::3]]
    rows = np.zeros((len(names), joints.shape[1]), joints.dtype)
    rows[np.arange(len(names)), [tips[name] for name in names]] = 1
    return np.concatenate((joints[wrist : wrist + 1], joints[fingers], rows))


@dataclass(frozen=True)
class ExpressiveErrors:
    """Millimetres per person [B]; NaN where a part has no valid label. MPVPE is `pve` here; pa_
    after similarity alignment of the part.
    """

    pve: Tensor
    pve_hands: Tensor
    pve_face: Tensor
    pa_pve: Tensor
    pa_pve_hands: Tensor
    pa_pve_face: Tensor
    pa_mpjpe: Tensor
    pa_mpjpe_hands: Tensor

    def means(self) -> dict[str, float]:
        """Over the people whose part is valid; NaN where there is none."""
        return {f.name: float(getattr(self, f.name).nanmean()) for f in fields(self)}


def expressive_errors(
    vertices: Tensor,
    target_vertices: Tensor,
    regressors: ExpressiveRegressors,
    parts: Parts,
    hands_valid: Tensor | None = None,
    face_valid: Tensor | None = None,
) -> ExpressiveErrors:
    """All errors of meshes [B, V, 3] in metres.

    hands_valid [B, 2] (left, right) and face_valid [B]: which labels count, all by default. The
    error of the hands is the mean over a person's valid hands.
    """
    batch, device = len(vertices), vertices.device
    if hands_valid is None:
        hands_valid = torch.ones(batch, 2, dtype=torch.bool, device=device)
    if face_valid is None:
        face_valid = torch.ones(batch, dtype=torch.bool, device=device)
    joints, target_joints = (regress(regressors.joints, v) for v in (vertices, target_vertices))

    def part(ids: NDArray[np.int64], joint: int) -> tuple[Tensor, Tensor]:
        index = torch.as_tensor(ids, device=device)
        own, other = vertices[:, index], target_vertices[:, index]
        return pve(own, other, joints[:, joint], target_joints[:, joint]), pa_error(own, other)

    def regressed(regressor: Tensor) -> Tensor:
        return pa_error(regress(regressor, vertices), regress(regressor, target_vertices))

    def both(left: Tensor, right: Tensor) -> Tensor:
        return torch.where(hands_valid.bool(), torch.stack((left, right), 1), torch.nan).nanmean(1)

    left, pa_left = part(parts.left_hand, LEFT_WRIST)
    right, pa_right = part(parts.right_hand, RIGHT_WRIST)
    face, pa_face = part(parts.face, NECK)
    return ExpressiveErrors(
        pve=pve(vertices, target_vertices, joints[:, PELVIS], target_joints[:, PELVIS]),
        pve_hands=both(left, right),
        pve_face=torch.where(face_valid.bool(), face, torch.nan),
        pa_pve=pa_error(vertices, target_vertices),
        pa_pve_hands=both(pa_left, pa_right),
        pa_pve_face=torch.where(face_valid.bool(), pa_face, torch.nan),
        pa_mpjpe=regressed(regressors.body),
        pa_mpjpe_hands=both(regressed(regressors.left_hand), regressed(regressors.right_hand)),
    )
