"""One frame of the smoother's filters, and how strongly they filter. In numpy; `compiled` does the same
in one call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from pear_core import anatomy, layout
from pear_ros import so3
from pear_ros.perception.smoothing import adaptive, running
from pear_ros.perception.smoothing.adaptive import Array, Motion, Tuning
from pear_ros.perception.smoothing.remembered import MOVING, TURNS, Remembered, remembered
from pear_ros.perception.smoothing.seen import Seen, seen_of
from pear_ros.types import FloatArray, Human, Parameters, Reference

RESTART = 0.4
"""After so many seconds without a frame a person's motion begins anew from what is regressed."""
JUMP_METRES, JUMP_SPEED, JUMP_SHARE = 0.5, 8.0, 0.1
"""A place that moves by more than this plus this speed plus this share of its distance was lost and
found again: no filter drags a person through the room."""
TICK = 1e-3
"""Least seconds between frames: two pictures of one stamp hardly move anybody."""
FIRST = 1 / 30
"""Seconds that a first frame counts for in the shape."""
GUESSED = 0.5
"""Factor on the cutoffs of what the picture does not show: everything about a person who was not
found in it (PREDICTED), and joints outside it, which tremble most and whose lag nobody sees."""


@dataclass(frozen=True)
class SmoothOptions:
    """How strongly people are filtered; the defaults are measured in docs/smoothing.md.

    cutoff: Hz, of a joint that rests; lower is calmer and later. response: Hz that the cutoff grows
    by per rad/s. velocity_cutoff: Hz, of the velocity estimate. lead: part of the velocity that is
    believed ahead of the measurement, 0 to 1; takes the lag away. torso, hands, face: factors on both
    cutoffs of these parts; limbs and root have 1. memory: seconds after which an old shape is
    forgotten.
    """

    cutoff: float = 1.5
    response: float = 0.6
    velocity_cutoff: float = 2.0
    lead: float = 0.6
    torso: float = 0.8
    hands: float = 0.8
    face: float = 3.0
    memory: float = 10.0

    @cached_property
    def pose(self) -> Tuning:
        return Tuning(self.cutoff, self.response, self.velocity_cutoff, self.lead)

    @cached_property
    def across(self) -> Tuning:
        """Of a place, across the line of sight: the picture shows it well (Hz per m/s)."""
        return Tuning(4 / 3 * self.cutoff, 5 * self.response, self.velocity_cutoff, self.lead)

    @cached_property
    def along(self) -> Tuning:
        """Of a place, along the line of sight: distance is the noisiest thing there is. Its speed
        counts in distances per second.
        """
        return Tuning(0.4 * self.cutoff, 3 * self.response, self.velocity_cutoff, self.lead)

    @cached_property
    def expression(self) -> Tuning:
        """Of coefficients without a unit, which change by about one in a tenth of a second."""
        return Tuning(
            self.face * self.cutoff, self.face * self.response, self.velocity_cutoff, self.lead
        )


@dataclass(frozen=True)
class Told:
    """N people as the filters tell them, in the optical frame: rotations (N, 52, 3, 3); small (N, 9),
    the axis-angles of jaw and eyes; numbers (N, F + S), coefficients of face and shape; transl (N, 3)
    in metres, velocity (N, 3) per second.
    """

    rotations: FloatArray
    small: FloatArray
    numbers: FloatArray
    transl: FloatArray
    velocity: FloatArray


def step(
    old: Remembered | None,
    ids: tuple[int, ...],
    stamp: int,
    humans: Sequence[Human],
    reference: Reference | None,
    together: Parameters | None,
    options: SmoothOptions,
) -> tuple[Remembered, Told]:
    """The people of one frame, at least one, filtered: what to remember of them, and what to tell.

    old: as remembered of the frame before, in the frame of `reference`. stamp: nanoseconds. together:
    the parameters of all of them in one, where they are at hand.
    """
    seen = seen_of(humans, reference, together)
    now = _begun(ids, stamp, seen) if old is None else _continued(old, ids, stamp, seen, options)
    return now, _told(now, reference)


def _continued(
    old: Remembered, ids: tuple[int, ...], stamp: int, seen: Seen, options: SmoothOptions
) -> Remembered:
    """Known tracks one step further, the others as they begin."""
    if ids == old.ids:
        before, known = old, np.ones(len(ids), bool)
    else:
        before, known = _begun(ids, stamp, seen), np.zeros(len(ids), bool)
        row = {track_id: i for i, track_id in enumerate(old.ids)}
        for i, track_id in enumerate(ids):
            if track_id in row:
                known[i] = True
                before.rows[i], before.stamps[i] = (
                    old.rows[row[track_id]],
                    old.stamps[row[track_id]],
                )
    since = (stamp - before.stamps) * 1e-9
    lasting = known & (since >= 0.0) & (since <= RESTART)
    seconds = np.where(lasting, np.maximum(since, TICK), FIRST)
    found = GUESSED + (1.0 - GUESSED) * seen.found[:, None]
    shown = np.where(seen.shown, found, GUESSED) * factors(options)
    place = adaptive.moved_along(
        before.place, seen.place, seconds, options.across, options.along, seen.sight,
        found[..., None],
    )  # fmt: skip
    after = remembered(
        ids, stamp,
        adaptive.turned(before.pose, seen.pose, seconds, options.pose, shown),
        _without_jumps(before.place, place, seconds, seen.distance),
        adaptive.moved(before.face, seen.face, seconds, options.expression),
        running.updated(
            before.shape, seen.shape, seen.found * seen.confidence, seconds, options.memory
        ),
    )  # fmt: skip
    if not lasting.all():
        fresh = _begun(ids, stamp, seen)
        after.rows[~lasting, MOVING] = fresh.rows[~lasting, MOVING]
        after.rows[~known] = fresh.rows[~known]
    return after


def _told(now: Remembered, reference: Reference | None) -> Told:
    """The filtered people in the optical frame."""
    motion = now.place
    place, velocity = motion.value[:, 0], motion.velocity[:, 0]
    turns = now.pose.value
    rows = turns.transpose(0, 2, 1)
    pose = so3.matrix_rows(rows[:, :, : layout.NUM_ROTATIONS])
    if reference is not None:
        place = (place - reference.translation) @ reference.rotation
        velocity = velocity @ reference.rotation
        root = pose[:, :, 0].reshape(-1, 3, 3)
        pose[:, :, 0] = (reference.rotation.T @ root).reshape(-1, 9)
    rotations = pose.transpose(0, 2, 1).astype(np.float32, order="C")
    small = so3.logarithm(turns[:, layout.NUM_ROTATIONS :])
    return Told(
        rotations=rotations.reshape(len(pose), -1, 3, 3),
        small=small.astype(np.float32).reshape(len(pose), -1),
        numbers=np.concatenate([now.face.value[..., 0], now.shape.mean], axis=1, dtype=np.float32),
        transl=place.astype(np.float32),
        velocity=velocity.astype(np.float32),
    )


def _begun(ids: tuple[int, ...], stamp: int, seen: Seen) -> Remembered:
    return remembered(
        ids,
        stamp,
        adaptive.at_rest(seen.pose, rotations=True),
        adaptive.at_rest(seen.place, rotations=False),
        adaptive.at_rest(seen.face, rotations=False),
        running.begun(seen.shape, seen.confidence, FIRST),
    )


def _without_jumps(before: Motion, after: Motion, seconds: Array, distance: Array) -> Motion:
    """Places that jumped begin anew where they were measured."""
    step = after.measured - before.measured
    if np.abs(step).max(initial=0.0) < 0.5 * JUMP_METRES:
        return after
    way = np.sqrt(np.einsum("nij,nij->n", step, step))
    jumped = way > JUMP_METRES + JUMP_SPEED * seconds + JUMP_SHARE * distance
    if not jumped.any():
        return after
    there = jumped[:, None, None]
    return Motion(
        np.where(there, after.measured, after.value),
        np.where(there, 0.0, after.velocity),
        after.measured,
    )


@lru_cache(maxsize=4)
def factors(options: SmoothOptions) -> Array:
    """Factor (55,) on the cutoffs of each filtered rotation."""
    factors = np.ones(TURNS)
    for name in ("spine1", "spine2", "spine3", "neck", "head", "left_collar", "right_collar"):
        factors[anatomy.BODY_JOINTS.index(name)] = options.torso
    factors[len(anatomy.BODY_JOINTS) : layout.NUM_ROTATIONS] = options.hands
    factors[layout.NUM_ROTATIONS :] = options.face
    return factors
