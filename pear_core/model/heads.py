"""The linear heads: one vector -> the flat output vector of `pear_core.layout`.

Source: PEAR facts 3.3. The published heads add constants to pose and camera; here a constant is the
head's bias (the sum is the same), so loading published weights folds theirs in.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pear_core import layout
from pear_core.model.presets import Start

CAMERA_SCALE: dict[Start, float] = {"own": 0.9, "published": 1.5}
"""First value of the camera's s: a 1.7 m person fills about 80 % of the crop at 0.94 (facts 4)."""


class Heads(nn.Module):
    """One vector [B, dim] -> raw [B, 935]: eight linear layers in the order of the layout."""

    def __init__(self, dim: int, start: Start = "own") -> None:
        super().__init__()
        self.start = start
        self.heads = nn.ModuleDict(
            {
                name: nn.Linear(dim, sum(layout.FIELDS[field].width for field in fields))
                for name, fields in layout.HEADS.items()
            }
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Under "own" zero weights: training starts exactly at `initial_raw`; small ones else."""
        raw = initial_raw(self.start)
        with torch.no_grad():
            for name, fields in layout.HEADS.items():
                linear = self.heads[name]
                assert isinstance(linear, nn.Linear) and linear.bias is not None
                if self.start == "own":
                    nn.init.zeros_(linear.weight)
                else:
                    nn.init.xavier_uniform_(linear.weight, gain=0.01)
                linear.bias.copy_(torch.cat([raw[layout.FIELDS[field].slice] for field in fields]))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([head(x) for head in self.heads.values()], dim=1)


def initial_raw(start: Start = "own") -> Tensor:
    """The output vector [935] before any training.

    "own": root 180 degrees about x (the y-up body stands upright in optical axes), all other
    rotations identity, scales 1, shapes and expressions 0, camera (0, 0, 0.9). "published": zeros
    and camera (0, 0, 1.5); the pose constant comes with the checkpoint.
    """
    raw = torch.zeros(layout.WIDTH)
    raw[layout.FIELDS["camera"].slice][2] = CAMERA_SCALE[start]
    if start == "own":
        pose = torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]).repeat(layout.NUM_ROTATIONS, 1)
        pose[0] = torch.tensor([1.0, 0.0, 0.0, 0.0, -1.0, 0.0])
        raw[layout.FIELDS["pose_6d"].slice] = pose.flatten()
        raw[layout.FIELDS["hand_scale"].slice] = 1.0
        raw[layout.FIELDS["head_scale"].slice] = 1.0
    return raw
