"""FLAME: the head alone, 5 joints (global, neck, jaw, left eye, right eye)."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from pear_core.anatomy import FLAME_PARENTS
from pear_core.body.files import FlameFile, load_flame
from pear_core.body.lbs import IndexArray
from pear_core.body.skinned import SkinnedModel
from pear_core.geometry.rotations import matrix_from_axis_angle

FLAME_LEFT_EYE, FLAME_RIGHT_EYE = 3, 4


class FlameHead(SkinnedModel):
    """FLAME with pose correctives; no landmarks, no eyelids (see `pear_core.body.ehm`)."""

    def __init__(self, file: FlameFile, vertex_ids: IndexArray | None = None) -> None:
        super().__init__(file, FLAME_PARENTS, vertex_ids)

    @classmethod
    def from_file(cls, path: str | Path) -> FlameHead:
        return cls(load_flame(path))


def face_pose(jaw_pose: Tensor, eye_pose: Tensor) -> Tensor:
    """The 5 rotations [B, 5, 3, 3] of jaw [B, 3] and left, right eye [B, 6]; the rest is still."""
    still = torch.zeros_like(eye_pose)
    axis_angle = torch.cat((still, jaw_pose, eye_pose), dim=-1)
    return matrix_from_axis_angle(axis_angle.unflatten(-1, (5, 3)))
