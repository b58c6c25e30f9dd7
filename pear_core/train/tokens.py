"""Which patch tokens a training step looks at."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from pear_core.model.vit import GRID, TOKENS


def keep_at(schedule: tuple[tuple[float, float], ...], progress: float) -> float:
    """Share of tokens at a progress in [0, 1] of the run."""
    for until, share in schedule:
        if progress < until:
            return share
    return schedule[-1][1]


def choose_tokens(
    kind: Tensor, share: float, guided: float, generator: torch.Generator
) -> Tensor | None:
    """Token numbers [B, K] to keep, ascending; None for all.

    Tokens that see the person or border on it are preferred with strength `guided`, so that a step
    costs half and loses little; the rest of the places goes to random background.

    Args:
        kind: [B, 64, 48] surface kinds, 0 where there is no labelled person.
    """
    if share >= 1:
        return None
    count = max(1, round(TOKENS * share))
    person = F.adaptive_max_pool2d((kind > 0).float()[:, None], GRID)
    near = F.max_pool2d(person, 3, stride=1, padding=1)
    score = guided * (0.7 * person + 0.3 * near).flatten(1)
    score = score + torch.rand(score.shape, generator=generator)
    return score.topk(count, dim=1).indices.sort(dim=1).values
