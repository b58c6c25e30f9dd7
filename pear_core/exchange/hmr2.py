"""Results of HMR2 (4D-Humans): SMPL rotation matrices and a crop camera; dictionaries, no pickles.

Names and shapes: `hmr2/models/hmr2.py` and `demo.py` of shubham-goel/4D-Humans. SMPL is another
body: its joints 1 to 21 turn as those of SMPL-X, its two hand joints have no counterpart, and its
betas mean nothing to SMPL-X, so shape is left out in both directions (PEAR facts 8 and 13.11).
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from pear_core.exchange.arrays import Arrays, ExchangeError, FloatArray
from pear_core.exchange.motion import Motion, even_stamps, motion_of
from pear_core.exchange.skeleton import RestJoints
from pear_core.layout import NUM_ROTATIONS

SMPL_PELVIS: FloatArray = np.array([-0.0018, -0.2233, 0.0282])
"""Root joint of the neutral SMPL template, metres; betas move it by a centimetre or two."""
NUM_SMPL_BODY, NUM_BETAS = 23, 10
_SHARED = slice(1, 22)
_CROP, _FOCAL = 256.0, 5000.0
"""Side of HMR2's crop and its focal length there, pixels."""


def to_hmr2(motion: Motion, rest: RestJoints) -> dict[str, FloatArray]:
    """`global_orient` [T, 1, 3, 3], `body_pose` [T, 23, 3, 3], `betas` [T, 10] (zeros) and
    `pred_cam_t` [T, 3], the translation in the real camera that puts the SMPL pelvis on ours.
    """
    frames = len(motion)
    matrices = Rotation.from_rotvec(motion.rotations.reshape(-1, 3)).as_matrix()
    matrices = matrices.reshape(frames, NUM_ROTATIONS, 3, 3)
    hands = np.tile(np.eye(3), (frames, 2, 1, 1))
    return {
        "global_orient": matrices[:, :1],
        "body_pose": np.concatenate((matrices[:, _SHARED], hands), axis=1),
        "betas": np.zeros((frames, NUM_BETAS)),
        "pred_cam_t": motion.transl + rest(motion)[:, 0] - SMPL_PELVIS,
    }


def from_hmr2(
    arrays: Arrays, rest: RestJoints, fps: float = 30.0, camera: FloatArray | None = None
) -> Motion:
    """A Motion of the arrays of `pred_smpl_params`, one row per frame of one person.

    Place: from `pred_cam`, `box_center`, `box_size` and `img_size` (as the demo's
    cam_crop_to_full) and camera (fx, fy, cx, cy in pixels; the demo's assumed one where None), or,
    where those are not there, `pred_cam_t` as it is. Raises ExchangeError.
    """
    matrices = np.concatenate(
        (
            arrays.rows("global_orient", 9),
            arrays.rows("body_pose", 9 * NUM_SMPL_BODY),
        ),
        axis=1,
    ).reshape(-1, 1 + NUM_SMPL_BODY, 3, 3)
    frames = len(matrices)
    _require_rotations(arrays, matrices)
    vectors = Rotation.from_matrix(matrices.reshape(-1, 3, 3)).as_rotvec()
    rotations = np.zeros((frames, NUM_ROTATIONS, 3))
    rotations[:, : _SHARED.stop] = vectors.reshape(frames, -1, 3)[:, : _SHARED.stop]
    motion = motion_of(rotations, np.zeros((frames, 3)), even_stamps(frames, fps))
    if arrays.has("pred_cam", "box_center", "box_size", "img_size"):
        transl = _placed(arrays, frames, camera)
    else:
        transl = arrays.rows("pred_cam_t", 3, frames)
    return motion.moved(transl + SMPL_PELVIS - rest(motion)[:, 0])


def _placed(arrays: Arrays, frames: int, camera: FloatArray | None) -> FloatArray:
    scale, x, y = arrays.rows("pred_cam", 3, frames).T
    centre = arrays.rows("box_center", 2, frames)
    size = arrays.rows("img_size", 2, frames)
    side = arrays.floats("box_size").reshape(-1)
    if side.shape != (frames,):
        raise ExchangeError(arrays.where, "key 'box_size'", f"{frames} numbers", f"{side.shape}")
    if camera is None:
        focal = _FOCAL / _CROP * size.max(axis=1)
        fx, fy, cx, cy = focal, focal, size[:, 0] / 2, size[:, 1] / 2
    else:
        fx, fy, cx, cy = (np.full(frames, value) for value in camera)
    width = side * scale
    depth = 2 * fx / width
    across = x + 2 * (centre[:, 0] - cx) / width
    down = y + (centre[:, 1] - cy) * depth / fy
    return np.stack((across, down, depth), axis=1)


def _require_rotations(arrays: Arrays, matrices: FloatArray) -> None:
    error = np.abs(matrices @ matrices.swapaxes(-1, -2) - np.eye(3)).max()
    if error > 1e-2 or np.linalg.det(matrices).min() < 0:
        raise ExchangeError(
            arrays.where, "global_orient and body_pose", "rotation matrices", f"error {error:.2g}"
        )
