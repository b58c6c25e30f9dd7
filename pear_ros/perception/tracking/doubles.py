"""One person seen twice: in two answers of a detector, or in the bodies of two crops."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pear_ros.perception import boxes
from pear_ros.types import Box

Array = NDArray[np.float64]


def nearest(answers: Sequence[Box | None], asked: Array, overlap: float) -> list[Box | None]:
    """Answers for the boxes asked about (N, 4), each person once.

    Where two answers overlap by more than `overlap` (IoU) they are one person, who stays with the
    box that fits better; the other one's answer becomes None.
    """
    found = list(answers)
    known = [i for i, box in enumerate(answers) if box is not None]
    if len(known) < 2:
        return found
    rows = boxes.as_rows([box for box in answers if box is not None])
    same = boxes.iou(rows, rows) > overlap
    own = boxes.iou(asked[known], rows).diagonal()
    for a, i in enumerate(known):
        better = (own > own[a]) | ((own == own[a]) & (np.arange(len(known)) < a))
        if (same[a] & better).any():
            found[i] = None
    return found


def distinct(points: Array, side: Array, order: Sequence[int], same: float) -> dict[int, list[int]]:
    """Bodies (N, J, 2) that show different people, each with all its doubles, itself included.

    Of doubles the first in `order` stays. They lie closer than `same` times the longer side (N,) of
    their box, on the mean over their joints.
    """
    if len(order) < 2:
        return {k: [k] for k in order}
    middle = points.mean(axis=1)
    middle = middle[:, 0] + 1j * middle[:, 1]
    near_by = np.abs(middle[:, None] - middle) < same * side[:, None]
    if np.count_nonzero(near_by) <= np.count_nonzero(near_by.diagonal()):
        # Nobody's middle is near another's, and their joints are further apart on the mean.
        return {k: [k] for k in sorted(order)}
    between = points[:, None] - points[None]
    apart = np.sqrt(np.einsum("ijkd,ijkd->ijk", between, between)).mean(axis=2).tolist()
    kept: dict[int, list[int]] = {}
    for k in order:
        near = min(kept, key=apart[k].__getitem__, default=None)
        if near is not None and apart[k][near] < same * side[k]:
            kept[near].append(k)
        else:
            kept[k] = [k]
    return dict(sorted(kept.items()))
