"""Geometry of axis-aligned boxes: overlap, clipping to the picture, non-maximum suppression.

Boxes are rows (x0, y0, x1, y1) in pixels with the centre of the top left pixel at (0, 0), so that a
picture of width W reaches from -0.5 to W - 0.5.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pear_ros.native import kernels
from pear_ros.types import Box

FloatArray = NDArray[np.float64]


def as_rows(boxes: Sequence[Box]) -> FloatArray:
    """Boxes as an array (N, 4)."""
    return np.array([(b.x0, b.y0, b.x1, b.y1) for b in boxes], dtype=np.float64).reshape(-1, 4)


def spans(points: NDArray[np.floating]) -> FloatArray:
    """Boxes (N, 4) around points (N, J, 2), J >= 1."""
    if kernels is not None:
        out = np.empty((len(points), 4))
        kernels.spans(np.ascontiguousarray(points), out)
        return out
    across = points.transpose(0, 2, 1)
    return np.concatenate([across.min(axis=2), across.max(axis=2)], axis=1, dtype=np.float64)


def area(rows: FloatArray) -> FloatArray:
    """Areas (...,) in square pixels; 0 for inverted boxes."""
    sides = np.maximum(rows[..., 2:] - rows[..., :2], 0.0)
    return np.asarray(sides[..., 0] * sides[..., 1])


def intersection(a: FloatArray, b: FloatArray) -> FloatArray:
    """Common area (N, M) of boxes a (N, 4) and b (M, 4)."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    sides = np.maximum(high - low, 0.0)
    return np.asarray(sides[..., 0] * sides[..., 1])


def iou(a: FloatArray, b: FloatArray) -> FloatArray:
    """Intersection over union (N, M); 0 where both boxes are empty."""
    common = intersection(a, b)
    union = area(a)[:, None] + area(b)[None, :] - common
    return np.asarray(common / np.maximum(union, 1e-12))


def overlap(a: Box, b: Box) -> float:
    """Intersection over union of two boxes: `iou` for a single pair, without arrays."""
    width = min(a.x1, b.x1) - max(a.x0, b.x0)
    height = min(a.y1, b.y1) - max(a.y0, b.y0)
    common = max(width, 0.0) * max(height, 0.0)
    areas = (max(c.x1 - c.x0, 0.0) * max(c.y1 - c.y0, 0.0) for c in (a, b))
    return common / max(sum(areas) - common, 1e-12)


def clip(box: Box, width: int, height: int) -> Box:
    """The part of a box that lies on a width x height picture; empty (x1 <= x0) if none does."""
    return Box(
        x0=max(box.x0, -0.5),
        y0=max(box.y0, -0.5),
        x1=min(box.x1, width - 0.5),
        y1=min(box.y1, height - 0.5),
        score=box.score,
    )


def suppress(rows: FloatArray, scores: FloatArray, overlap: float) -> NDArray[np.int64]:
    """Non-maximum suppression: indices of the boxes kept, best score first.

    A box is dropped if a better one overlaps it by more than `overlap` (intersection over union).
    Equal scores keep their order, so the result depends on nothing but the input.
    """
    order = np.argsort(-scores, kind="stable")
    overlaps = iou(rows[order], rows[order])
    alive = np.ones(len(order), dtype=bool)
    kept: list[int] = []
    for i in range(len(order)):
        if alive[i]:
            kept.append(int(order[i]))
            alive[i + 1 :] &= overlaps[i, i + 1 :] <= overlap
    return np.array(kept, dtype=np.int64)
