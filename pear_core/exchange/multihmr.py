"""Results of Multi-HMR: per person `rotvec` [53, 3], `shape`, `expression` and where the head is.

It turns the body about the pelvis and places it by the head, so its `transl` is a point of the
body, not an offset. Names and shapes: `model.py` and `blocks/smpl_layer.py` of naver/multi-hmr.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from pear_core.anatomy import HEAD, PELVIS
from pear_core.exchange.arrays import Arrays, FloatArray
from pear_core.exchange.motion import Motion, even_stamps, fitted, motion_of
from pear_core.exchange.skeleton import RestJoints, all_rotations, posed_joints
from pear_core.layout import NUM_ROTATIONS

NUM_SHAPE, NUM_EXPRESSION = 10, 10


def to_multihmr(motion: Motion, rest: RestJoints) -> dict[str, FloatArray]:
    """Their arrays, one row per frame; `transl` is the head joint, `transl_pelvis` the pelvis.

    Both are the person's true ones; of shape and expression the first 10 coefficients go along.
    """
    frames = len(motion)
    matrices = Rotation.from_rotvec(all_rotations(motion).reshape(-1, 3)).as_matrix()
    joints = rest(motion)
    _, placed = posed_joints(matrices.reshape(frames, -1, 3, 3), joints)
    placed = placed + motion.transl[:, None]
    return {
        "rotvec": np.concatenate((motion.rotations, motion.jaw_pose[:, None]), axis=1),
        "shape": fitted(motion.betas, NUM_SHAPE),
        "expression": fitted(motion.expression, NUM_EXPRESSION),
        "transl": placed[:, HEAD],
        "transl_pelvis": placed[:, [PELVIS]],
    }


def from_multihmr(arrays: Arrays, rest: RestJoints, fps: float = 30.0) -> Motion:
    """A Motion of their arrays, stacked over the frames of one person. Raises ExchangeError."""
    pose = arrays.rows("rotvec", 3 * (NUM_ROTATIONS + 1)).reshape(-1, NUM_ROTATIONS + 1, 3)
    frames = len(pose)
    # FLAME's expression space is the one that SMPL-X took over; the visible face comes from it.
    face = arrays.rows("expression", count=frames)
    motion = motion_of(
        pose[:, :NUM_ROTATIONS],
        arrays.rows("transl_pelvis", 3, frames),
        even_stamps(frames, fps),
        body="smplx_neutral",
        betas=arrays.rows("shape", count=frames),
        expression=face,
        flame_expression=face,
        jaw_pose=pose[:, NUM_ROTATIONS],
    )
    return motion.moved(motion.transl - rest(motion)[:, PELVIS])
