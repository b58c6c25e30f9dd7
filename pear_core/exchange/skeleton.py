"""The SMPL-X skeleton in numpy: rest joints by shape, all 55 rotations, forward kinematics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pear_core.anatomy import JAW, LEFT_HAND, SMPLX_PARENTS
from pear_core.body.files import SmplxFile
from pear_core.exchange.arrays import ExchangeError, FloatArray
from pear_core.exchange.motion import Motion, one_shape


@dataclass(frozen=True)
class RestJoints:
    """Joints of the rest pose as a function of shape and expression, metres, y up.

    template [55, 3]; shapedirs [55, 3, S]; exprdirs [55, 3, E].
    """

    template: FloatArray
    shapedirs: FloatArray
    exprdirs: FloatArray

    @classmethod
    def of(cls, smplx: SmplxFile) -> RestJoints:
        """The regressor of a model file applied to its template and to its directions, once."""
        used = np.flatnonzero(np.any(smplx.joint_regressor != 0, axis=0))
        weights = smplx.joint_regressor[:, used].astype(np.float64)

        def fold(directions: NDArray[np.floating]) -> FloatArray:
            folded: FloatArray = np.tensordot(weights, directions[used], axes=(1, 0))
            return folded

        return cls(fold(smplx.v_template), fold(smplx.shapedirs), fold(smplx.exprdirs))

    def __call__(self, motion: Motion) -> FloatArray:
        """Rest joints [T, 55, 3] of every frame. Raises ExchangeError for too many coefficients."""
        joints = np.broadcast_to(self.template, (len(motion), *self.template.shape))
        for name, directions in (("betas", self.shapedirs), ("expression", self.exprdirs)):
            given: FloatArray = getattr(motion, name)
            width = given.shape[1]
            if np.any(given[:, directions.shape[2] :]):
                raise ExchangeError(
                    "motion", name, f"at most {directions.shape[2]} coefficients", str(width)
                )
            kept = directions[..., :width]
            joints = joints + np.einsum("tc,jkc->tjk", given[:, : kept.shape[2]], kept)
        return joints


def reshaped(motion: Motion, changed: Motion, rest: RestJoints) -> Motion:
    """`changed`, which is `motion` with other coefficients, the pelvis of every frame held."""
    shift = rest(motion)[:, 0] - rest(changed)[:, 0]
    return changed.moved(motion.transl + shift)


def lock_shape(motion: Motion, rest: RestJoints) -> Motion:
    """The person in one shape (medians over time), the pelvis of every frame where it was."""
    return reshaped(motion, one_shape(motion), rest)


def all_rotations(motion: Motion) -> FloatArray:
    """Axis-angles [T, 55, 3] of the SMPL-X joints, jaw and eyes included."""
    face = np.concatenate((motion.jaw_pose, motion.eye_pose), axis=1).reshape(len(motion), 3, 3)
    body, hands = motion.rotations[:, :JAW], motion.rotations[:, JAW:]
    return np.concatenate((body, face, hands), axis=1)


def without_face(pose: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The inverse of `all_rotations`: rotations [T, 52, 3], jaw [T, 3] and eyes [T, 6]."""
    face = pose[:, JAW : LEFT_HAND.start].reshape(len(pose), 9)
    rotations = np.concatenate((pose[:, :JAW], pose[:, LEFT_HAND.start :]), axis=1)
    return rotations, face[:, :3], face[:, 3:]


def posed_joints(rotations: FloatArray, rest: FloatArray) -> tuple[FloatArray, FloatArray]:
    """World rotations [T, 55, 3, 3] and joint positions [T, 55, 3] of the body model's output.

    rotations: local [T, 55, 3, 3]; rest [T, 55, 3].
    """
    world, placed = rotations.copy(), rest.copy()
    for joint, parent in enumerate(SMPLX_PARENTS):
        if parent >= 0:
            bone = rest[:, joint] - rest[:, parent]
            world[:, joint] = world[:, parent] @ rotations[:, joint]
            placed[:, joint] = placed[:, parent] + np.einsum("tij,tj->ti", world[:, parent], bone)
    return world, placed
