"""Causal smoothing of people: poses on SO(3), places, faces; shapes locked per track.

Positions, root orientations and their velocities are filtered in the reference frame where one is
known, so that a moving camera does not smear anybody; all of it works from stamps, so frame rates
may vary. What was regressed stays in `Human.raw_parameters` and `raw_transl`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pear_core import anatomy, layout
from pear_ros import so3
from pear_ros.perception import adaptive, running
from pear_ros.perception.adaptive import Motion, Tuning
from pear_ros.perception.running import Running
from pear_ros.types import (
    FloatArray,
    Human,
    Intrinsics,
    Parameters,
    Reference,
    TrackState,
)

Array = NDArray[np.float64]

RESTART = 0.4
"""After so many seconds without a frame a person begins anew from what is regressed."""
JUMP_METRES, JUMP_SPEED = 0.5, 8.0
"""A place that moves by more than this plus this speed was lost and found again: no filter drags a
person through the room."""
FIRST = 1 / 30
"""Seconds that a first frame counts for in the shape."""

_SHAPE = ("betas", "flame_shape", "head_scale")
_FACE = ("expression", "flame_expression", "eyelids", "hand_scale")
_ROTATIONS = layout.NUM_ROTATIONS + 3
"""The regressed rotations, then jaw, left eye, right eye."""


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

    @property
    def pose(self) -> Tuning:
        return Tuning(self.cutoff, self.response, self.velocity_cutoff, self.lead)

    @property
    def across(self) -> Tuning:
        """Of a place, across the line of sight: the picture shows it well (Hz per m/s)."""
        return Tuning(4 / 3 * self.cutoff, 5 * self.response, self.velocity_cutoff, self.lead)

    @property
    def along(self) -> Tuning:
        """Of a place, along the line of sight: distance is the noisiest thing there is."""
        return Tuning(0.4 * self.cutoff, self.response, self.velocity_cutoff, self.lead)

    @property
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


@dataclass(frozen=True)
class _State:
    """Of N tracks, in the order of ids: stamps (N,) nanoseconds; pose (N, 55, 4), place (N, 1, 3),
    face (N, F, 1), shape.
    """

    ids: tuple[int, ...]
    stamps: NDArray[np.int64]
    pose: Motion
    place: Motion
    face: Motion
    shape: Running


@dataclass(frozen=True)
class _Seen:
    """What was regressed of N people, in the frame that is filtered in."""

    pose: Array
    place: Array
    face: Array
    shape: Array
    confidence: Array
    ray: Array


class Smoother:
    """Filters each track; `options` may be replaced between frames without forgetting anybody."""

    def __init__(self, engine: Jointer, options: SmoothOptions | None = None) -> None:
        self._engine = engine
        self.options = options or SmoothOptions()
        self._state: _State | None = None
        self._reference: Reference | None = None

    def smooth(
        self,
        stamp: int,
        humans: tuple[Human, ...],
        intrinsics: Intrinsics,
        reference: Reference | None,
    ) -> tuple[Human, ...]:
        """The people of one frame, filtered; stamp in nanoseconds.

        Joints are recomputed for the filtered pose, key points are their projection.
        """
        if not humans:
            return ()
        self._change_frame(reference)
        seen = _seen(humans, reference)
        ids = tuple(human.track_id for human in humans)
        fresh = _begun(ids, stamp, seen)
        state = fresh if self._state is None else self._continued(self._state, fresh, seen, humans)
        self._state = self._kept(state, stamp)
        return self._told(humans, state, intrinsics, reference)

    def _continued(
        self, old: _State, fresh: _State, seen: _Seen, humans: Sequence[Human]
    ) -> _State:
        """Known tracks one step further, the others as they begin."""
        place = {track_id: i for i, track_id in enumerate(old.ids)}
        now = int(fresh.stamps[0])
        rows = [
            place[i] if i in place and 0 < now - old.stamps[place[i]] <= RESTART * 1e9 else -1
            for i in fresh.ids
        ]
        known = np.flatnonzero(np.array(rows) >= 0)
        if not len(known):
            return fresh
        before = _picked(old, np.array(rows)[known])
        seconds = np.asarray((now - before.stamps) * 1e-9, np.float64)
        measured = _Seen(**{f.name: getattr(seen, f.name)[known] for f in fields(_Seen)})
        options = self.options
        found = np.array([humans[int(i)].state != TrackState.PREDICTED for i in known], float)
        after = _State(
            ids=tuple(fresh.ids[i] for i in known),
            stamps=fresh.stamps[known],
            pose=adaptive.turned(
                before.pose, measured.pose, seconds, options.pose, _factors(options)
            ),
            place=_without_jumps(
                before.place,
                adaptive.moved_along(
                    before.place, measured.place, seconds, options.across, options.along,
                    measured.ray,
                ),
                seconds,
            ),
            face=adaptive.moved(before.face, measured.face, seconds, options.expression),
            shape=running.updated(
                before.shape, measured.shape, found * measured.confidence, seconds, options.memory
            ),
        )  # fmt: skip
        return _merged(fresh, known, after)

    def _kept(self, state: _State, stamp: int) -> _State:
        """The state with tracks that were not in this frame but may come back soon."""
        old = self._state
        if old is None:
            return state
        young = [
            i
            for i, track_id in enumerate(old.ids)
            if track_id not in state.ids and 0 <= stamp - old.stamps[i] <= RESTART * 1e9
        ]
        return _joined(state, _picked(old, np.array(young))) if young else state

    def _change_frame(self, reference: Reference | None) -> None:
        """Takes the state along where the reference frame comes, goes or is another one."""
        old, self._reference = self._reference, reference
        name = None if old is None else old.frame_id
        if self._state is None or name == (None if reference is None else reference.frame_id):
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
        self._state = _carried(self._state, turn, shift)

    def _told(
        self,
        humans: tuple[Human, ...],
        state: _State,
        intrinsics: Intrinsics,
        reference: Reference | None,
    ) -> tuple[Human, ...]:
        """The state as people of the optical frame."""
        place, velocity = state.place.value[:, 0], state.place.velocity[:, 0]
        pose = so3.from_quaternion(state.pose.value)
        if reference is not None:
            place = (place - reference.translation) @ reference.rotation
            velocity = velocity @ reference.rotation
            pose[:, 0] = reference.rotation.T @ pose[:, 0]
        parameters = _parameters(pose, state)
        transl = place.astype(np.float32)
        joints = self._engine.joints(parameters) + transl[:, None]
        keypoints = _projected(joints, intrinsics)
        return tuple(
            replace(
                human,
                parameters=parameters.person(i),
                raw_parameters=human.parameters,
                transl=transl[i],
                raw_transl=human.transl,
                joints=joints[i],
                keypoints=keypoints[i],
                velocity=velocity[i].astype(np.float32),
            )
            for i, human in enumerate(humans)
        )


def _seen(humans: Sequence[Human], reference: Reference | None) -> _Seen:
    people = [human.parameters for human in humans]
    parts = {
        f.name: np.concatenate([getattr(p, f.name) for p in people]) for f in fields(Parameters)
    }
    rotations = parts["rotations"].astype(np.float64)
    place = np.stack([human.transl for human in humans]).astype(np.float64)
    origin = np.zeros(3)
    if reference is not None:
        rotations[:, 0] = reference.rotation @ rotations[:, 0]
        place = place @ reference.rotation.T + reference.translation
        origin = reference.translation
    faces = np.concatenate([parts["jaw_pose"], parts["eye_pose"]], axis=1).astype(np.float64)
    turns = so3.exponential(faces.reshape(len(humans), 3, 3))
    ray = place - origin
    length = np.sqrt(np.einsum("ni,ni->n", ray, ray))[:, None]
    return _Seen(
        pose=np.concatenate([so3.quaternion(rotations), turns], axis=1),
        place=place[:, None],
        face=np.concatenate([parts[n] for n in _FACE], axis=1).astype(np.float64)[..., None],
        shape=np.concatenate([parts[n] for n in _SHAPE], axis=1).astype(np.float64),
        confidence=np.array([human.joint_confidence.mean() for human in humans], np.float64),
        ray=(ray / np.maximum(length, 1e-9))[:, None],
    )


def _begun(ids: tuple[int, ...], stamp: int, seen: _Seen) -> _State:
    return _State(
        ids=ids,
        stamps=np.full(len(ids), stamp, np.int64),
        pose=adaptive.at_rest(seen.pose, rotations=True),
        place=adaptive.at_rest(seen.place, rotations=False),
        face=adaptive.at_rest(seen.face, rotations=False),
        shape=running.begun(seen.shape, seen.confidence, FIRST),
    )


def _without_jumps(before: Motion, after: Motion, seconds: Array) -> Motion:
    """Places that jumped begin anew where they were measured."""
    way = np.linalg.norm(after.measured - before.measured, axis=-1)[:, 0]
    jumped = (way > JUMP_METRES + JUMP_SPEED * seconds)[:, None, None]
    return Motion(
        np.where(jumped, after.measured, after.value),
        np.where(jumped, 0.0, after.velocity),
        after.measured,
    )


def _carried(state: _State, turn: Array, shift: Array) -> _State:
    """The state seen from another frame: points times turn plus shift. Velocities of rotations are
    in body axes and stay.
    """
    q = so3.quaternion(turn)

    def root(values: Array) -> Array:
        out = values.copy()
        out[:, 0] = so3.multiply(np.broadcast_to(q, out[:, 0].shape), out[:, 0])
        return out

    pose, place = state.pose, state.place
    return replace(
        state,
        pose=Motion(root(pose.value), pose.velocity, root(pose.measured)),
        place=Motion(
            place.value @ turn.T + shift, place.velocity @ turn.T, place.measured @ turn.T + shift
        ),
    )


def _rows(state: _State) -> list[tuple[str, str]]:
    return [
        (part, f.name)
        for part in ("pose", "place", "face", "shape")
        for f in fields(getattr(state, part))
    ]


def _picked(state: _State, index: NDArray[np.integer]) -> _State:
    """Some tracks of a state."""
    parts = {
        part: replace(
            getattr(state, part),
            **{n: getattr(getattr(state, part), n)[index] for p, n in _rows(state) if p == part},
        )
        for part in ("pose", "place", "face", "shape")
    }
    return _State(tuple(state.ids[i] for i in index), state.stamps[index], **parts)


def _merged(state: _State, index: NDArray[np.integer], other: _State) -> _State:
    """A state whose tracks `index` are those of another one."""
    if len(index) == len(state.ids):
        return other
    for part, name in _rows(state):
        getattr(getattr(state, part), name)[index] = getattr(getattr(other, part), name)
    return state


def _joined(first: _State, second: _State) -> _State:
    """The tracks of both."""
    parts = {
        part: replace(
            getattr(first, part),
            **{
                n: np.concatenate([getattr(getattr(s, part), n) for s in (first, second)])
                for p, n in _rows(first)
                if p == part
            },
        )
        for part in ("pose", "place", "face", "shape")
    }
    stamps = np.concatenate([first.stamps, second.stamps])
    return _State(first.ids + second.ids, stamps, **parts)


def _factors(options: SmoothOptions) -> Array:
    """Factor (55,) on the cutoffs of each filtered rotation."""
    factors = np.ones(_ROTATIONS)
    for name in ("spine1", "spine2", "spine3", "neck", "head", "left_collar", "right_collar"):
        factors[anatomy.BODY_JOINTS.index(name)] = options.torso
    factors[len(anatomy.BODY_JOINTS) : layout.NUM_ROTATIONS] = options.hands
    factors[layout.NUM_ROTATIONS :] = options.face
    return factors


def _parameters(pose: Array, state: _State) -> Parameters:
    """Filtered parameters; pose (N, 55, 3, 3) in the optical frame."""
    count = len(pose)
    values: dict[str, FloatArray] = {}
    for names, source in ((_FACE, state.face.value[..., 0]), (_SHAPE, state.shape.mean)):
        start = 0
        for name in names:
            width = layout.FIELDS[name].width
            values[name] = source[:, start : start + width].astype(np.float32)
            start += width
    turns = so3.logarithm(state.pose.value[:, layout.NUM_ROTATIONS :]).astype(np.float32)
    return Parameters(
        rotations=pose[:, : layout.NUM_ROTATIONS].astype(np.float32),
        jaw_pose=turns[:, 0],
        eye_pose=turns[:, 1:].reshape(count, 6),
        **values,
    )


def _projected(joints: FloatArray, k: Intrinsics) -> FloatArray:
    """Joints (N, J, 3) of the optical frame as pixels (N, J, 2)."""
    depth = np.maximum(joints[..., 2:], 1e-3)
    return (joints[..., :2] / depth * (k.fx, k.fy) + (k.cx, k.cy)).astype(np.float32)
