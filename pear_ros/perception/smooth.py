"""Causal smoothing of people: poses on SO(3), places, faces; shapes locked per track.

Positions, root orientations and their velocities are filtered in the reference frame where one is
known, so that a moving camera does not smear anybody; all of it works from stamps, so frame rates
may vary. What was regressed stays in `Human.raw_parameters` and `raw_transl`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Protocol

import numpy as np

from pear_core import anatomy, layout
from pear_ros import so3
from pear_ros.perception import adaptive, running
from pear_ros.perception.adaptive import Array, Motion, Tuning
from pear_ros.perception.frozen import altered, persons
from pear_ros.perception.remembered import (
    FACE,
    MOVING,
    SHAPE,
    TURNS,
    Remembered,
    remembered,
)
from pear_ros.perception.seen import Seen, seen_of
from pear_ros.types import (
    FloatArray,
    Human,
    Intrinsics,
    Parameters,
    Reference,
)

RESTART = 0.4
"""After so many seconds without a frame a person's motion begins anew from what is regressed."""
KEPT = 10.0
"""Seconds for which the shape of somebody who is not seen is kept."""
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


class Jointer(Protocol):
    """The part of an engine that the smoother needs."""

    def joints(self, parameters: Parameters) -> FloatArray:
        """Joints (N, 145, 3) of given parameters, body model's output frame."""
        ...


class Smoother:
    """Filters each track; `options` may be replaced between frames without forgetting anybody."""

    def __init__(self, engine: Jointer, options: SmoothOptions | None = None) -> None:
        self._engine = engine
        self.options = options or SmoothOptions()
        self._memory: Remembered | None = None
        self._reference: Reference | None = None

    def smooth(
        self,
        stamp: int,
        humans: tuple[Human, ...],
        intrinsics: Intrinsics,
        reference: Reference | None,
        together: Parameters | None = None,
    ) -> tuple[Human, ...]:
        """The people of one frame, filtered; stamp in nanoseconds.

        together: the parameters of all of them in one, where they are at hand. Joints are recomputed
        for the filtered pose, key points are their projection.
        """
        if not humans:
            return ()
        self._change_frame(reference)
        seen = seen_of(humans, reference, together)
        ids = tuple(human.track_id for human in humans)
        old = self._memory
        now = _begun(ids, stamp, seen) if old is None else self._continued(old, ids, stamp, seen)
        self._memory = now if old is None else _kept(old, now, stamp)
        return self._told(humans, now, intrinsics, reference)

    def _continued(
        self, old: Remembered, ids: tuple[int, ...], stamp: int, seen: Seen
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
        options = self.options
        found = GUESSED + (1.0 - GUESSED) * seen.found[:, None]
        shown = np.where(seen.shown, found, GUESSED) * _factors(options)
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

    def _change_frame(self, reference: Reference | None) -> None:
        """Takes the memory along where the reference frame comes, goes or is another one."""
        old, self._reference = self._reference, reference
        name = None if old is None else old.frame_id
        if self._memory is None or name == (None if reference is None else reference.frame_id):
            return
        # Into the optical frame as it was, and out of it as it is: the camera stands still between.
        turn, shift = np.eye(3), np.zeros(3)
        if old is not None:
            turn, shift = old.rotation.T, -old.rotation.T @ old.translation
        if reference is not None:
            turn, shift = (
                reference.rotation @ turn,
                reference.rotation @ shift + reference.translation,
            )
        self._memory = _carried(self._memory, turn, shift)

    def _told(
        self,
        humans: tuple[Human, ...],
        now: Remembered,
        intrinsics: Intrinsics,
        reference: Reference | None,
    ) -> tuple[Human, ...]:
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
        parameters = _parameters(pose, so3.logarithm(turns[:, layout.NUM_ROTATIONS :]), now)
        transl, velocity = place.astype(np.float32), velocity.astype(np.float32)
        joints = self._engine.joints(parameters) + transl[:, None]
        keypoints = _projected(joints, intrinsics)
        people = persons(parameters)
        return tuple(
            altered(
                human,
                parameters=people[i],
                transl=transl[i],
                raw_transl=human.transl,
                joints=joints[i],
                keypoints=keypoints[i],
                velocity=velocity[i],
            )
            for i, human in enumerate(humans)
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


def _kept(old: Remembered, now: Remembered, stamp: int) -> Remembered:
    """The tracks of this frame, and those that were not in it but may come back."""
    if old.ids == now.ids:
        return now
    away = [
        i
        for i, track_id in enumerate(old.ids)
        if track_id not in now.ids and 0 <= stamp - old.stamps[i] <= KEPT * 1e9
    ]
    return now.joined(old.picked(np.array(away))) if away else now


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


def _carried(memory: Remembered, turn: Array, shift: Array) -> Remembered:
    """The memory seen from another frame: points times turn plus shift. Velocities of rotations are
    in body axes and stay.
    """
    carried = Remembered(memory.ids, memory.stamps, memory.rows.copy())
    q = so3.quaternion(turn)
    for values in (carried.pose.value, carried.pose.measured):
        values[:, 0] = so3.multiply(q, values[:, 0])
    place = carried.place
    place.value[:] = place.value @ turn.T + shift
    place.measured[:] = place.measured @ turn.T + shift
    place.velocity[:] = place.velocity @ turn.T
    return carried


@lru_cache(maxsize=4)
def _factors(options: SmoothOptions) -> Array:
    """Factor (55,) on the cutoffs of each filtered rotation."""
    factors = np.ones(TURNS)
    for name in ("spine1", "spine2", "spine3", "neck", "head", "left_collar", "right_collar"):
        factors[anatomy.BODY_JOINTS.index(name)] = options.torso
    factors[len(anatomy.BODY_JOINTS) : layout.NUM_ROTATIONS] = options.hands
    factors[layout.NUM_ROTATIONS :] = options.face
    return factors


def _parameters(pose: Array, turns: Array, now: Remembered) -> Parameters:
    """Filtered parameters; pose (N, 9, 52) in the optical frame, turns (N, 3, 3) axis-angles of jaw
    and eyes.
    """
    count = len(pose)
    values: dict[str, FloatArray] = {}
    for names, source in ((FACE, now.face.value[..., 0]), (SHAPE, now.shape.mean)):
        numbers, start = source.astype(np.float32), 0
        for name in names:
            stop = start + layout.FIELDS[name].width
            values[name] = numbers[:, start:stop]
            start = stop
    small = turns.astype(np.float32)
    return Parameters(
        rotations=pose.transpose(0, 2, 1).astype(np.float32, order="C").reshape(count, -1, 3, 3),
        jaw_pose=small[:, 0],
        eye_pose=small[:, 1:].reshape(count, 6),
        **values,
    )


def _projected(joints: FloatArray, k: Intrinsics) -> FloatArray:
    """Joints (N, J, 3) of the optical frame as pixels (N, J, 2)."""
    nearness = 1.0 / np.maximum(joints[..., 2], np.float32(1e-3))
    pixels = np.empty((*joints.shape[:-1], 2), np.float32)
    pixels[..., 0] = joints[..., 0] * nearness * k.fx + k.cx
    pixels[..., 1] = joints[..., 1] * nearness * k.fy + k.cy
    return pixels
