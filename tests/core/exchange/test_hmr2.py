"""HMR2 dictionaries: SMPL's joint order, the crop camera, what has no counterpart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pear_core.anatomy import SMPLX_JOINTS
from pear_core.exchange.arrays import Arrays, ExchangeError
from pear_core.exchange.hmr2 import from_hmr2, to_hmr2

SMPL = [
    "pelvis",
    "left_hip",
    "right_hip",
    "spine1",
    "left_knee",
    "right_knee",
    "spine2",
    "left_ankle",
    "right_ankle",
    "spine3",
    "left_foot",
    "right_foot",
    "neck",
    "left_collar",
    "right_collar",
    "head",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hand",
    "right_hand",
]
PELVIS = np.array([-0.0018, -0.2233, 0.0282])


def theirs_of(frames: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    turns = Rotation.random(24 * frames, rng=rng).as_matrix().reshape(frames, 24, 3, 3)
    return {
        "global_orient": turns[:, :1],
        "body_pose": turns[:, 1:],
        "betas": rng.normal(0, 1, (frames, 10)),
        "pred_cam_t": rng.normal(0, 1, (frames, 3)) + (0, 0, 20),
    }


def test_joints_keep_their_names(small_rest) -> None:
    theirs = theirs_of(2, 81)
    motion = from_hmr2(Arrays(theirs, "h"), small_rest, fps=25)
    all_turns = np.concatenate((theirs["global_orient"], theirs["body_pose"]), axis=1)
    ours = Rotation.from_rotvec(motion.rotations.reshape(-1, 3)).as_matrix().reshape(2, 52, 3, 3)
    for index, name in enumerate(SMPL):
        if name in SMPLX_JOINTS:
            at = SMPLX_JOINTS.index(name)
            assert at < 22
            np.testing.assert_allclose(ours[:, at], all_turns[:, index], atol=1e-9)
    assert not motion.rotations[:, 22:].any()
    assert motion.betas.shape == (2, 0) and motion.fps == 25
    # The pelvises lie on one another.
    np.testing.assert_allclose(
        motion.transl + small_rest(motion)[:, 0], theirs["pred_cam_t"] + PELVIS, atol=1e-12
    )


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 3), st.integers(0, 10**6))
def test_there_and_back(small_rest, make_motion, frames: int, seed: int) -> None:
    motion = make_motion(frames, seed, widths=(0, 0, 0, 0))
    theirs = to_hmr2(motion, small_rest)
    assert theirs["body_pose"].shape == (frames, 23, 3, 3)
    again = from_hmr2(Arrays(theirs, "h"), small_rest, fps=30)
    np.testing.assert_allclose(again.transl, motion.transl, atol=1e-9)
    difference = Rotation.from_rotvec(motion.rotations[:, :22].reshape(-1, 3)).inv()
    difference = difference * Rotation.from_rotvec(again.rotations[:, :22].reshape(-1, 3))
    assert difference.magnitude().max() < 1e-6


def test_the_crop_camera_sees_the_same_pixel(small_rest) -> None:
    """A point of the crop camera and of the full one fall on one pixel (cam_crop_to_full)."""
    theirs = theirs_of(1, 82)
    s, tx, ty = 0.9, 0.12, -0.3
    theirs |= {
        "pred_cam": np.array([[s, tx, ty]]), "box_center": np.array([[400.0, 250.0]]),
        "box_size": np.array([300.0]), "img_size": np.array([[640.0, 480.0]]),
    }  # fmt: skip
    for camera in (None, np.array([700.0, 720.0, 310.0, 250.0])):
        motion = from_hmr2(Arrays(theirs, "h"), small_rest, camera=camera)
        x, y, z = motion.transl[0] + small_rest(motion)[0, 0] - PELVIS
        focal = 5000 / 256 * 640
        fx, fy, cx, cy = (focal, focal, 320, 240) if camera is None else camera
        # Weak perspective in the crop: 150 pixels times s per metre from its centre.
        assert fx * x / z + cx == pytest.approx(400 + 150 * s * tx)
        assert fx / z == pytest.approx(150 * s)
        expected = 250 + fy / fx * 150 * s * ty
        assert fy * y / z + cy == pytest.approx(expected)


def test_other_dictionaries_are_refused(small_rest) -> None:
    theirs = theirs_of(2, 83)
    for key, array, text in (
        ("body_pose", np.zeros((2, 69)), r"'body_pose'; expected shape \(frames, 207\)"),
        ("body_pose", 2 * theirs["body_pose"], "expected rotation matrices"),
        ("global_orient", -theirs["global_orient"], "expected rotation matrices"),
        ("pred_cam_t", np.zeros((3, 3)), r"'pred_cam_t'; expected shape \(2, 3\)"),
    ):
        with pytest.raises(ExchangeError, match=text):
            from_hmr2(Arrays(theirs | {key: array}, "h"), small_rest)
