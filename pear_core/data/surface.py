"""Which point of the body each cell of the picture sees: a dense training target in five bytes.

Bytes: kind (0 other, 1 worn things, 2 body), then template x, y, z and depth relative to the
pelvis, each scaled from its range to 0..255.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

OTHER, WORN, BODY = 0, 1, 2
LOW = np.array([-1.0, -1.15, -0.3, -1.3], dtype=np.float32)
HIGH = np.array([1.0, 0.85, 0.3, 1.3], dtype=np.float32)
"""Metres: template x, y, z (pelvis at 0), depth behind the pelvis."""


def encode(
    kind: NDArray[np.uint8], points: NDArray[np.float32], depth: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """(H, W, 5) bytes from kind (H, W), template points (H, W, 3) and relative depth (H, W) in
    metres.
    """
    values = np.concatenate([points, depth[..., None]], axis=-1)
    scaled = np.clip((values - LOW) / (HIGH - LOW), 0, 1) * 255 + 0.5
    out = np.concatenate([kind[..., None], scaled.astype(np.uint8)], axis=-1)
    out[kind != BODY, 1:] = 0
    return np.asarray(out)


def decode(surface: Tensor) -> tuple[Tensor, Tensor]:
    """Kind (...,) and values (..., 4) in [-1, 1] over their ranges from bytes (..., 5)."""
    return surface[..., 0].long(), surface[..., 1:].float() * (2 / 255) - 1
