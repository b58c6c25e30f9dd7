"""Motions as AMASS keeps them for SMPL-X (`*_stageii.npz`): 55 rotations in a z-up world.

Hands are absolute (no PCA, flat hand) there too. AMASS has no facial expression; ours goes along
under `expression`, which its readers pass over.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pear_core.anatomy import SMPLX_JOINTS
from pear_core.exchange.arrays import Arrays, ExchangeError, FloatArray
from pear_core.exchange.motion import (
    Z_UP_FROM_OPTICAL,
    Motion,
    even_stamps,
    evenly_timed,
    motion_of,
    turned,
)
from pear_core.exchange.skeleton import RestJoints, all_rotations, lock_shape, without_face

_WIDTH = 3 * len(SMPLX_JOINTS)
_PARTS = {"root_orient": 3, "pose_body": 63, "pose_jaw": 3, "pose_eye": 6, "pose_hand": 90}
"""Names and widths of the parts of `poses`, in its order."""
_RATES = ("mocap_frame_rate", "mocap_framerate")


def to_amass(motion: Motion, rest: RestJoints) -> dict[str, Any]:
    """The arrays of an AMASS file: `poses` [T, 165] and its parts, `trans` [T, 3], one `betas`.

    The camera is taken as level: its right, forward and up become x, y and z, and it stays the
    origin. The rate is made even and the shape constant, as the format wants both.
    """
    motion = lock_shape(evenly_timed(motion), rest)
    motion = turned(motion, Z_UP_FROM_OPTICAL, rest(motion)[:, 0])
    poses = all_rotations(motion).reshape(len(motion), _WIDTH)
    splits = np.cumsum(list(_PARTS.values()))[:-1]
    return {
        "surface_model_type": np.array("smplx"),
        "gender": np.array("neutral"),
        "body_model": np.array(motion.body),
        "mocap_frame_rate": np.array(motion.fps),
        "mocap_time_length": np.array(len(motion) / motion.fps),
        "trans": motion.transl,
        "poses": poses,
        **dict(zip(_PARTS, np.split(poses, splits, axis=1), strict=True)),
        "betas": motion.betas[0],
        "num_betas": np.array(motion.betas.shape[1]),
        "expression": motion.expression,
    }


def from_amass(arrays: Arrays, rest: RestJoints) -> Motion:
    """A Motion of an AMASS file for SMPL-X; whoever stands at the origin stands at the camera.

    Raises ExchangeError, also for SMPL+H files: its rest pose and shape space are others.
    """
    kind = arrays.text("surface_model_type", "smplx")
    if kind != "smplx":
        raise ExchangeError(arrays.where, "key 'surface_model_type'", "smplx", kind)
    poses = _poses(arrays)
    frames = len(poses)
    rotations, jaw, eyes = without_face(poses.reshape(frames, -1, 3))
    given: dict[str, FloatArray] = {"betas": _betas(arrays, frames)}
    if "expression" in arrays and arrays.floats("expression").size:
        face = arrays.rows("expression", count=frames)
        given |= {"expression": face, "flame_expression": face}
    motion = motion_of(
        rotations,
        arrays.rows("trans", 3, frames),
        even_stamps(frames, _rate(arrays)),
        body=_body(arrays),
        jaw_pose=jaw,
        eye_pose=eyes,
        **given,
    )
    return turned(motion, Z_UP_FROM_OPTICAL.T, rest(motion)[:, 0])


def _poses(arrays: Arrays) -> FloatArray:
    if "poses" in arrays:
        return arrays.rows("poses", _WIDTH)
    first = arrays.rows("root_orient", 3)
    return np.concatenate([arrays.rows(n, w, len(first)) for n, w in _PARTS.items()], axis=1)


def _betas(arrays: Arrays, frames: int) -> FloatArray:
    """One shape for all frames, as AMASS has it, or one per frame."""
    if "betas" not in arrays:
        return np.zeros((frames, 0))
    betas = arrays.floats("betas")
    if betas.ndim == 1:
        return np.tile(betas, (frames, 1))
    return np.tile(arrays.rows("betas", count=1 if len(betas) == 1 else frames), (frames, 1))[
        :frames
    ]


def _rate(arrays: Arrays) -> float:
    for key in _RATES:
        if key in arrays:
            return arrays.number(key)
    return arrays.number(_RATES[0])


def _body(arrays: Arrays) -> str:
    own = arrays.text("body_model")
    return own or f"smplx_{arrays.text('gender', 'neutral')}"
