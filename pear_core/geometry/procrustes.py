"""Similarity alignment of point sets (Procrustes), batched."""

from __future__ import annotations

import torch
from torch import Tensor


def similarity(source: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Scale [...], rotation [..., 3, 3], translation [..., 3] with target ~ scale * R source + t.

    source, target [..., N, 3]. Least squares; the rotation is proper (never a reflection). A source
    whose points all coincide gets scale 1. Source: Umeyama, PAMI 1991.
    """
    source_mean, target_mean = source.mean(dim=-2, keepdim=True), target.mean(dim=-2, keepdim=True)
    centred = source - source_mean
    u, singular, vt = torch.linalg.svd((target - target_mean).transpose(-1, -2) @ centred)
    sign = torch.ones_like(singular)
    sign[..., 2] = torch.where(torch.linalg.det(u @ vt) < 0, -1.0, 1.0)
    rotation = (u * sign[..., None, :]) @ vt
    spread = (centred * centred).sum(dim=(-1, -2))
    flat = spread <= 0
    ones = torch.ones_like(spread)
    scale = torch.where(flat, ones, (singular * sign).sum(dim=-1) / torch.where(flat, ones, spread))
    moved = scale[..., None] * (rotation @ source_mean.transpose(-1, -2)).squeeze(-1)
    return scale, rotation, target_mean.squeeze(-2) - moved


def align(source: Tensor, target: Tensor) -> Tensor:
    """The source [..., N, 3] moved, turned and scaled onto the target (least squares)."""
    scale, rotation, translation = similarity(source, target)
    turned = source @ rotation.transpose(-1, -2)
    return scale[..., None, None] * turned + translation[..., None, :]
