"""What one frame says of its people, as the smoother's filters take it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pear_core import anatomy
from pear_ros import so3
from pear_ros.perception.smoothing.adaptive import Array
from pear_ros.perception.smoothing.remembered import FACE, SHAPE, width
from pear_ros.types import Human, Parameters, Reference, ScaleSource, TrackState


def _moved() -> NDArray[np.int64]:
    """For each filtered rotation a joint that it moves: its first child, or its own at the ends."""
    face = (anatomy.JAW, anatomy.LEFT_EYE, anatomy.RIGHT_EYE)
    turning = [j for j in range(len(anatomy.SMPLX_JOINTS)) if j not in face] + list(face)
    parents = anatomy.SMPLX_PARENTS.tolist()
    return np.array([parents.index(j) if j in parents else j for j in turning])


MOVED = _moved()
_SMALL = ("jaw_pose", "eye_pose")
_NUMBERS = (*FACE, *SHAPE, *_SMALL)
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


def seen_of(
    humans: Sequence[Human], reference: Reference | None, together: Parameters | None = None
) -> Seen:
    """N >= 1 people; reference: the frame to filter in, None for the optical one. together: the
    parameters of all of them, where they are at hand as they came, all in one.
    """
    count = len(humans)
    if together is None:
        people = [human.parameters for human in humans]
        # One call for all people and fields, because its cost is in the number of calls.
        numbers = np.concatenate([getattr(p, name)[0] for p in people for name in _NUMBERS])
        numbers = numbers.reshape(count, -1).astype(np.float64)
        rotations = np.array([p.rotations[0] for p in people], np.float64)
    else:
        columns = [getattr(together, name) for name in _NUMBERS]
        numbers = np.concatenate(columns, axis=1, dtype=np.float64)
        rotations = together.rotations.astype(np.float64)
    face, shape, small = (
        numbers[:, : _CUTS[0]], numbers[:, _CUTS[0] : _CUTS[1]], numbers[:, _CUTS[1] :]
    )  # fmt: skip
    place = np.array([human.transl for human in humans], np.float64)
    origin = np.zeros(3)
    if reference is not None:
        rotations[:, 0] = reference.rotation @ rotations[:, 0]
        place = place @ reference.rotation.T + reference.translation
        origin = reference.translation
    # Components in rows, as the filters work on them.
    pose = np.empty((count, 4, rotations.shape[1] + 3)).transpose(0, 2, 1)
    pose[:, :-3] = so3.quaternion(rotations)
    pose[:, -3:] = so3.exponential(small.reshape(count, 3, 3))
    confidence = np.array([human.joint_confidence for human in humans])
    sight = place - origin
    distance = np.sqrt(np.einsum("ni,ni->n", sight, sight))
    measured = [i for i, human in enumerate(humans) if human.scale is ScaleSource.DEPTH]
    if measured:
        sight[measured] = 0.0
    return Seen(
        pose=pose,
        place=place[:, None],
        face=face[..., None],
        shape=shape,
        confidence=np.add.reduce(confidence, axis=1, dtype=np.float64) / confidence.shape[1],
        sight=sight[:, None],
        distance=distance,
        found=np.array([human.state is not TrackState.PREDICTED for human in humans], np.float64),
        shown=confidence[:, MOVED] > 0,
    )
