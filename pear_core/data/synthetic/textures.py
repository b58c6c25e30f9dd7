"""Procedural patterns: colours as a function of a point, from a random generator.

Every pattern is drawn once as a frozen recipe and then evaluated on any points, so a shirt keeps
its stripes wherever the pixels fall.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
Pattern = Callable[[FloatArray], FloatArray]
"""Points (P, 3) in metres -> RGB (P, 3) in [0, 1]."""


def random_colour(rng: np.random.Generator, muted: float = 0.5) -> FloatArray:
    """RGB (3,): greys, whites and blacks often, saturated colours sometimes."""
    value = rng.beta(1.2, 1.2)
    if rng.random() < muted:
        return np.clip(value + rng.normal(0, 0.05, 3), 0.02, 1).astype(np.float32)
    hue = rng.random()
    saturation = rng.uniform(0.2, 0.95)
    wheel = np.clip(np.abs((hue * 6 + np.array([0.0, 4.0, 2.0])) % 6 - 3) - 1, 0, 1)
    bright = 0.15 + 0.85 * value
    return (bright * (1 - saturation + saturation * wheel)).astype(np.float32)


def waves(
    rng: np.random.Generator, wavelength: float, count: int = 6
) -> Callable[[FloatArray], FloatArray]:
    """Smooth noise (P,) of about unit spread: a sum of random plane waves around a wavelength in
    metres.
    """
    directions = rng.normal(size=(3, count))
    directions /= np.linalg.norm(directions, axis=0)
    k = (2 * np.pi / (wavelength * np.exp(rng.normal(0, 0.4, count))) * directions).astype(
        np.float32
    )
    phase = rng.uniform(0, 2 * np.pi, count).astype(np.float32)
    gain = np.float32(np.sqrt(2 / count))

    def noise(points: FloatArray) -> FloatArray:
        return np.asarray(np.sin(points @ k + phase).sum(axis=1) * gain)

    return noise


def random_pattern(rng: np.random.Generator, plain: float = 0.5) -> Pattern:
    """A cloth: plain with probability `plain`, else stripes, checks, blotches or a small print."""
    base, other = random_colour(rng), random_colour(rng)
    kind = (
        "plain"
        if rng.random() < plain
        else str(rng.choice(["stripes", "checks", "blotch", "dots", "fine"]))
    )
    grain = waves(rng, rng.uniform(0.01, 0.05), 4)
    shade = waves(rng, rng.uniform(0.1, 0.4), 4)
    strength = rng.uniform(0.0, 0.06), rng.uniform(0.0, 0.1)
    pick = _selector(rng, kind)

    def pattern(points: FloatArray) -> FloatArray:
        mix = pick(points)[:, None]
        colour = base * (1 - mix) + other * mix
        gain = 1 + strength[0] * grain(points) + strength[1] * shade(points)
        return np.clip(colour * gain[:, None], 0, 1).astype(np.float32)

    return pattern


def _selector(rng: np.random.Generator, kind: str) -> Callable[[FloatArray], FloatArray]:
    period = float(np.exp(rng.uniform(np.log(0.02), np.log(0.15))))
    duty = rng.uniform(0.25, 0.7)
    axis = np.zeros(3, np.float32)
    axis[int(rng.choice(3, p=[0.25, 0.65, 0.1]))] = 1
    second = np.roll(axis, 1)
    blotch = waves(rng, 3 * period)
    threshold = rng.normal(0, 0.5)

    def stripes(points: FloatArray, along: FloatArray) -> FloatArray:
        return np.asarray(((points @ along / period) % 1 < duty), dtype=np.float32)

    def select(points: FloatArray) -> FloatArray:
        if kind == "stripes":
            return stripes(points, axis)
        if kind == "checks":
            both = stripes(points, axis) + stripes(points, second)
            return np.asarray(both / 2, dtype=np.float32)
        if kind == "blotch":
            return np.asarray(blotch(points) > threshold, dtype=np.float32)
        if kind == "dots":
            cell = (points / period) % 1 - 0.5
            return np.asarray((cell[:, :2] ** 2).sum(axis=1) < 0.06, dtype=np.float32)
        if kind == "fine":
            return np.asarray(np.clip(0.5 + 0.5 * blotch(points * 3), 0, 1), dtype=np.float32)
        return np.zeros(len(points), dtype=np.float32)

    return select
