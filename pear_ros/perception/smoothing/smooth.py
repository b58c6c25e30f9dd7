"""Causal smoothing of people: poses on SO(3), places, faces; shapes locked per track.

Positions, root orientations and their velocities are filtered in the reference frame where one is
known, so that a moving camera does not smear anybody; all of it works from stamps, so frame rates
may vary. What was regressed stays in `Human.raw_parameters` and `raw_transl`.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from pear_core import layout
from pear_ros import so3
from pear_ros.native import kernels
from pear_ros.perception.frozen import altered, persons
from pear_ros.perception.smoothing import compiled, filters
from pear_ros.perception.smoothing.adaptive import Array
from pear_ros.perception.smoothing.filters import SmoothOptions, Told
from pear_ros.perception.smoothing.remembered import FACE, SHAPE, Remembered
from pear_ros.types import FloatArray, Human, Intrinsics, Parameters, Reference

__all__ = ["SmoothOptions", "Smoother"]

step = filters.step if kernels is None else compiled.step
KEPT = 10.0
"""Seconds for which the shape of somebody who is not seen is kept."""


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
        ids = tuple(human.track_id for human in humans)
        old = self._memory
        now, told = step(old, ids, stamp, humans, reference, together, self.options)
        self._memory = now if old is None else _kept(old, now, stamp)
        return self._with(humans, told, intrinsics)

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

    def _with(
        self, humans: tuple[Human, ...], told: Told, intrinsics: Intrinsics
    ) -> tuple[Human, ...]:
        """The people as the filters tell them."""
        parameters = _parameters(told)
        joints = self._engine.joints(parameters) + told.transl[:, None]
        keypoints = _projected(joints, intrinsics)
        people = persons(parameters)
        return tuple(
            altered(
                human,
                parameters=people[i],
                transl=told.transl[i],
                raw_transl=human.transl,
                joints=joints[i],
                keypoints=keypoints[i],
                velocity=told.velocity[i],
            )
            for i, human in enumerate(humans)
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


def _parameters(told: Told) -> Parameters:
    values: dict[str, FloatArray] = {}
    start = 0
    for name in (*FACE, *SHAPE):
        stop = start + layout.FIELDS[name].width
        values[name] = told.numbers[:, start:stop]
        start = stop
    return Parameters(
        rotations=told.rotations, jaw_pose=told.small[:, :3], eye_pose=told.small[:, 3:], **values
    )


def _projected(joints: FloatArray, k: Intrinsics) -> FloatArray:
    """Joints (N, J, 3) of the optical frame as pixels (N, J, 2)."""
    nearness = 1.0 / np.maximum(joints[..., 2], np.float32(1e-3))
    pixels = np.empty((*joints.shape[:-1], 2), np.float32)
    pixels[..., 0] = joints[..., 0] * nearness * k.fx + k.cx
    pixels[..., 1] = joints[..., 1] * nearness * k.fy + k.cy
    return pixels
