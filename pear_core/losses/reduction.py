"""Weighted means: every loss is a mean over what counts, so weights do not depend on batch
sizes.
"""

from __future__ import annotations

from torch import Tensor


def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Mean of values [B, ...] under weights broadcastable to them; 0 where all weights are 0.

    weights [B], [B, J] or the full shape: missing trailing axes count alike.
    """
    weights = weights.reshape(weights.shape + (1,) * (values.ndim - weights.ndim)).expand_as(values)
    return (values * weights).sum() / weights.sum().clamp(min=1e-6)
