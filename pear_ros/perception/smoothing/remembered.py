"""What the smoother remembers of its tracks: one row of numbers per person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pear_core import layout
from pear_ros.perception.smoothing.adaptive import Array, Motion
from pear_ros.perception.smoothing.running import Running

FACE = ("expression", "flame_expression", "eyelids")
SHAPE = ("betas", "flame_shape", "head_scale", "hand_scale")
TURNS = layout.NUM_ROTATIONS + 3
"""The regressed rotations, then jaw, left eye, right eye."""


def width(names: Sequence[str]) -> int:
    """How many numbers these fields have together."""
    return sum(layout.FIELDS[name].width for name in names)


_SHAPES = (
    (4, TURNS), (3, TURNS), (4, TURNS),
    (3, 1), (3, 1), (3, 1),
    (1, width(FACE)), (1, width(FACE)), (1, width(FACE)),
    (width(SHAPE),), (), (),
)  # fmt: skip
"""Of value, velocity and measurement of pose, place and face, components in rows (see
`adaptive.turned`); of mean, weight and spread of shape."""
_ENDS = np.cumsum([int(np.prod(shape)) for shape in _SHAPES]).tolist()
WIDTH = _ENDS[-1]
MOVING = slice(0, _ENDS[8])
"""Columns of everything that moves; behind them is what stays."""


@dataclass(frozen=True)
class Remembered:
    """Of N tracks: ids, stamps (N,) of their last frame in nanoseconds, rows (N, WIDTH)."""

    ids: tuple[int, ...]
    stamps: NDArray[np.int64]
    rows: Array

    def part(self, i: int) -> Array:
        """Columns of one entry of `_SHAPES`, as a view (N, ...); of motions with components last."""
        start = _ENDS[i - 1] if i else 0
        part = self.rows[:, start : _ENDS[i]].reshape(len(self.rows), *_SHAPES[i])
        return part.swapaxes(1, 2) if part.ndim == 3 else part

    @cached_property
    def pose(self) -> Motion:
        """Quaternions (N, 55, 4)."""
        return Motion(self.part(0), self.part(1), self.part(2))

    @cached_property
    def place(self) -> Motion:
        """Points (N, 1, 3)."""
        return Motion(self.part(3), self.part(4), self.part(5))

    @cached_property
    def face(self) -> Motion:
        """Coefficients (N, F, 1)."""
        return Motion(self.part(6), self.part(7), self.part(8))

    @cached_property
    def shape(self) -> Running:
        return Running(self.part(9), self.part(10), self.part(11))

    def picked(self, index: NDArray[np.integer]) -> Remembered:
        """Some of the tracks."""
        return Remembered(tuple(self.ids[i] for i in index), self.stamps[index], self.rows[index])

    def joined(self, other: Remembered) -> Remembered:
        """The tracks of both."""
        return Remembered(
            self.ids + other.ids,
            np.concatenate([self.stamps, other.stamps]),
            np.concatenate([self.rows, other.rows]),
        )


def remembered(
    ids: tuple[int, ...], stamp: int, pose: Motion, place: Motion, face: Motion, shape: Running
) -> Remembered:
    """All tracks of a frame at its stamp."""
    count = len(ids)
    parts = [
        part.swapaxes(1, 2).reshape(count, -1)
        for motion in (pose, place, face)
        for part in (motion.value, motion.velocity, motion.measured)
    ]
    rows = np.concatenate(
        [*parts, shape.mean, shape.weight[:, None], shape.spread[:, None]], axis=1
    )
    return Remembered(ids, np.full(count, stamp, np.int64), rows)
