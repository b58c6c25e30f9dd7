"""Anchors of a single-shot detector, and what its raw output says about people.

BlazePose's detector (MediaPipe, Apache-2.0) predicts for each anchor a box around the head and four
points: the middle of the hips, a point on the circle around the whole body, the middle of the
shoulders, and a point on the circle around the upper body. All are offsets from the anchor's centre
in pixels of the network's input.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[np.float64]

INPUT = 224
STRIDES = (8, 16, 32, 32, 32)


def anchor_centres(size: int = INPUT, strides: tuple[int, ...] = STRIDES) -> _Array:
    """Centres (A, 2) of the anchors in [0, 1].

    Row by row, two anchors per cell and layer, the layers of one stride together.
    """
    parts: list[_Array] = []
    for stride in dict.fromkeys(strides):
        cells = size // stride
        centres = (np.arange(cells) + 0.5) / cells
        y, x = np.meshgrid(centres, centres, indexing="ij")
        grid = np.stack([x.ravel(), y.ravel()], axis=1)
        parts.append(np.repeat(grid, 2 * strides.count(stride), axis=0))
    return np.concatenate(parts)


@dataclass(frozen=True)
class Candidates:
    """K people somewhere in an image: scores (K,) in [0, 1], hips, top and shoulders (K, 2).

    hips is the centre of the circle around the whole body, top the point of it above the head.
    """

    scores: _Array
    hips: _Array
    top: _Array
    shoulders: _Array

    @property
    def radius(self) -> _Array:
        return np.asarray(np.linalg.norm(self.top - self.hips, axis=1))

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, index: NDArray[np.int64]) -> Candidates:
        return Candidates(
            self.scores[index], self.hips[index], self.top[index], self.shoulders[index]
        )


def decode(
    boxes: NDArray[np.float32], logits: NDArray[np.float32], least: float, centres: _Array
) -> Candidates:
    """Raw output (A, 12) and (A, 1) of one image -> its candidates from a score of `least` on."""
    scores = 1.0 / (1.0 + np.exp(-np.clip(logits[:, 0].astype(np.float64), -80.0, 80.0)))
    found = np.flatnonzero(scores >= least)
    points = boxes[found, 4:].reshape(-1, 4, 2) / INPUT + centres[found, None]
    return Candidates(scores[found], points[:, 0], points[:, 1], points[:, 2])


def concatenate(parts: list[Candidates]) -> Candidates:
    """All of them as one."""
    return Candidates(
        np.concatenate([p.scores for p in parts]),
        np.concatenate([p.hips for p in parts]),
        np.concatenate([p.top for p in parts]),
        np.concatenate([p.shoulders for p in parts]),
    )


def merge(found: Candidates, apart: float, most: int) -> Candidates:
    """The best of each group of candidates that mean the same person, at most `most` of them.

    Two mean the same one if hips and shoulders are both nearer than `apart` times the larger radius
    and the radii differ by less than a factor of two. (Overlap of boxes would merge people who
    stand close together.)
    """
    radius = found.radius
    kept: list[int] = []
    for i in np.argsort(-found.scores, kind="stable").tolist():
        if len(kept) == most:
            break
        other = np.array(kept, dtype=np.int64)
        larger = np.maximum(radius[i], radius[other])
        same = np.linalg.norm(found.hips[i] - found.hips[other], axis=1) < apart * larger
        same &= np.linalg.norm(found.shoulders[i] - found.shoulders[other], axis=1) < apart * larger
        same &= np.minimum(radius[i], radius[other]) > 0.5 * larger
        if not same.any():
            kept.append(i)
    return found.take(np.array(kept, dtype=np.int64))
