"""Multi-HMR dictionaries against a re-derivation of how that network places its mesh."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pear_core.body.smplx import SmplxBody
from pear_core.exchange.arrays import Arrays, ExchangeError
from pear_core.exchange.multihmr import from_multihmr, to_multihmr

HEAD = 15


def body(assets, pose: np.ndarray, betas: np.ndarray, expression: np.ndarray):
    """Vertices and joints of SMPL-X for axis-angles [55, 3]."""
    matrices = Rotation.from_rotvec(pose).as_matrix()[None]
    given_ = [
        torch.tensor(a, dtype=torch.float32) for a in (matrices, betas[None], expression[None])
    ]
    with torch.no_grad():
        posed = SmplxBody(assets.smplx)(*given_)
    return posed.vertices[0].numpy(), posed.joints[0].numpy()


def test_their_mesh_is_ours(small_body, small_rest, make_motion) -> None:
    """They pose without the root, turn about the pelvis, put the head at 0 and add `transl`."""
    motion = make_motion(2, 71, widths=(10, 10, 0, 0))
    motion = replace(motion, eye_pose=np.zeros((2, 6)))
    theirs = to_multihmr(motion, small_rest)
    assert theirs["rotvec"].shape == (2, 53, 3) and theirs["transl_pelvis"].shape == (2, 1, 3)
    pose = np.zeros((55, 3))
    vector = theirs["rotvec"][1]
    pose[1:22], pose[25:40], pose[40:], pose[22] = (
        vector[1:22],
        vector[22:37],
        vector[37:52],
        vector[52],
    )
    vertices, joints = body(small_body, pose, theirs["shape"][1], theirs["expression"][1])
    turn = Rotation.from_rotvec(vector[0])
    vertices, joints = turn.apply(vertices - joints[0]), turn.apply(joints - joints[0])
    their_vertices = vertices - joints[HEAD] + theirs["transl"][1]
    pose[0] = motion.rotations[1, 0]
    ours, _ = body(small_body, pose, motion.betas[1], motion.expression[1])
    np.testing.assert_allclose(their_vertices, ours + motion.transl[1], atol=1e-5)
    np.testing.assert_allclose(
        joints[0] - joints[HEAD] + theirs["transl"][1], theirs["transl_pelvis"][1, 0], atol=1e-5
    )


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 3), st.integers(0, 10**6))
def test_there_and_back(small_rest, make_motion, frames: int, seed: int) -> None:
    motion = make_motion(frames, seed, widths=(10, 10, 0, 0))
    again = from_multihmr(Arrays(to_multihmr(motion, small_rest), "h"), small_rest, fps=30)
    for name in ("rotations", "transl", "betas", "expression", "jaw_pose", "stamps"):
        np.testing.assert_allclose(getattr(again, name), getattr(motion, name), atol=1e-9)


def test_wrong_dictionaries_are_named(small_rest, make_motion) -> None:
    theirs = to_multihmr(make_motion(2, 72), small_rest)
    with pytest.raises(ExchangeError, match=r"key 'rotvec'; expected shape \(frames, 159\)"):
        from_multihmr(Arrays(theirs | {"rotvec": np.zeros((2, 24, 3))}, "h"), small_rest)
    del theirs["transl_pelvis"]
    with pytest.raises(ExchangeError, match="key 'transl_pelvis' is missing"):
        from_multihmr(Arrays(theirs, "h"), small_rest)
