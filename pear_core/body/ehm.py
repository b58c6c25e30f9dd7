"""EHM-s: the SMPL-X body whose head is a scaled FLAME head (PEAR facts, sections 5.2 and 16).

Order of operations: FLAME skinning, eyelids, scale, anchoring at the eyes of the SMPL-X template,
replacing all head vertices but the neck and boundary, then SMPL-X skinning with joints taken from
the replaced template.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pear_core import layout
from pear_core.anatomy import LEFT_EYE, RIGHT_EYE, SMPLX_PARENTS
from pear_core.body.files import BodyAssets, BodyFileError, load_assets
from pear_core.body.flame import FLAME_LEFT_EYE, FLAME_RIGHT_EYE, FlameHead, face_pose
from pear_core.body.landmarks import Landmarks, landmark_vertices
from pear_core.body.lbs import Basis, FloatArray, IndexArray, Skeleton, Skin, folded
from pear_core.body.parameters import BodyParameters
from pear_core.body.smplx import full_pose

ScaleAbout = Literal["eyes", "origin"]

J14_TO_EHM = {1: 5, 4: 4, 6: 21, 7: 19, 8: 17, 9: 16, 10: 18, 11: 20, 12: 12, 13: 15}
"""Rows of the 14-joint regressor (LSP order) over kinematic joints; hips and ankles stay."""


@dataclass(frozen=True)
class EhmOutput:
    """vertices [B, V, 3] and joints [B, 145, 3] (anatomy.EHM_JOINTS), metres, body output frame."""

    vertices: Tensor
    joints: Tensor


class Ehm(nn.Module):
    """EHM-s as a differentiable function of `BodyParameters`.

    scale_about: the fixed point of head_scale, the eyes or (as published) the origin of the FLAME
    file. vertex_ids: vertices to return, all by default; the joints do not depend on this choice.
    """

    joint_template: Tensor
    anchor_template: Tensor
    body_template: Tensor
    eyelids: Tensor
    head_regressor: Tensor
    output_index: Tensor

    def __init__(
        self,
        assets: BodyAssets,
        scale_about: ScaleAbout = "eyes",
        vertex_ids: IndexArray | None = None,
    ) -> None:
        super().__init__()
        if scale_about not in ("eyes", "origin"):
            raise ValueError(f"scale_about: expected 'eyes' or 'origin', found {scale_about!r}")
        _require_columns(assets)
        self.assets = assets
        self.scale_about = scale_about
        count = len(assets.smplx.v_template)
        self.vertex_ids = np.arange(count) if vertex_ids is None else _checked(vertex_ids, count)

        head_of = np.full(count, -1)
        head_of[assets.vertex_ids] = np.arange(len(assets.vertex_ids))
        head_of[assets.vertex_ids[assets.kept]] = -1
        replaced = head_of >= 0
        # Vertices are computed in the order body, head; the last step restores the caller's order.
        needed = np.union1d(self.vertex_ids, self.joint_support())
        computed = np.concatenate((needed[~replaced[needed]], needed[replaced[needed]]))
        position = np.full(count, -1)
        position[computed] = np.arange(len(computed))
        self._build_body(computed[~replaced[computed]], replaced)
        self._build_head(computed[replaced[computed]], replaced, head_of)
        smplx = assets.smplx
        self.skin = Skin(smplx.posedirs[computed], smplx.weights[computed])
        self.skeleton = Skeleton(SMPLX_PARENTS)
        self.landmarks = Landmarks(assets, position)
        self._index("output_index", position[self.vertex_ids])
        if assets.j14 is not None:
            self._float("j14", assets.j14[list(J14_TO_EHM)][:, computed])
            overwritten = np.arange(len(SMPLX_PARENTS))
            overwritten[list(J14_TO_EHM.values())] = len(SMPLX_PARENTS) + np.arange(len(J14_TO_EHM))
            self._index("j14_order", overwritten)

    @classmethod
    def from_folder(cls, folder: str | Path, scale_about: ScaleAbout = "eyes") -> Ehm:
        """EHM-s from a folder of body files (see `pear_core.body.files.load_assets`)."""
        return cls(load_assets(folder), scale_about)

    @property
    def faces(self) -> IndexArray:
        """Triangles [F, 3] of the full mesh, by SMPL-X vertex id."""
        return self.assets.smplx.faces

    def joint_support(self) -> IndexArray:
        """SMPL-X vertices whose posed positions make up the 145 joints, ascending.

        Landmarks and, where there is one, the 14-joint regressor. The rest joints need none: their
        regressor is folded into the shape basis.
        """
        support = landmark_vertices(self.assets)
        if self.assets.j14 is not None:
            rows = self.assets.j14[list(J14_TO_EHM)]
            support = np.union1d(support, np.flatnonzero(np.any(rows != 0, axis=0)))
        return support

    def restricted(self, vertex_ids: IndexArray) -> Ehm:
        """The same model returning only these vertices (or none), in this order; equal joints."""
        model = Ehm(self.assets, self.scale_about, vertex_ids)
        return model.to(dtype=self.body_template.dtype, device=self.body_template.device)

    def forward(self, parameters: BodyParameters) -> EhmOutput:
        p = parameters
        head, eyes = self.head(p)
        anchor = (
            self.anchor_template + self.anchor_shape(p.betas) + self.anchor_expression(p.expression)
        )
        moved = head - eyes + anchor
        rest = self.joint_template + self.joint_shape(p.betas) + self.joint_expression(p.expression)
        rest = rest + self.head_regressor @ moved
        body = self.body_template + self.body_shape(p.betas) + self.body_expression(p.expression)
        template = torch.cat((body, moved[:, : self.num_head]), dim=1)
        rotations = full_pose(p.rotations)
        world, joints = self.skeleton(rotations, rest)
        vertices = self.skin(template, rotations, rest, world, joints)
        if self.assets.j14 is not None:
            regressed = self.get_buffer("j14") @ vertices
            joints = torch.cat((joints, regressed), dim=1)
            joints = joints.index_select(1, self.get_buffer("j14_order"))
        joints = torch.cat((joints, self.landmarks(vertices, rotations)), dim=1)
        return EhmOutput(vertices.index_select(1, self.output_index), joints)

    def head(self, parameters: BodyParameters) -> tuple[Tensor, Tensor]:
        """The scaled FLAME head [B, H, 3] in its frame, and the unscaled eyes' centre [B, 1, 3]."""
        p = parameters
        pose = face_pose(p.jaw_pose, p.eye_pose)
        flame = self.flame(pose, p.flame_shape, p.flame_expression)
        lids = p.eyelids @ self.eyelids
        vertices = flame.vertices + lids.unflatten(-1, (-1, 3))
        eyes = flame.joints[:, FLAME_LEFT_EYE : FLAME_RIGHT_EYE + 1].mean(dim=1, keepdim=True)
        scale = p.head_scale[:, None, :]
        if self.scale_about == "eyes":
            return eyes + (vertices - eyes) * scale, eyes
        return vertices * scale, eyes

    def _build_body(self, ids: IndexArray, replaced: NDArray[np.bool_]) -> None:
        smplx = self.assets.smplx
        shapedirs = smplx.shapedirs[..., : layout.NUM_BETAS]
        exprdirs = smplx.exprdirs[..., : layout.NUM_EXPRESSION]
        regressor = smplx.joint_regressor
        stays = ~replaced
        anchor = regressor[[LEFT_EYE, RIGHT_EYE]].astype(np.float64).mean(axis=0, keepdims=True)
        self._float("body_template", smplx.v_template[ids])
        self.body_shape, self.body_expression = Basis(shapedirs[ids]), Basis(exprdirs[ids])
        self._float("anchor_template", folded(anchor, smplx.v_template))
        self.anchor_shape = Basis(folded(anchor, shapedirs))
        self.anchor_expression = Basis(folded(anchor, exprdirs))
        self._float("joint_template", folded(regressor[:, stays], smplx.v_template[stays]))
        self.joint_shape = Basis(folded(regressor[:, stays], shapedirs[stays]))
        self.joint_expression = Basis(folded(regressor[:, stays], exprdirs[stays]))

    def _build_head(
        self, ids: IndexArray, replaced: NDArray[np.bool_], head_of: IndexArray
    ) -> None:
        regressor = self.assets.smplx.joint_regressor
        regressed = np.flatnonzero(np.any(regressor != 0, axis=0) & replaced)
        # Rest joints need replaced vertices that nobody asked for: they follow those that are
        # skinned.
        ids, self.num_head = np.concatenate((ids, np.setdiff1d(regressed, ids))), len(ids)
        flame = self.assets.flame
        file = replace(
            flame,
            shapedirs=flame.shapedirs[..., : layout.NUM_FLAME_SHAPE],
            exprdirs=flame.exprdirs[..., : layout.NUM_FLAME_EXPRESSION],
        )
        self.flame = FlameHead(file, head_of[ids])
        self._float("eyelids", self.assets.eyelids[:, head_of[ids]].reshape(2, -1))
        self._float("head_regressor", regressor[:, ids])

    def _float(self, name: str, array: FloatArray) -> None:
        values = torch.tensor(array, dtype=torch.get_default_dtype())
        self.register_buffer(name, values, persistent=False)

    def _index(self, name: str, array: IndexArray) -> None:
        self.register_buffer(name, torch.tensor(array, dtype=torch.int64), persistent=False)


def _checked(vertex_ids: IndexArray, count: int) -> IndexArray:
    ids = np.asarray(vertex_ids, dtype=np.int64).reshape(-1)
    if ids.size and not 0 <= ids.min() <= ids.max() < count:
        raise ValueError(f"vertex_ids: expected 0..{count - 1}, found {ids.min()}..{ids.max()}")
    return ids


def _require_columns(assets: BodyAssets) -> None:
    """Refuses files with fewer columns than the layout: they would silently drop coefficients."""
    for what, directions, needed in (
        ("SMPL-X shape", assets.smplx.shapedirs, layout.NUM_BETAS),
        ("SMPL-X expression", assets.smplx.exprdirs, layout.NUM_EXPRESSION),
        ("FLAME shape", assets.flame.shapedirs, layout.NUM_FLAME_SHAPE),
        ("FLAME expression", assets.flame.exprdirs, layout.NUM_FLAME_EXPRESSION),
    ):
        if directions.shape[2] < needed:
            raise BodyFileError(
                assets.folder, f"{what} columns", f"at least {needed}", str(directions.shape[2])
            )
