"""What the body model takes: named tensors, to and from the regressor's flat vector."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from pear_core import layout
from pear_core.geometry.rotations import matrix_from_6d, sixd_from_matrix


@dataclass(frozen=True)
class BodyParameters:
    """Parameters of EHM-s for B people; the torch side of `pear_ros.types.Parameters`.

    rotations [B, 52, 3, 3] local, root first (root, 21 body, 15 left hand, 15 right hand); betas
    [B, 200]; expression [B, 50]; hand_scale [B, 3] (predicted, not applied); head_scale [B, 3];
    eye_pose [B, 6] and jaw_pose [B, 3] axis-angle in radians; eyelids [B, 2] (left, right; 0 open,
    1 closed); flame_shape [B, 300]; flame_expression [B, 50].
    """

    rotations: Tensor
    betas: Tensor
    expression: Tensor
    hand_scale: Tensor
    head_scale: Tensor
    eye_pose: Tensor
    jaw_pose: Tensor
    eyelids: Tensor
    flame_shape: Tensor
    flame_expression: Tensor

    def __len__(self) -> int:
        return int(self.rotations.shape[0])

    def __getitem__(self, people: slice | Tensor) -> BodyParameters:
        return self.map(lambda tensor: tensor[people])

    def map(self, function: Callable[[Tensor], Tensor]) -> BodyParameters:
        """The same function applied to every field (a dtype, a device, an index)."""
        return BodyParameters(**{f.name: function(getattr(self, f.name)) for f in fields(self)})


def neutral(
    batch: int, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
) -> BodyParameters:
    """The rest pose: identity rotations, scales 1, everything else 0."""

    def zeros(width: int) -> Tensor:
        return torch.zeros(batch, width, dtype=dtype, device=device)

    eye = torch.eye(3, dtype=dtype, device=device)
    return BodyParameters(
        rotations=eye.repeat(batch, layout.NUM_ROTATIONS, 1, 1),
        betas=zeros(layout.NUM_BETAS),
        expression=zeros(layout.NUM_EXPRESSION),
        hand_scale=zeros(3) + 1,
        head_scale=zeros(3) + 1,
        eye_pose=zeros(6),
        jaw_pose=zeros(3),
        eyelids=zeros(2),
        flame_shape=zeros(layout.NUM_FLAME_SHAPE),
        flame_expression=zeros(layout.NUM_FLAME_EXPRESSION),
    )


def decode(raw: Tensor) -> tuple[BodyParameters, Tensor]:
    """Parameters and camera [B, 3] of the regressor's vectors [B, 935] (`pear_core.layout`)."""

    def part(name: str) -> Tensor:
        return raw[:, layout.FIELDS[name].slice]

    pose = part("pose_6d").unflatten(-1, (layout.NUM_ROTATIONS, 6))
    plain = {f.name: part(f.name) for f in fields(BodyParameters) if f.name != "rotations"}
    return BodyParameters(rotations=matrix_from_6d(pose), **plain), part("camera")


def encode(parameters: BodyParameters, camera: Tensor) -> Tensor:
    """Vectors [B, 935] that `decode` turns back into the same; flame_global is 0."""
    parts = []
    for name in layout.FIELDS:
        if name == "pose_6d":
            parts.append(sixd_from_matrix(parameters.rotations).flatten(1))
        elif name == "flame_global":
            parts.append(torch.zeros_like(parameters.jaw_pose))
        elif name == "camera":
            parts.append(camera)
        else:
            parts.append(getattr(parameters, name))
    return torch.cat(parts, dim=-1)
