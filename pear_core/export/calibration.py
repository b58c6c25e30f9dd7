"""Crops that INT8 scales and sensitive modules are chosen on: never those of the parity report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pear_core.layout import CROP_SIZE, STRIP_MARGIN, STRIP_WIDTH

SEED = 9101
"""Of the rendered people; the parity crops were rendered with 9001, trainings with small numbers."""
COUNT = 64
_BATCH = 16


def rendered_squares(body: Path, count: int = COUNT) -> NDArray[np.uint8]:
    """RGB squares [count, 256, 256, 3] of rendered people of a body folder; the same ones each time.

    Takes about a second per ten. Raises what rendering raises, ImportError without the [train]
    extra.
    """
    from pear_core.data.synthetic.studio import Studio

    studio = Studio(body, SEED)
    squares = np.zeros((count, CROP_SIZE, CROP_SIZE, 3), np.uint8)
    for first in range(0, count, _BATCH):
        records = studio.batch(range(first, min(first + _BATCH, count)))
        for number, record in enumerate(records, start=first):
            squares[number, :, STRIP_MARGIN : STRIP_MARGIN + STRIP_WIDTH] = record.image
    return squares


def strips(squares: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What the network graph takes, [N, 3, 256, 192] in [0, 1], of squares [N, 256, 256, 3]."""
    cut = squares[:, :, STRIP_MARGIN : STRIP_MARGIN + STRIP_WIDTH].transpose(0, 3, 1, 2)
    return np.ascontiguousarray(cut, np.float32) / np.float32(255.0)


def batches(strips: NDArray[np.float32], size: int = _BATCH) -> list[NDArray[np.float32]]:
    """Consecutive parts of at most `size` crops."""
    return [strips[i : i + size] for i in range(0, len(strips), size)]
