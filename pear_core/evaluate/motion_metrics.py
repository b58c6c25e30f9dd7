"""How a recorded person moves: acceleration error against the truth, and jitter without it.

Sequences are [..., T, J, 3] in metres at a constant rate; leading axes are people. Derivatives are
plain differences of neighbouring frames.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pear_core.evaluate.metrics import MILLIMETRES


def acceleration(points: Tensor, fps: float) -> Tensor:
    """Acceleration [..., T - 2, J, 3] in m/s^2 at the inner frames."""
    return torch.diff(_long_enough(points, 3), n=2, dim=-3) * fps**2


def acceleration_error(
    predicted: Tensor, target: Tensor, fps: float, valid: Tensor | None = None
) -> Tensor:
    """Mean length [...] in mm/s^2 of the difference of accelerations.

    valid [..., T]: an inner frame counts only where it and both neighbours are valid; NaN where
    none is. fps = 1 gives mm/frame^2, the unit of most tables (Kanazawa et al., HMMR, CVPR 2019).
    """
    difference = acceleration(predicted, fps) - acceleration(target, fps)
    error = difference.norm(dim=-1).mean(dim=-1) * MILLIMETRES
    if valid is None:
        return error.mean(dim=-1)
    valid = valid.bool()
    inner = valid[..., :-2] & valid[..., 1:-1] & valid[..., 2:]
    return torch.where(inner, error, torch.nan).nanmean(dim=-1)


def jitter(points: Tensor, fps: float) -> Tensor:
    """Mean length [...] in m/s^3 of the jerk, the third derivative.

    Tables that print 10 m/s^3 or 10^2 m/s^3 divide this by 10 or 100 (Yi et al., TransPose, SIGGRAPH
    2021).
    """
    jerk = torch.diff(_long_enough(points, 4), n=3, dim=-3) * fps**3
    return jerk.norm(dim=-1).mean(dim=(-2, -1))


def lag(points: Tensor, target: Tensor, fps: float, reach: int = 8) -> Tensor:
    """Seconds [...] by which points come after target: where their velocities agree best.

    Velocities of all joints, each sequence's mean taken out, are correlated at shifts of up to `reach`
    frames; a parabola through the best three finds the place between frames. Sequences that hardly
    move say nothing.
    """
    first, second = (torch.diff(_long_enough(p, 4 + reach), dim=-3) for p in (points, target))
    first, second = (v - v.mean(dim=-3, keepdim=True) for v in (first, second))
    length = first.shape[-3]
    scores = []
    for shift in range(-reach, reach + 1):
        a = first[..., max(0, shift) : length + min(0, shift), :, :]
        b = second[..., max(0, -shift) : length - max(0, shift), :, :]
        dims = (-3, -2, -1)
        size = (a.square().sum(dim=dims) * b.square().sum(dim=dims)).sqrt()
        scores.append((a * b).sum(dim=dims) / size.clamp_min(1e-12))
    table = torch.stack(scores, dim=-1)
    best = table.argmax(dim=-1).clamp(1, 2 * reach - 1)[..., None]
    low, mid, high = (table.gather(-1, best + k)[..., 0] for k in (-1, 0, 1))
    bend = low - 2 * mid + high
    between = torch.where(bend < 0, (low - high) / (2 * bend), torch.zeros_like(bend))
    return (best[..., 0] - reach + between.clamp(-1, 1)) / fps


def _long_enough(points: Tensor, frames: int) -> Tensor:
    if points.ndim < 3 or points.shape[-3] < frames:
        raise ValueError(
            f"points: expected [..., T >= {frames}, J, 3], found {tuple(points.shape)}"
        )
    return points
