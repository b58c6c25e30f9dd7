"""SMPL-X: the whole body with hands, 55 joints."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from pear_core.anatomy import SMPLX_PARENTS
from pear_core.body.files import SmplxFile, load_smplx
from pear_core.body.lbs import IndexArray
from pear_core.body.skinned import SkinnedModel


class SmplxBody(SkinnedModel):
    """SMPL-X with absolute hand rotations (`smplx`: flat_hand_mean=True, use_pca=False)."""

    def __init__(self, file: SmplxFile, vertex_ids: IndexArray | None = None) -> None:
        super().__init__(file, SMPLX_PARENTS, vertex_ids)

    @classmethod
    def from_file(cls, path: str | Path) -> SmplxBody:
        return cls(load_smplx(path))


def full_pose(rotations: Tensor) -> Tensor:
    """The 55 SMPL-X rotations [B, 55, 3, 3] of the 52 regressed: jaw and eyes do not turn."""
    eye = torch.eye(3, dtype=rotations.dtype, device=rotations.device)
    face = eye.expand(rotations.shape[0], 3, 3, 3)
    return torch.cat((rotations[:, :22], face, rotations[:, 22:]), dim=1)
