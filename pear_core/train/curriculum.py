"""From easy to hard pictures within one run."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def plainer(
    strip: Tensor,
    kind: Tensor,
    progress: float,
    span: tuple[float, float],
    generator: torch.Generator,
) -> Tensor:
    """Strips [B, 3, H, W] whose background fades in over the run.

    Everything that is not the labelled person is blended with one random colour per picture: wholly
    up to progress span[0], not at all from span[1] on, by a random share per picture in between.

    Args:
        kind: [B, H / 4, W / 4] surface kinds, 0 where there is no labelled person.
    """
    begin, end = span
    if progress >= end:
        return strip
    strength = min(1.0, (end - progress) / (end - begin)) if end > begin else 1.0
    batch = len(strip)
    noise = 2 * torch.rand(batch, 1, 1, 1, generator=generator) - 1
    share = (strength + noise * min(strength, 1 - strength)).clamp(0, 1)
    colour = torch.rand(batch, 3, 1, 1, generator=generator)
    background = F.interpolate((kind[:, None] == 0).float(), size=strip.shape[2:], mode="nearest")
    blend = share * background
    return strip * (1 - blend) + colour * blend
