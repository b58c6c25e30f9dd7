"""The three graphs of a bundle as torch modules: network, body, mesh."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pear_core import layout
from pear_core.anatomy import EHM_JOINTS
from pear_core.body.ehm import Ehm
from pear_core.body.parameters import BodyParameters, decode, neutral
from pear_core.geometry.cameras import project_crop
from pear_core.model.regressor import Regressor

MESH_INPUTS = (
    "rotations",
    "betas",
    "expression",
    "head_scale",
    "eye_pose",
    "jaw_pose",
    "eyelids",
    "flame_shape",
    "flame_expression",
)


class Network(nn.Module):
    """crops [N, 3, 256, 192] RGB in [0, 1] -> raw [N, 935]; normalisation is inside."""

    inputs: tuple[str, ...] = ("crops",)
    outputs: tuple[str, ...] = ("raw",)

    def __init__(self, regressor: Regressor) -> None:
        super().__init__()
        self.regressor = regressor

    def forward(self, crops: Tensor) -> Tensor:
        raw: Tensor = self.regressor(crops)
        return raw

    def example(self) -> tuple[Tensor, ...]:
        return (torch.rand(2, 3, layout.CROP_SIZE, layout.STRIP_WIDTH),)


class BodyGraph(nn.Module):
    """raw [N, 935] -> rotations [N, 52, 3, 3], joints [N, 145, 3], keypoints [N, 145, 2], camera.

    keypoints are in [0, 1] of the crop square. EHM-s over the vertices the joints depend on only.
    """

    inputs: tuple[str, ...] = ("raw",)
    outputs: tuple[str, ...] = ("rotations", "joints", "keypoints", "camera")

    def __init__(self, ehm: Ehm) -> None:
        super().__init__()
        self.ehm = ehm.restricted(ehm.vertex_ids[:0])

    def forward(self, raw: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        parameters, camera = decode(raw)
        joints = self.ehm(parameters).joints
        # A copy, since ONNX outputs must not share one tensor with another output or the input.
        return parameters.rotations, joints, project_crop(joints, camera), camera.clone()

    def example(self) -> tuple[Tensor, ...]:
        return (torch.randn(2, layout.WIDTH),)


class MeshGraph(nn.Module):
    """rotations and coefficients (MESH_INPUTS) -> vertices [N, V, 3]."""

    inputs: tuple[str, ...] = MESH_INPUTS
    outputs: tuple[str, ...] = ("vertices",)

    def __init__(self, ehm: Ehm) -> None:
        super().__init__()
        self.ehm = ehm

    def forward(
        self,
        rotations: Tensor,
        betas: Tensor,
        expression: Tensor,
        head_scale: Tensor,
        eye_pose: Tensor,
        jaw_pose: Tensor,
        eyelids: Tensor,
        flame_shape: Tensor,
        flame_expression: Tensor,
    ) -> Tensor:
        vertices: Tensor = self.ehm(
            BodyParameters(
                rotations=rotations,
                betas=betas,
                expression=expression,
                hand_scale=torch.ones_like(head_scale),
                head_scale=head_scale,
                eye_pose=eye_pose,
                jaw_pose=jaw_pose,
                eyelids=eyelids,
                flame_shape=flame_shape,
                flame_expression=flame_expression,
            )
        ).vertices
        return vertices

    def example(self) -> tuple[Tensor, ...]:
        parameters = neutral(2)
        return tuple(getattr(parameters, name) for name in self.inputs)


def output_shapes(vertices: int) -> dict[str, tuple[int, ...]]:
    """Shape per person of every graph input and output, for the manifest."""
    joints = len(EHM_JOINTS)
    shapes: dict[str, tuple[int, ...]] = {name: f.shape for name, f in layout.FIELDS.items()}
    return shapes | {
        "crops": (3, layout.CROP_SIZE, layout.STRIP_WIDTH),
        "raw": (layout.WIDTH,),
        "rotations": (layout.NUM_ROTATIONS, 3, 3),
        "joints": (joints, 3),
        "keypoints": (joints, 2),
        "vertices": (vertices, 3),
    }
