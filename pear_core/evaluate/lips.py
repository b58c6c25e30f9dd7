"""LVE, the lip vertex error of the talking-head literature, on head meshes (PEAR facts 9.3).

The published vertex set and alignment are not known. Here: FLAME's `lips` mask, heads laid onto
each other rigidly first, so that neither the place and turn of the head nor the neck count.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pear_core.evaluate.metrics import MILLIMETRES
from pear_core.geometry.procrustes import similarity


@dataclass(frozen=True)
class LipErrors:
    """Per frame [B]: squared distance of the worst lip vertex in m^2, and that distance in mm."""

    squared_m2: Tensor
    distance_mm: Tensor

    def means(self) -> dict[str, float]:
        """Over the frames: `lve_m2` is LVE; `lve_mm` is the mean distance, not LVE's root."""
        return {
            "lve_m2": float(self.squared_m2.mean()),
            "lve_mm": float(self.distance_mm.mean()),
        }


def lip_errors(predicted: Tensor, target: Tensor, lips: Tensor) -> LipErrors:
    """Lip errors of heads [B, H, 3] in metres as they stand; lips: vertex ids (repeats are
    harmless).
    """
    squared = (predicted[:, lips] - target[:, lips]).square().sum(dim=-1).amax(dim=-1)
    return LipErrors(squared, squared.sqrt() * MILLIMETRES)


def head_aligned(predicted: Tensor, target: Tensor) -> Tensor:
    """Heads [B, H, 3] turned and moved onto their targets: the best rigid fit over all vertices.

    No scale, so that a mouth of the wrong size counts.
    """
    # The best rotation of a similarity fit does not depend on its scale.
    _, rotation, _ = similarity(predicted, target)
    centred = predicted - predicted.mean(dim=-2, keepdim=True)
    return centred @ rotation.transpose(-1, -2) + target.mean(dim=-2, keepdim=True)


def lve(predicted: Tensor, target: Tensor, lips: Tensor) -> LipErrors:
    """LVE: `lip_errors` of heads [B, H, 3] in metres after `head_aligned`."""
    return lip_errors(head_aligned(predicted, target), target, lips)
