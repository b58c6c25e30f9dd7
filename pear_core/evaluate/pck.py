"""PCK: the percentage of correct key points, as a fraction (PEAR facts 9.3, as HMR2 counts it).

Distances are in units of the annotated box's longer side. A fraction per joint over people, then
the mean over joints: joints that are rarely labelled weigh as much as others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

THRESHOLDS = (0.05, 0.1)
MINIMUM_CONFIDENCE = 0.5
"""A point counts where its confidence is strictly greater."""


@dataclass(frozen=True)
class PckCounts:
    """Counts of key points that add up over batches.

    thresholds: A distances in box units; correct [A, J]: counted points nearer than that; counted
    [J].
    """

    thresholds: tuple[float, ...]
    correct: Tensor
    counted: Tensor

    def __add__(self, other: PckCounts) -> PckCounts:
        if self.thresholds != other.thresholds:
            raise ValueError(f"thresholds: expected {self.thresholds}, found {other.thresholds}")
        return PckCounts(
            self.thresholds, self.correct + other.correct, self.counted + other.counted
        )

    def per_joint(self) -> Tensor:
        """Fractions [A, J] in float64; NaN for joints that were never counted."""
        return self.correct.double() / self.counted

    def means(self) -> dict[float, float]:
        """Threshold -> mean fraction over the joints that were counted; NaN where none was."""
        return dict(zip(self.thresholds, self.per_joint().nanmean(dim=1).tolist(), strict=True))


def box_units(points: Tensor, crop_size: Tensor, box_size: Tensor) -> Tensor:
    """Points [B, J, 2] in fractions of the crop in units of the annotated box.

    crop_size, box_size [B]: side of the crop and longer side of the box, both in pixels.
    """
    return points * (crop_size / box_size)[:, None, None]


def count_correct(
    predicted: Tensor,
    target: Tensor,
    confidence: Tensor,
    size: Tensor,
    thresholds: Sequence[float] = THRESHOLDS,
    minimum_confidence: float = MINIMUM_CONFIDENCE,
) -> PckCounts:
    """Counts of one batch: predicted, target [B, J, 2] in any one unit, size [B] of the boxes in
    it.

    confidence [B, J]. A point is correct when its distance over size is less than the threshold.
    """
    error = (predicted - target).norm(dim=-1) / size[:, None]
    counts = confidence > minimum_confidence
    correct = torch.stack([((error < limit) & counts).sum(dim=0) for limit in thresholds])
    return PckCounts(tuple(thresholds), correct, counts.sum(dim=0))


def pck(
    predicted: Tensor, target: Tensor, confidence: Tensor, size: Tensor, threshold: float = 0.05
) -> float:
    """PCK of one batch; arguments of `count_correct`. NaN where nothing counts."""
    return count_correct(predicted, target, confidence, size, (threshold,)).means()[threshold]
