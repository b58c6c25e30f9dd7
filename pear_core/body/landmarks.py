"""Joints that lie on the surface: 51 static and 17 contour face landmarks, 22 surface joints.

Each is a weighted triangle of vertices. The contour slides over the head with its yaw: a table
holds one row of 17 triangles per degree (row y for 0 <= y <= 39, row 39 + |y| for -39 <= y < 0).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from pear_core.body.files import BodyAssets
from pear_core.body.lbs import IndexArray

NECK_CHAIN = (3, 6, 9, 12, 15)
"""Joints between the pelvis and the head, without the root: the yaw is relative to the body."""
MAX_YAW = 39.0


def head_yaw(rotations: Tensor) -> Tensor:
    """Yaw [B] in degrees of the head relative to the pelvis, in the sign of the contour table.

    rotations: local [B, >= 16, 3, 3]. Positive when the head turns to its own right (about -y), the
    sign of the `smplx` package's SMPL-X look-up; the angle about y of the Euler order z, y, x.
    Unlike there the root is left out, so that turning the whole body (usually by 180 degrees about
    x) changes nothing.
    """
    relative = rotations[:, NECK_CHAIN[0]]
    for joint in NECK_CHAIN[1:]:
        relative = relative @ rotations[:, joint]
    level = torch.sqrt(relative[:, 0, 0] ** 2 + relative[:, 1, 0] ** 2)
    return torch.rad2deg(torch.atan2(relative[:, 2, 0], level))


def contour_row(yaw: Tensor) -> Tensor:
    """Row [B] of the contour table for a yaw [B] in degrees, clamped to +-39 and rounded."""
    degrees = torch.round(yaw.detach().clamp(-MAX_YAW, MAX_YAW)).long()
    return torch.where(degrees < 0, 39 - degrees, degrees)


class Landmarks(nn.Module):
    """The 90 surface points of EHM-s in the order of anatomy.EHM_JOINTS[55:]."""

    static_triangles: Tensor
    static_bary: Tensor
    contour_triangles: Tensor
    contour_bary: Tensor
    surface_triangles: Tensor
    surface_bary: Tensor

    def __init__(self, assets: BodyAssets, position: IndexArray) -> None:
        """position [V]: where each vertex of the model lies among those given to `forward`."""
        super().__init__()
        faces = assets.smplx.faces
        for name, triangles, bary in (
            ("static", faces[assets.smplx.static_faces], assets.smplx.static_bary),
            ("contour", faces[assets.smplx.contour_faces], assets.smplx.contour_bary),
            ("surface", assets.surface_triangles, assets.surface_bary),
        ):
            where = torch.from_numpy(position[triangles])
            self.register_buffer(f"{name}_triangles", where, persistent=False)
            weights = torch.tensor(bary, dtype=torch.get_default_dtype())
            self.register_buffer(f"{name}_bary", weights, persistent=False)

    def forward(self, vertices: Tensor, rotations: Tensor) -> Tensor:
        """Points [B, 90, 3] on vertices [B, V', 3] posed by these local rotations."""
        row = contour_row(head_yaw(rotations))
        triangles = self.contour_triangles.index_select(0, row).flatten(1)
        corners = torch.gather(vertices, 1, triangles[..., None].expand(-1, -1, 3))
        bary = self.contour_bary.index_select(0, row)
        contour = (corners.unflatten(1, (-1, 3)) * bary[..., None]).sum(dim=2)
        static = _weighted(vertices, self.static_triangles, self.static_bary)
        surface = _weighted(vertices, self.surface_triangles, self.surface_bary)
        return torch.cat((static, contour, surface), dim=1)


def landmark_vertices(assets: BodyAssets) -> IndexArray:
    """All vertices that any landmark can touch, ascending."""
    faces, smplx = assets.smplx.faces, assets.smplx
    touched = (faces[smplx.static_faces], faces[smplx.contour_faces], assets.surface_triangles)
    return np.unique(np.concatenate([triangles.ravel() for triangles in touched]))


def _weighted(vertices: Tensor, triangles: Tensor, bary: Tensor) -> Tensor:
    corners = vertices.index_select(1, triangles.flatten()).unflatten(1, (-1, 3))
    return (corners * bary[..., None]).sum(dim=2)
