"""A causal filter with a gain that follows the speed, for rotations and for vectors.

The idea is the one-euro filter's (Casiez et al., CHI 2012): what rests is filtered hard, what moves
fast hardly. Two things differ. The state is first moved on by part of its own velocity, which takes
most of the lag away; and rotations are filtered on SO(3), as increments of the present rotation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pear_ros import so3

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Tuning:
    """cutoff: Hz at rest. response: Hz per unit of speed (rad/s, m/s, 1/s). velocity_cutoff: Hz, of the
    velocity estimate. lead: part of the velocity by which the state is moved on before it is
    corrected, 0 (one-euro) to 1.
    """

    cutoff: float
    response: float
    velocity_cutoff: float
    lead: float


@dataclass(frozen=True)
class Motion:
    """State of N x J filters: value (quaternions (N, J, 4) or vectors (N, J, D)), velocity per second
    (body axes for rotations), measured (the last measurement, as value).
    """

    value: Array
    velocity: Array
    measured: Array


def gain(cutoff: Array | float, seconds: Array) -> Array:
    """Of a first-order low-pass with this cutoff (Hz) over a step, 0 to 1."""
    return np.asarray(-np.expm1(cutoff * (-2 * np.pi * seconds)))


def at_rest(measured: Array, rotations: bool) -> Motion:
    """The state after a first measurement."""
    size = 3 if rotations else measured.shape[-1]
    return Motion(measured, np.zeros((*measured.shape[:-1], size)), measured)


def turned(
    motion: Motion, measured: Array, seconds: Array, tuning: Tuning, factor: Array
) -> Motion:
    """One step of rotations: quaternions (N, J, 4) measured `seconds` (N,) after the last ones.

    factor (J,) or (N, J): on both cutoffs of each joint.
    """
    # Components in rows (N, 4, J): that is what numpy is fast on. The steps are those of so3's
    # `logarithm`, `exponential` and `part_way`, less what is done twice there.
    value, velocity, before, after = (
        part.transpose(0, 2, 1)
        for part in (motion.value, motion.velocity, motion.measured, measured)
    )
    dt, once = seconds[:, None], seconds[:, None, None]
    step = so3.between_rows(before, after)
    axis, cosine = step[:, :3], step[:, 3]
    sine = np.maximum(_length(axis), 1e-9)
    rate = np.arctan2(sine, np.abs(cosine))
    rate *= 2.0 * gain(tuning.velocity_cutoff, dt) / dt
    rate /= np.copysign(sine, cosine)
    ahead = _quaternions(tuning.lead * once * velocity)
    velocity = velocity * (1.0 - gain(tuning.velocity_cutoff, once))
    axis *= rate[:, None]
    velocity += axis
    share = gain(factor * (tuning.cutoff + tuning.response * _length(velocity)), dt)
    found = _part_way(so3.multiply_rows(value, ahead), after, share)
    found /= _length(found)[:, None]
    return Motion(found.transpose(0, 2, 1), velocity.transpose(0, 2, 1), measured)


def _length(vectors: Array) -> Array:
    """(N, J) of (N, D, J)."""
    return np.asarray(np.sqrt(np.add.reduce(vectors * vectors, axis=1)))


def _quaternions(vectors: Array) -> Array:
    """Unit quaternions (N, 4, J) of axis-angle vectors (N, 3, J)."""
    half = np.maximum(0.5 * _length(vectors), 1e-9)
    out = np.empty((len(half), 4, half.shape[1]))
    np.multiply(vectors, (0.5 * np.sin(half) / half)[:, None], out=out[:, :3])
    np.cos(half, out=out[:, 3])
    return out


def _part_way(a: Array, b: Array, share: Array) -> Array:
    """Unit quaternions (N, 4, J) on the shorter way from a to b, share (N, J) of it done (slerp)."""
    away = np.add.reduce(a * b, axis=1)
    near = b * np.copysign(1.0, away)[:, None]
    # The chord knows small angles to the last digit, which the cosine does not.
    half = np.minimum(np.maximum(0.5 * _length(near - a), 5e-10), 1.0)
    angle = 2.0 * np.arcsin(half)
    done = share * angle
    whole = 1.0 / np.sin(angle)
    near *= (np.sin(done) * whole)[:, None]
    near += a * (np.sin(angle - done) * whole)[:, None]
    return near


def moved(
    motion: Motion, measured: Array, seconds: Array, tuning: Tuning, factor: Array | float = 1.0
) -> Motion:
    """One step of vectors (N, J, D), `seconds` (N,) after the last ones; factor as in `turned`, or
    (N, J, D) for one per coordinate.
    """
    dt = seconds[:, None, None]
    velocity = motion.velocity + gain(tuning.velocity_cutoff, dt) * (
        (measured - motion.measured) / dt - motion.velocity
    )
    ahead = motion.value + tuning.lead * dt * motion.velocity
    weight = gain(factor * _cutoff(velocity, tuning), dt)
    return Motion(ahead + weight * (measured - ahead), velocity, measured)


def moved_along(
    motion: Motion, measured: Array, seconds: Array, across: Tuning, along: Tuning, sight: Array,
    factor: Array | float = 1.0,
) -> Motion:  # fmt: skip
    """One step of points (N, 1, 3) that are known better across a direction than along it.

    sight (N, 1, 3): from the camera to the points, in metres, 0 where they are known equally well
    all ways. across, along: tunings for the two parts of the error; the velocity estimate is
    across's. along's response is to the part of the distance that is covered per second, since
    errors along the sight grow with the distance. factor (N, 1, 1): on all cutoffs.
    """
    dt = seconds[:, None, None]
    velocity = motion.velocity + gain(across.velocity_cutoff, dt) * (
        (measured - motion.measured) / dt - motion.velocity
    )
    ahead = motion.value + across.lead * dt * motion.velocity
    error = measured - ahead
    distance = np.maximum(np.sqrt(np.einsum("...i,...i->...", sight, sight))[..., None], 1e-9)
    ray = sight / distance
    deep, fast = _projected(error, ray), _projected(velocity, ray)
    value = (
        ahead
        + gain(factor * _cutoff(velocity - fast, across), dt) * (error - deep)
        + gain(factor * _cutoff(fast / distance, along), dt) * deep
    )
    return Motion(value, velocity, measured)


def _projected(vectors: Array, directions: Array) -> Array:
    return np.einsum("...i,...i->...", vectors, directions)[..., None] * directions


def _cutoff(velocity: Array, tuning: Tuning) -> Array:
    if velocity.shape[-1] == 1:
        speed = np.abs(velocity)
    else:
        speed = np.sqrt(np.einsum("...i,...i->...", velocity, velocity))[..., None]
    return np.asarray(tuning.cutoff + tuning.response * speed)
