"""A skinned model from a file (SMPL-X or FLAME): blend shapes, joints, kinematics, skinning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from pear_core.body.files import FlameFile, SmplxFile
from pear_core.body.lbs import Basis, IndexArray, Skeleton, Skin, folded


@dataclass(frozen=True)
class PosedBody:
    """Vertices [B, V, 3] and kinematic joints [B, J, 3], metres."""

    vertices: Tensor
    joints: Tensor


class SkinnedModel(nn.Module):
    """A model file as a differentiable function of rotations, shape and expression."""

    template: Tensor
    joint_template: Tensor

    def __init__(
        self, file: SmplxFile | FlameFile, parents: IndexArray, vertex_ids: IndexArray | None = None
    ) -> None:
        """vertex_ids: only these are computed, in this order (the joints stay the same)."""
        super().__init__()
        ids = np.arange(len(file.v_template)) if vertex_ids is None else vertex_ids
        self.num_shape, self.num_expression = file.shapedirs.shape[2], file.exprdirs.shape[2]
        self.faces = file.faces
        self.skeleton = Skeleton(parents)
        self.shape_basis = Basis(file.shapedirs[ids])
        self.expression_basis = Basis(file.exprdirs[ids])
        self.joint_shape_basis = Basis(folded(file.joint_regressor, file.shapedirs))
        self.joint_expression_basis = Basis(folded(file.joint_regressor, file.exprdirs))
        self.skin = Skin(file.posedirs[ids], file.weights[ids])
        joints = folded(file.joint_regressor, file.v_template)
        for name, array in (("template", file.v_template[ids]), ("joint_template", joints)):
            values = torch.tensor(array, dtype=torch.get_default_dtype())
            self.register_buffer(name, values, persistent=False)

    def shaped(self, shape: Tensor, expression: Tensor) -> Tensor:
        """Vertices of the rest pose [B, V, 3]."""
        return self.template + self.shape_basis(shape) + self.expression_basis(expression)

    def rest_joints(self, shape: Tensor, expression: Tensor) -> Tensor:
        """Joints of the rest pose [B, J, 3]."""
        offsets = self.joint_shape_basis(shape) + self.joint_expression_basis(expression)
        return self.joint_template + offsets

    def forward(self, rotations: Tensor, shape: Tensor, expression: Tensor) -> PosedBody:
        """rotations: local [B, J, 3, 3]; shape [B, S]; expression [B, E]; fewer columns: zeros."""
        shape = _padded(shape, self.num_shape, "shape")
        expression = _padded(expression, self.num_expression, "expression")
        rest = self.rest_joints(shape, expression)
        world, joints = self.skeleton(rotations, rest)
        vertices = self.shaped(shape, expression)
        return PosedBody(self.skin(vertices, rotations, rest, world, joints), joints)


def _padded(coefficients: Tensor, width: int, what: str) -> Tensor:
    given = coefficients.shape[1]
    if given > width:
        raise ValueError(f"{what}: expected at most {width} coefficients, found {given}")
    return coefficients if given == width else nn.functional.pad(coefficients, (0, width - given))
