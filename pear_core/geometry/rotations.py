"""Rotation matrices, 6D, axis-angle and quaternions into one another; batched, differentiable.

Every function takes any number of leading axes. Angles are radians, quaternions are (w, x, y, z).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

_SMALL_ANGLE_SQUARED = 1e-4
"""Below this the Taylor series used here are exact to float64 rounding."""


def _unit_scale(vector: Tensor) -> Tensor:
    """The vector over its largest component, so that squares neither overflow nor underflow."""
    largest = vector.detach().abs().amax(dim=-1, keepdim=True)
    return vector / torch.where(largest > 0, largest, torch.ones_like(largest))


def matrix_from_6d(sixd: Tensor) -> Tensor:
    """Rotation matrices [..., 3, 3] from 6D [..., 6] = (a1, a2), by Gram-Schmidt.

    b1, b2, b3 = b1 x b2 are the columns (PEAR facts 3.3; not PyTorch3D's rows). Zero or parallel
    a1, a2 give some rotation too (with zero gradient there), so an untrained network never produces
    a singular matrix. Source: Zhou et al., On the Continuity of Rotation Representations, CVPR
    2019.
    """
    a1, a2 = _unit_scale(sixd[..., 0:3]), _unit_scale(sixd[..., 3:6])
    e_x, e_y = torch.eye(3, dtype=sixd.dtype, device=sixd.device)[:2]
    b1 = normalize(torch.where((a1 == 0).all(dim=-1, keepdim=True), e_x, a1), dim=-1)

    def reject(vector: Tensor) -> Tensor:
        return vector - (b1 * vector).sum(dim=-1, keepdim=True) * b1

    rest = reject(a2)
    noise = 8 * torch.finfo(sixd.dtype).eps
    degenerate = (rest * rest).sum(dim=-1, keepdim=True) <= noise * noise
    across = torch.where(b1[..., :1].abs() < 0.5, e_x, e_y)
    rest = torch.where(degenerate, reject(across), rest)
    # The second rejection removes what rounding left along b1 when a2 is nearly parallel to a1.
    b2 = normalize(reject(normalize(rest, dim=-1)), dim=-1)
    return torch.stack((b1, b2, torch.linalg.cross(b1, b2)), dim=-1)


def sixd_from_matrix(matrix: Tensor) -> Tensor:
    """6D [..., 6] of rotation matrices [..., 3, 3]: the first column, then the second."""
    return torch.cat((matrix[..., :, 0], matrix[..., :, 1]), dim=-1)


def matrix_from_axis_angle(axis_angle: Tensor) -> Tensor:
    """Rotation matrices [..., 3, 3] from axis-angle [..., 3]; finite gradients at zero."""
    squared = (axis_angle * axis_angle).sum(dim=-1)
    small = squared < _SMALL_ANGLE_SQUARED
    safe = torch.where(small, torch.ones_like(squared), squared)
    angle = torch.sqrt(safe)
    half_sine = torch.sin(angle / 2)
    sine = torch.where(small, 1 - squared / 6 * (1 - squared / 20), torch.sin(angle) / angle)
    cosine = torch.where(
        small,
        0.5 - squared / 24 * (1 - squared / 30),
        2 * half_sine * half_sine / safe,
    )
    x, y, z = axis_angle.unbind(dim=-1)
    zero = torch.zeros_like(x)
    skew = torch.stack((zero, -z, y, z, zero, -x, -y, x, zero), dim=-1).unflatten(-1, (3, 3))
    eye = torch.eye(3, dtype=axis_angle.dtype, device=axis_angle.device)
    return eye + sine[..., None, None] * skew + cosine[..., None, None] * (skew @ skew)


def quaternion_from_matrix(matrix: Tensor) -> Tensor:
    """Unit quaternions [..., 4] (w, x, y, z), w >= 0, of rotation matrices [..., 3, 3].

    Takes the largest row of 4 q q^T, whose entries are linear in the matrix: no cancellation
    anywhere.
    """
    (r00, r01, r02), (r10, r11, r12), (r20, r21, r22) = (
        row.unbind(dim=-1) for row in matrix.unbind(dim=-2)
    )
    w, x, y, z = 1 + r00 + r11 + r22, 1 + r00 - r11 - r22, 1 - r00 + r11 - r22, 1 - r00 - r11 + r22
    wx, wy, wz = r21 - r12, r02 - r20, r10 - r01
    xy, xz, yz = r10 + r01, r02 + r20, r21 + r12
    outer = torch.stack(
        (w, wx, wy, wz, wx, x, xy, xz, wy, xy, y, yz, wz, xz, yz, z), dim=-1
    ).unflatten(-1, (4, 4))
    best = torch.stack((w, x, y, z), dim=-1).argmax(dim=-1)[..., None, None]
    row = torch.take_along_dim(outer, best, dim=-2).squeeze(-2)
    quaternion = normalize(row, dim=-1)
    return torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)


def matrix_from_quaternion(quaternion: Tensor) -> Tensor:
    """Rotation matrices [..., 3, 3] from quaternions [..., 4] of any non-zero length."""
    w, x, y, z = normalize(quaternion, dim=-1).unbind(dim=-1)
    return torch.stack(
        (
            1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
            2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
            2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
        ),
        dim=-1,
    ).unflatten(-1, (3, 3))  # fmt: skip


def axis_angle_from_matrix(matrix: Tensor) -> Tensor:
    """Axis-angle [..., 3], angle in [0, pi], of matrices [..., 3, 3]; stable near 0 and pi."""
    quaternion = quaternion_from_matrix(matrix)
    w, vector = quaternion[..., :1], quaternion[..., 1:]
    squared = (vector * vector).sum(dim=-1, keepdim=True)
    small = squared < _SMALL_ANGLE_SQUARED
    sine = torch.sqrt(torch.where(small, torch.ones_like(squared), squared))
    ratio = squared / torch.where(small, w * w, torch.ones_like(w))
    near_zero = (1 - ratio / 3 + ratio**2 / 5 - ratio**3 / 7) / torch.where(
        small, w, torch.ones_like(w)
    )
    return 2 * vector * torch.where(small, near_zero, torch.atan2(sine, w) / sine)


def geodesic_angle(first: Tensor, second: Tensor) -> Tensor:
    """Angle [...] in [0, pi] between matrices [..., 3, 3]; zero gradient where they are equal."""
    relative = first.transpose(-1, -2) @ second
    skew = relative - relative.transpose(-1, -2)
    squared = (skew * skew).sum(dim=(-1, -2)) / 8
    sine = torch.where(
        squared > 0, torch.sqrt(torch.where(squared > 0, squared, torch.ones_like(squared))), 0.0
    )
    cosine = (relative.diagonal(dim1=-2, dim2=-1).sum(dim=-1) - 1) / 2
    return torch.atan2(sine, cosine)
