"""The crop camera and its way back to the full image (PEAR facts, section 4).

The body model's output frame has optical axes (x right, y down, z forward), metres. The crop camera
is (tx, ty, s): s is the fraction of half the crop per metre, focal length layout.FOCAL in
normalised units.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pear_core.layout import FOCAL

_TINY = 1e-9
"""As in the published definition; keeps s = 0 finite."""


def translation_opencv(camera: Tensor) -> Tensor:
    """Translation [..., 3] (-tx, -ty, 24/s) from the body's frame to the crop camera's."""
    depth = FOCAL / (camera[..., 2:] + _TINY)
    return torch.cat((-camera[..., :2], depth), dim=-1)


def project_crop(points: Tensor, camera: Tensor) -> Tensor:
    """Crop positions [B, J, 2] of points [B, J, 3] under camera [B, 3]; [0, 1] is the square.

    u = 0.5 + 12 (X - tx) / (Z + 24/s), v alike.
    """
    moved = points + translation_opencv(camera)[..., None, :]
    return 0.5 + 0.5 * FOCAL * moved[..., :2] / moved[..., 2:]


def crop_to_full(camera: Tensor, crop: Tensor, focal: Tensor, principal_point: Tensor) -> Tensor:
    """Translation [B, 3] in metres from the body's output frame to the full camera's optical frame.

    camera [B, 3]; crop [B, 3] = centre x, centre y, side in pixels; focal [B, 2] or [2] or [1] and
    principal_point [B, 2] or [2] in pixels. Exact at the crop's centre for the body's origin plane,
    and everywhere in the weak-perspective limit. With unequal focal lengths the depth uses their
    mean.
    """
    span = (camera[..., 2:] + _TINY) * crop[..., 2:]
    depth = 2 * focal.mean(dim=-1, keepdim=True) / span
    offset = (crop[..., :2] - principal_point) * depth / focal
    return torch.cat((offset - camera[..., :2], depth), dim=-1)
