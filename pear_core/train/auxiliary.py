"""Auxiliary targets of the patch tokens, for training only: body points and votes for joints."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from pear_core.anatomy import PELVIS
from pear_core.data import surface
from pear_core.data.records import SURFACE_STRIDE
from pear_core.evaluate.metrics import LSP_JOINTS
from pear_core.geometry.procrustes import similarity
from pear_core.layout import CROP_SIZE, STRIP_MARGIN
from pear_core.losses.keypoints import GROUPS
from pear_core.losses.reduction import weighted_mean
from pear_core.model.vit import GRID, PATCH, PATCH_PADDING

VOTED: tuple[int, ...] = (
    *GROUPS["body"][0],
    *GROUPS["left_hand"][0][-5:],
    *GROUPS["right_hand"][0][-5:],
)
"""Joints that tokens vote for: the body's and the ten finger tips."""
CELLS = PATCH // SURFACE_STRIDE
"""A token covers CELLS x CELLS surface cells."""
KINDS, VALUES = 3, 4


def count_votes(votes: Tensor, kept: Tensor | None) -> Tensor:
    """Points [B, P, 3] from votes [B, K, P, 4]: logit, offset in u and v, depth.

    Offsets are from the token's centre, in units of 1/4 crop; the softmax of the logits over the
    tokens weighs the votes.
    """
    rows, columns = GRID
    number = torch.arange(rows * columns, device=votes.device)
    corners = torch.stack([number % columns, number // columns], dim=1) * PATCH
    corners = corners + torch.tensor([STRIP_MARGIN, 0], device=votes.device)
    centres = (corners + (PATCH - 1) / 2 - PATCH_PADDING) / CROP_SIZE
    places = centres[None].expand(len(votes), -1, -1) if kept is None else centres[kept]
    weight = votes[..., 0].softmax(dim=1)[..., None]
    uv = (weight * (places[:, :, None] + votes[..., 1:3] / 4)).sum(dim=1)
    depth = (weight * votes[..., 3:]).sum(dim=1)
    return torch.cat([uv, depth], dim=-1)


def vote_loss(points: Tensor, joints: Tensor, keypoints: Tensor, confidence: Tensor) -> Tensor:
    """Mean L1 of voted points [B, P, 3] in the picture (crop fractions) plus 0.2 in depth."""
    ids = list(VOTED)
    seen = confidence[:, ids]
    flat = weighted_mean((points[..., :2] - keypoints[:, ids]).abs(), seen)
    depth = joints[:, ids, 2] - joints[:, PELVIS, None, 2]
    return flat + 0.2 * weighted_mean((points[..., 2] - depth).abs(), seen)


def aligned_loss(joints: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Mean distance in metres of the 14 LSP joints of [B, 145, 3] after similarity alignment.

    valid: [B, 4]. Joints outside the picture count like all others, as they do in PA-MPJPE. The
    alignment is constant to the gradient: a singular value decomposition has none where two of its
    values meet.
    """
    ids = list(LSP_JOINTS)
    own, other = joints[:, ids], target[:, ids]
    with torch.no_grad():
        scale, rotation, translation = similarity(own, other)
    moved = scale[:, None, None] * (own @ rotation.mT) + translation[:, None]
    return weighted_mean((moved - other).norm(dim=-1), valid[:, :1].expand(-1, len(ids)))


def surface_loss(cells: Tensor, target: Tensor, kept: Tensor | None) -> Tensor:
    """Cross-entropy of the kind plus L1 of template point and depth on body cells.

    cells: [B, K, 16, 7] of the kept tokens. target: [B, 64, 48, 5] bytes.
    """
    batch = target.shape[0]
    tiles = target.reshape(batch, GRID[0], CELLS, GRID[1], CELLS, 5).permute(0, 1, 3, 2, 4, 5)
    tiles = tiles.reshape(batch, GRID[0] * GRID[1], CELLS * CELLS, 5)
    if kept is not None:
        index = kept[:, :, None, None].expand(-1, -1, *tiles.shape[2:])
        tiles = torch.gather(tiles, 1, index)
    kind, values = surface.decode(tiles)
    naming = F.cross_entropy(cells[..., :KINDS].flatten(0, 2), kind.flatten())
    body = (kind == surface.BODY)[..., None].float()
    distance = ((cells[..., KINDS:] - values).abs() * body).sum() / (VALUES * body.sum()).clamp(
        min=1
    )
    return naming + 4 * distance
