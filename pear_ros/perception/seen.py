"""What one frame says of its people, as the smoother's filters take it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pear_core import anatomy
from pear_ros import so3
from pear_ros.perception.adaptive import Array
from pear_ros.perception.remembered import FACE, SHAPE, width
from pear_ros.types import Human, Reference, ScaleSource, TrackState


def _moved() -> NDArray[np.int64]:
    """For each filtered rotation a joint that it moves: its first child, or its own at the ends."""
    face = (anatomy.JAW, anatomy.LEFT_EYE, anatomy.RIGHT_EYE)
    turning = [j for j in range(len(anatomy.SMPLX_JOINTS)) if j not in face] + list(face)
    parents = anatomy.SMPLX_PARENTS.tolist()
    return np.array([parents.index(j) if j in parents else j for j in turning])


_MOVED = _moved()
_SMALL = ("jaw_pose", "eye_pose")
_CUTS = (width(FACE), width(FACE) + width(SHAPE))


@dataclass(frozen=True)
class Seen:
    """What was regressed of N people, in the frame that is filtered in.

    pose (N, 55, 4): quaternions of the regressed rotations, of jaw and eyes. place (N, 1, 3): metres.
    face (N, F, 1), shape (N, S): coefficients. confidence (N,): mean over the joints. sight
    (N, 1, 3): from the camera to them, 0 where a depth image says how far they are. distance (N,):
    metres. found (N,): 1, or 0 where PREDICTED. shown (N, 55): whether the picture shows what a
    rotation moves.
    """

    pose: Array
    place: Array
    face: Array
    shape: Array
    confidence: Array
    sight: Array
    distance: Array
    found: Array
    shown: NDArray[np.bool_]


def seen_of(humans: Sequence[Human], reference: Reference | None) -> Seen:
    """N >= 1 people; reference: the frame to filter in, None for the optical one."""
    count, people = len(humans), [human.parameters for human in humans]
    # One call for all people and fields, because its cost is in the number of calls.
    numbers = np.concatenate(
        [getattr(p, name)[0] for p in people for name in (*FACE, *SHAPE, *_SMALL)]
    )
    numbers = numbers.reshape(count, -1).astype(np.float64)
    face, shape, small = np.split(numbers, _CUTS, axis=1)
    rotations = np.array([p.rotations[0] for p in people], np.float64)
    place = np.array([human.transl for human in humans], np.float64)
    origin = np.zeros(3)
    if reference is not None:
        rotations[:, 0] = reference.rotation @ rotations[:, 0]
        place = place @ reference.rotation.T + reference.translation
        origin = reference.translation
    turns = so3.exponential(small.reshape(count, 3, 3))
    confidence = np.array([human.joint_confidence for human in humans])
    sight = place - origin
    distance = np.sqrt(np.einsum("ni,ni->n", sight, sight))
    sight[[human.scale is ScaleSource.DEPTH for human in humans]] = 0.0
    return Seen(
        pose=np.concatenate([so3.quaternion(rotations), turns], axis=1),
        place=place[:, None],
        face=face[..., None],
        shape=shape,
        confidence=confidence.mean(axis=1, dtype=np.float64),
        sight=sight[:, None],
        distance=distance,
        found=np.array([human.state is not TrackState.PREDICTED for human in humans], np.float64),
        shown=confidence[:, _MOVED] > 0,
    )
