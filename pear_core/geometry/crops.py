"""Square person crops: the affine map to the full image, and sampling (PEAR facts, section 2).

Pixel-index convention: the centre of the top left pixel is (0, 0); a square of side L around (cx,
cy) maps to [0, size] in both axes.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from pear_core.layout import CROP_SCALE, CROP_SIZE


def published_square(
    boxes: Tensor, width: int, height: int, scale: float = CROP_SCALE
) -> tuple[Tensor, Tensor]:
    """Crops [..., 3] of detector boxes [..., 4] = x0, y0, x1, y1 as the published script cuts them.

    A box that begins left of or above the picture is moved inward at its full size, not clipped;
    what then lies beyond the last pixel is cut off. Lengths count from the first pixel to the last
    (minus one). The second tensor [...] says where there is a crop: none for an empty box or one
    beside the picture, whose crop is zeros. Source: PEAR facts 2 and 16.4.
    """
    size, last = boxes[..., 2:] - boxes[..., :2], boxes.new_tensor([width - 1, height - 1])
    low = boxes[..., :2].clamp(min=0)
    high = torch.minimum(low + (size - 1).clamp(min=0), last)
    usable = (torch.isfinite(boxes).all(dim=-1)) & ((size > 0) & (high > low)).all(dim=-1)
    side = scale * (high - low).amax(dim=-1, keepdim=True)
    crops = torch.cat(((low + high) / 2, side), dim=-1)
    return torch.where(usable[..., None], crops, 0.0), usable


def image_from_crop(crop: Tensor, size: int = CROP_SIZE) -> Tensor:
    """Affine [..., 2, 3] from crop to image pixels; crop [..., 3] = centre x, centre y, side."""
    cx, cy, side = crop.unbind(dim=-1)
    step, zero = side / size, torch.zeros_like(side)
    rows = (step, zero, cx - side / 2, zero, step, cy - side / 2)
    return torch.stack(rows, dim=-1).unflatten(-1, (2, 3))


def crop_from_image(crop: Tensor, size: int = CROP_SIZE) -> Tensor:
    """Affine [..., 2, 3] from image pixels to crop pixels; the inverse of `image_from_crop`."""
    cx, cy, side = crop.unbind(dim=-1)
    step, zero = size / side, torch.zeros_like(side)
    rows = (step, zero, size / 2 - cx * step, zero, step, size / 2 - cy * step)
    return torch.stack(rows, dim=-1).unflatten(-1, (2, 3))


def transform(points: Tensor, affine: Tensor) -> Tensor:
    """Points [..., N, 2] under affine maps [..., 2, 3]."""
    return points @ affine[..., :2].transpose(-1, -2) + affine[..., None, :, 2]


def sample(image: Tensor, crop: Tensor, size: int = CROP_SIZE) -> Tensor:
    """Crops [B, C, size, size] of images [B, C, H, W]; crop [B, 3]; bilinear, black outside."""
    height, width = image.shape[-2:]
    index = torch.arange(size, dtype=crop.dtype, device=crop.device)
    start, step = crop[:, :2] - crop[:, 2:] / 2, crop[:, 2:] / size
    x = start[:, :1] + step * index
    y = start[:, 1:] + step * index
    across = ((2 * x + 1) / width - 1)[:, None, :].expand(-1, size, -1)
    down = ((2 * y + 1) / height - 1)[:, :, None].expand(-1, -1, size)
    grid = torch.stack((across, down), dim=-1).to(image.dtype)
    return grid_sample(image, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
