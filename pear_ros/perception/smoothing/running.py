"""What does not change about a person (shape, head scale), estimated better with every frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
OUTLIER = 3.0
"""A frame further off than so many usual distances counts as if it were that far."""
LEAST = 0.1
"""No usual distance is less: equal pictures (a paused video) must not make the next one an outlier.
Coefficients differ between people by about one."""


@dataclass(frozen=True)
class Running:
    """Of N people: mean (N, D); weight (N,) in seconds of full confidence; spread (N,), the usual
    distance of a frame from the mean.
    """

    mean: Array
    weight: Array
    spread: Array


def begun(values: Array, confidence: Array, seconds: float) -> Running:
    """After a first frame (N, D), which counts for `seconds`."""
    count = len(values)
    return Running(values.copy(), confidence * seconds, np.full(count, np.inf))


def updated(
    running: Running, values: Array, confidence: Array, seconds: Array, memory: float
) -> Running:
    """After another frame, `seconds` (N,) later: a mean weighted by confidence (N,) and time, robust
    against single frames that are far off, which forgets what is older than `memory` seconds of full
    confidence.
    """
    error = values - running.mean
    distance = np.sqrt(np.einsum("ni,ni->n", error, error))
    known = np.isfinite(running.spread)
    usual = np.where(known, running.spread, distance)
    trust = np.minimum(1.0, OUTLIER * np.maximum(usual, LEAST) / np.maximum(distance, 1e-12))
    added = confidence * seconds
    weight = np.minimum(running.weight + added, memory)
    share = np.where(weight > 0, added / np.maximum(weight, 1e-12), 0.0)
    mean = running.mean + (share * trust)[:, None] * error
    spread = usual + np.where(known, np.minimum(share, 1.0), 1.0) * (trust * distance - usual)
    return Running(mean, weight, spread)
