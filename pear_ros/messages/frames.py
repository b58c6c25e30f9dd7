"""Axes of people in the camera's optical frame: body, face, gaze and joints, as REP-155 has them.

The body model's own axes are x to the left, y up, z forward; REP-155's are x forward, y left, z up.
All rotations here take points of the named frame to the optical frame, all origins are in metres
there. N is the number of people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pear_core import anatomy
from pear_ros.native import kernels
from pear_ros.so3 import matrices, quaternion
from pear_ros.types import FloatArray, Human, TrackState

Array = NDArray[np.float64]

_FROM_REP = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
"""REP-155's axes (columns x forward, y left, z up) in those of the body model."""
SELLION = anatomy.EHM_JOINTS.index("face_27")
_HIPS = (anatomy.SMPLX_JOINTS.index("left_hip"), anatomy.SMPLX_JOINTS.index("right_hip"))
_HEAD_CHAIN = tuple(
    anatomy.SMPLX_JOINTS.index(name) for name in ("spine1", "spine2", "spine3", "neck", "head")
)
_BODY = len(anatomy.BODY_JOINTS)
_LEVELS = anatomy.tree_levels(anatomy.SMPLX_PARENTS)


@dataclass(frozen=True)
class Poses:
    """rotation (N, 3, 3) and origin (N, 3) of one kind of frame, for N people."""

    rotation: Array
    origin: Array


def body(humans: Sequence[Human]) -> Poses:
    """body_<id>: origin between the hips, x out of the belly, z towards the head."""
    root = np.concatenate([h.parameters.rotations[:, 0] for h in humans]).astype(np.float64)
    joints = _joints(humans, _HIPS)
    return Poses(root @ _FROM_REP, joints.mean(axis=1))


def face(humans: Sequence[Human], heads: Array | None = None) -> Poses:
    """face_<id>: origin at the sellion, x out of the face, z towards the scalp.

    heads: what head_rotations gave, where it was needed before.
    """
    heads = head_rotations(humans) if heads is None else heads
    return Poses(heads @ _FROM_REP, _joints(humans, (SELLION,))[:, 0])


@dataclass(frozen=True)
class Axes:
    """Of N people: values (N, 3, 7), place and quaternion (x y z, qx qy qz qw) of the frames of body,
    face and gaze; seen (N,), whose faces are visible."""

    values: Array
    seen: NDArray[np.bool_]


def axes(humans: Sequence[Human]) -> Axes:
    """What every message about frames begins with; at least one person."""
    values, towards = named(humans)
    shown = [h.joint_confidence[SELLION] > 0 and h.state != TrackState.PREDICTED for h in humans]
    return Axes(values, towards & np.array(shown))


def _poses(humans: Sequence[Human]) -> tuple[Array, NDArray[np.bool_]]:
    heads = head_rotations(humans)
    bodies, faces = body(humans), face(humans, heads)
    values = np.empty((len(humans), 3, 7))
    for i, part in enumerate((bodies, faces, gaze(humans, heads))):
        values[:, i, :3], values[:, i, 3:] = part.origin, quaternion(part.rotation)
    return values, _towards(faces)


def _poses_compiled(humans: Sequence[Human]) -> tuple[Array, NDArray[np.bool_]]:
    """As `_poses`, in one call."""
    assert kernels is not None
    values, towards = np.empty((len(humans), 3, 7)), np.empty(len(humans), np.bool_)
    kernels.axes(
        tuple([h.parameters.rotations for h in humans]), tuple([h.joints for h in humans]),
        tuple([h.parameters.eye_pose for h in humans]), _WHICH, values, towards,
    )  # fmt: skip
    return values, towards


_WHICH = np.array([*_HEAD_CHAIN, *_HIPS, SELLION], np.int32)
named = _poses if kernels is None else _poses_compiled


def gaze(humans: Sequence[Human], heads: Array | None = None) -> Poses:
    """gaze_<id>: origin at the sellion, z along the gaze, x to the person's right, y down.

    The gaze is the mean direction of both eyes: the head's rotation after each FLAME eye's.
    """
    heads = head_rotations(humans) if heads is None else heads
    z = eye_directions(humans, heads).sum(axis=1)
    z /= np.maximum(_length(z), 1e-9)
    x = _cross(-heads[:, :, 1], z)
    length = _length(x)
    x /= np.maximum(length, 1e-6)
    if length.min(initial=1.0) <= 1e-6:
        # Eyes rolled straight up or down: the head's own right is still right.
        x = np.where(length > 1e-6, x, -heads[:, :, 0])
    rotation = np.empty((len(humans), 3, 3))
    rotation[:, :, 0], rotation[:, :, 1], rotation[:, :, 2] = x, _cross(z, x), z
    return Poses(rotation, _joints(humans, (SELLION,))[:, 0])


def eye_directions(humans: Sequence[Human], heads: Array | None = None) -> Array:
    """Unit vectors (N, 2, 3) along which the left and the right eye look, optical frame."""
    heads = head_rotations(humans) if heads is None else heads
    # An eye at rest looks along the body model's z: this is the last column of Rodrigues' formula.
    v = _eyes(humans).astype(np.float64)
    x, y, z = v[..., 0], v[..., 1], v[..., 2]
    across = x * x + y * y
    angle = np.maximum(np.sqrt(across + z * z), 1e-9)
    once, half = np.sin(angle) / angle, np.sin(0.5 * angle) / angle
    twice = 2.0 * half * half
    local = np.empty_like(v)
    local[..., 0] = once * y + twice * x * z
    local[..., 1] = twice * y * z - once * x
    local[..., 2] = 1.0 - twice * across
    out: Array = local @ heads.transpose(0, 2, 1)
    return out


def head_rotations(humans: Sequence[Human]) -> Array:
    """Rotations (N, 3, 3) of the head joint: the body model's axes to the optical frame."""
    local = np.concatenate([h.parameters.rotations[:, : _HEAD_CHAIN[-1] + 1] for h in humans])
    local = local.astype(np.float64)
    out: Array = local[:, 0]
    for joint in _HEAD_CHAIN:
        out = out @ local[:, joint]
    return out


def visible_faces(humans: Sequence[Human], faces: Poses | None = None) -> NDArray[np.bool_]:
    """(N,): whose sellion lies in the picture, faces the camera, and was seen and not predicted."""
    if not humans:
        return np.zeros(0, bool)
    faces = face(humans) if faces is None else faces
    seen = [h.joint_confidence[SELLION] > 0 and h.state != TrackState.PREDICTED for h in humans]
    return np.asarray(_towards(faces) & np.array(seen))


def _towards(faces: Poses) -> NDArray[np.bool_]:
    return np.asarray((faces.rotation[:, :, 0] * -faces.origin).sum(axis=1) > 0)


JOINT_LINKS: tuple[str, ...] = tuple(
    {
        "spine1": "waist", "spine3": "torso",
        **{f"{side}_{part}": f"{side[0]}_{part}" for side in ("left", "right")
           for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")},
    }.get(name, name)
    for name in anatomy.SMPLX_JOINTS
)  # fmt: skip
"""Link of each of the 55 kinematic joints: REP-155's name where it has one, else SMPL-X's."""


def _rest() -> Array:
    """(55, 3, 3): turns each link's frame so that all are parallel where the arms hang down.

    The body model's rest pose is the T-pose; REP-155's human stands with hanging arms.
    """
    out = np.broadcast_to(_FROM_REP, (len(anatomy.SMPLX_JOINTS), 3, 3)).copy()
    for joint, name in enumerate(anatomy.SMPLX_JOINTS):
        side = 1.0 if name.startswith("left") else -1.0
        arm = any(part in name for part in ("shoulder", "elbow", "wrist"))
        if arm or joint >= anatomy.LEFT_HAND.start:
            out[joint] = _FROM_REP @ [[1, 0, 0], [0, 0, -side], [0, side, 0]]
    return out


_REST = _rest()


def joints(humans: Sequence[Human]) -> tuple[Array, Array]:
    """Rotations (N, 55, 3, 3) and origins (N, 55, 3) of the links named in JOINT_LINKS.

    Jaw and eyes turn as FLAME's do. All links are parallel to the body frame where the person
    stands upright with hanging arms.
    """
    count = len(anatomy.SMPLX_JOINTS)
    given = _rotations(humans)
    local = np.empty((len(humans), count, 3, 3))
    local[:, :_BODY] = given[:, :_BODY]
    local[:, anatomy.LEFT_HAND.start :] = given[:, _BODY:]
    local[:, anatomy.JAW] = matrices(np.concatenate([h.parameters.jaw_pose for h in humans]))
    local[:, [anatomy.LEFT_EYE, anatomy.RIGHT_EYE]] = matrices(_eyes(humans))
    for level in _LEVELS[1:]:
        local[:, level] = local[:, anatomy.SMPLX_PARENTS[level]] @ local[:, level]
    return local @ _REST, _joints(humans, range(count))


def _cross(a: Array, b: Array) -> Array:
    """Cross products of (N, 3); numpy's own costs ten times as much on so few."""
    out: Array = a[:, _NEXT] * b[:, _LAST]
    out -= a[:, _LAST] * b[:, _NEXT]
    return out


_NEXT, _LAST = np.array([1, 2, 0]), np.array([2, 0, 1])


def _length(vectors: Array) -> Array:
    """(N, 1) of (N, 3)."""
    length: Array = np.sqrt(np.add.reduce(vectors * vectors, axis=1, keepdims=True))
    return length


def _rotations(humans: Sequence[Human]) -> Array:
    """Local rotations (N, 52, 3, 3)."""
    return np.concatenate([h.parameters.rotations for h in humans]).astype(np.float64)


def _joints(humans: Sequence[Human], index: Sequence[int]) -> Array:
    at = list(index)
    return np.array([h.joints[at] for h in humans], np.float64)


def _eyes(humans: Sequence[Human]) -> FloatArray:
    """Axis-angle vectors (N, 2, 3) of the eyes, left first."""
    return np.concatenate([h.parameters.eye_pose for h in humans]).reshape(-1, 2, 3)
