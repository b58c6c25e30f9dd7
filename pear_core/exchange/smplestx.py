"""Results of SMPLest-X and its family (SMPLer-X, OSX): `smplx_*` arrays, one row per crop.

Hands there are offsets to the mean hand of the SMPL-X file (`flat_hand_mean=False`), ours are
absolute; the eyes do not move. Names and shapes: `models/SMPLest_X.py` of SMPLCap/SMPLest-X.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from pear_core.exchange.arrays import Arrays, ExchangeError, FloatArray
from pear_core.exchange.motion import Motion, even_stamps, fitted, motion_of
from pear_core.exchange.skeleton import RestJoints, reshaped
from pear_core.exchange.virtual_camera import seen_from

NUM_SHAPE, NUM_EXPRESSION = 10, 10
_HAND = 45
_BODY, _LEFT, _RIGHT = slice(1, 22), slice(22, 37), slice(37, 52)


def hand_means(path: str | Path) -> FloatArray:
    """Axis-angles [2, 45] of the mean hands (left, right) of an SMPL-X npz.

    Raises ExchangeError.
    """
    file = Arrays.open(path)
    means = [file.floats(f"hands_mean{side}") for side in ("l", "r")]
    for side, mean in zip(("l", "r"), means, strict=True):
        if mean.size != _HAND:
            expected, found = f"{_HAND} numbers", f"shape {mean.shape}"
            raise ExchangeError(file.where, f"key 'hands_mean{side}'", expected, found)
    return np.stack([mean.reshape(-1) for mean in means])


def to_smplestx(motion: Motion, means: FloatArray, rest: RestJoints) -> dict[str, FloatArray]:
    """Their arrays, with the translation in the real camera. means: see `hand_means`.

    The first 10 coefficients of shape and expression go along, the pelvis stays where it was;
    FLAME's shape, eyes and eyelids do not.
    """
    betas, expression = fitted(motion.betas, NUM_SHAPE), fitted(motion.expression, NUM_EXPRESSION)
    motion = reshaped(motion, replace(motion, betas=betas, expression=expression), rest)
    flat = motion.rotations.reshape(len(motion), -1, 3)

    def part(which: slice) -> FloatArray:
        return flat[:, which].reshape(len(motion), -1)

    return {
        "smplx_root_pose": flat[:, 0],
        "smplx_body_pose": part(_BODY),
        "smplx_lhand_pose": part(_LEFT) - means[0],
        "smplx_rhand_pose": part(_RIGHT) - means[1],
        "smplx_jaw_pose": motion.jaw_pose,
        "smplx_shape": motion.betas,
        "smplx_expr": motion.expression,
        "cam_trans": motion.transl,
    }


def from_smplestx(
    arrays: Arrays,
    means: FloatArray,
    rest: RestJoints,
    fps: float = 30.0,
    camera: FloatArray | None = None,
) -> Motion:
    """A Motion of their arrays, one row per frame of one person. Raises ExchangeError.

    `cam_trans` holds in the imagined camera of the crop. With `focal` and `princpt` ([T, 2], as
    their inference script computes them for drawing) and camera (fx, fy, cx, cy in pixels) the
    person is placed before the real one; without, it is left where it is.
    """
    root = arrays.rows("smplx_root_pose", 3)
    frames = len(root)
    pose = (
        root,
        arrays.rows("smplx_body_pose", 63, frames),
        arrays.rows("smplx_lhand_pose", 45, frames) + means[0],
        arrays.rows("smplx_rhand_pose", 45, frames) + means[1],
    )
    # FLAME's expression space is the one that SMPL-X took over; the visible face comes from it.
    face = arrays.rows("smplx_expr", count=frames)
    motion = motion_of(
        np.concatenate(pose, axis=1).reshape(frames, -1, 3),
        arrays.rows("cam_trans", 3, frames),
        even_stamps(frames, fps),
        body="smplx_neutral",
        betas=arrays.rows("smplx_shape", count=frames),
        expression=face,
        flame_expression=face,
        jaw_pose=arrays.rows("smplx_jaw_pose", 3, frames),
    )
    if camera is None or not arrays.has("focal", "princpt"):
        return motion
    imagined = [arrays.rows(key, 2, frames) for key in ("focal", "princpt")]
    pelvis = rest(motion)[:, 0]
    placed = seen_from(motion.transl + pelvis, np.concatenate(imagined, axis=1), camera)
    return motion.moved(placed - pelvis)
