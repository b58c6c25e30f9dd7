"""One frame of the smoother's filters in one compiled call: what `filters.step` does in numpy."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pear_ros.native import kernels
from pear_ros.perception.smoothing import filters, running
from pear_ros.perception.smoothing.adaptive import Array
from pear_ros.perception.smoothing.filters import SmoothOptions, Told
from pear_ros.perception.smoothing.remembered import FACE, SHAPE, WIDTH, Remembered, width
from pear_ros.perception.smoothing.seen import MOVED
from pear_ros.types import FloatArray, Human, Parameters, Reference, ScaleSource, TrackState

_BEGINS, _GOES_ON, _AGAIN = 0, 1, 2
"""Tracks that nothing is remembered of; that go on; whose motion begins anew, but not their shape."""
_MOVED = MOVED.astype(np.int32)
_OPTICAL = np.array([1.0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0])
_SMALL = ("jaw_pose", "eye_pose")
_NUMBERS = width(FACE) + width(SHAPE)


def step(
    old: Remembered | None,
    ids: tuple[int, ...],
    stamp: int,
    humans: Sequence[Human],
    reference: Reference | None,
    together: Parameters | None,
    options: SmoothOptions,
) -> tuple[Remembered, Told]:
    """As `filters.step`."""
    assert kernels is not None
    count = len(ids)
    before, states, seconds = _before(old, ids, stamp)
    now = np.empty((count, WIDTH))
    told = Told(
        np.empty((count, 52, 3, 3), np.float32), np.empty((count, 9), np.float32),
        np.empty((count, _NUMBERS), np.float32), *np.empty((2, count, 3), np.float32),
    )  # fmt: skip
    places = told.transl.base
    fields = together or _joined(humans)
    frame = _OPTICAL
    if reference is not None:
        frame = np.concatenate([reference.rotation.reshape(9), reference.translation])
    kernels.smooth(
        before, now, states, seconds,
        np.array([human.state is not TrackState.PREDICTED for human in humans], np.float64),
        bytes([human.scale is ScaleSource.DEPTH for human in humans]),
        np.array([human.joint_confidence for human in humans], np.float32),
        _MOVED, filters.factors(options), _rules(options),
        fields.rotations, _of(fields, FACE), _of(fields, SHAPE), _of(fields, _SMALL),
        np.array([human.transl for human in humans], np.float64), frame,
        told.rotations, told.small, told.numbers, places,
    )  # fmt: skip
    return Remembered(ids, np.full(count, stamp, np.int64), now), told


def _before(old: Remembered | None, ids: tuple[int, ...], stamp: int) -> tuple[Array, bytes, Array]:
    """What is remembered of these tracks (N, WIDTH), how each goes on, and after how many seconds."""
    if old is None:
        return np.zeros((len(ids), WIDTH)), bytes(len(ids)), np.zeros(len(ids))
    rows, stamps = old.rows, old.stamps.tolist()
    at: Sequence[int] = range(len(ids))
    if ids != old.ids:
        row = {track_id: i for i, track_id in enumerate(old.ids)}
        at = [row.get(track_id, -1) for track_id in ids]
        rows = old.rows[at]
    states, seconds = bytearray(), []
    for i in at:
        since = (stamp - stamps[i]) * 1e-9
        lasting = i >= 0 and 0.0 <= since <= filters.RESTART
        states.append(_GOES_ON if lasting else _AGAIN if i >= 0 else _BEGINS)
        seconds.append(max(since, filters.TICK) if lasting else filters.FIRST)
    return rows, bytes(states), np.array(seconds)


@lru_cache(maxsize=4)
def _rules(options: SmoothOptions) -> NDArray[np.float64]:
    """Everything that is no measurement, in the order of native/smooth.h."""
    tunings = (options.pose, options.across, options.along, options.expression)
    numbers = [n for t in tunings for n in (t.cutoff, t.response, t.velocity_cutoff, t.lead)]
    numbers += [options.memory, filters.GUESSED, filters.FIRST]
    numbers += [filters.JUMP_METRES, filters.JUMP_SPEED, filters.JUMP_SHARE]
    numbers += [running.OUTLIER, running.LEAST, width(FACE), width(SHAPE)]
    return np.array(numbers, np.float64)


def _of(fields: Parameters, names: Sequence[str]) -> tuple[FloatArray, ...]:
    return tuple([getattr(fields, name) for name in names])


def _joined(humans: Sequence[Human]) -> Parameters:
    people = [human.parameters for human in humans]
    return Parameters(
        **{
            name: np.concatenate([getattr(person, name) for person in people])
            for name in Parameters.__dataclass_fields__
        }
    )
