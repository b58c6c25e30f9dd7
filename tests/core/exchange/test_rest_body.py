"""The numpy rest body against the torch body model in its rest pose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pear_core.anatomy import HEAD, JAW
from pear_core.body.ehm import Ehm
from pear_core.exchange.rest_body import rest_body


@pytest.mark.parametrize("scale_about", ["eyes", "origin"])
def test_mesh_and_offsets_are_those_of_ehm(
    small_body, make_motion, parameters_of, scale_about
) -> None:
    """With nothing turned the body model is linear in the face: rest plus weighted offsets."""
    motion = make_motion(3, 11)
    still = {
        name: np.zeros_like(getattr(motion, name)) for name in ("rotations", "jaw_pose", "eye_pose")
    }
    motion = replace(motion, **still)
    with torch.no_grad():
        expected = Ehm(small_body, scale_about)(parameters_of(motion)).vertices.numpy()
    body = rest_body(small_body, motion, scale_about)
    for frame in range(3):
        vertices = body.vertices.copy()
        for morph in body.morphs:
            vertices += morph.weights[frame] * morph.offsets
        assert np.abs(vertices - expected[frame]).max() < 1e-6


def test_joints_follow_the_shape(small_body, make_motion, calm, parameters_of) -> None:
    motion = calm(make_motion(1, 12))
    motion = replace(motion, rotations=np.zeros_like(motion.rotations))
    with torch.no_grad():
        joints = Ehm(small_body)(parameters_of(motion)).joints[0].numpy()
    body = rest_body(small_body, motion)
    np.testing.assert_allclose(body.joints[:JAW], joints[:JAW], atol=1e-6)
    np.testing.assert_allclose(body.joints[25:], joints[25:55], atol=1e-6)
    # The face turns about FLAME's joints: the middle of its eyes is the anchor of SMPL-X.
    smplx = small_body.smplx
    shaped = smplx.v_template + smplx.shapedirs[..., :200] @ motion.betas[0]
    anchor = (smplx.joint_regressor @ shaped)[23:25].mean(axis=0)
    np.testing.assert_allclose(body.joints[23:25].mean(axis=0), anchor, atol=1e-6)


def test_weights_join_both_models(small_body, make_motion) -> None:
    body = rest_body(small_body, make_motion(1, 13))
    np.testing.assert_allclose(body.weights.sum(axis=1), 1, atol=1e-6)
    smplx, flame = small_body.smplx.weights, small_body.flame.weights
    flame_of = {int(v): i for i, v in enumerate(small_body.vertex_ids)}
    kept = set(small_body.kept.tolist())
    for vertex in range(90):
        head = smplx[vertex, [HEAD, 22, 23, 24]].sum()
        share = np.zeros(3)
        if vertex in flame_of and flame_of[vertex] not in kept:
            share = flame[flame_of[vertex], 2:]
        np.testing.assert_allclose(body.weights[vertex, 22:25], head * share, atol=1e-6)
        np.testing.assert_allclose(body.weights[vertex, HEAD], head * (1 - share.sum()), atol=1e-6)
        rest = [j for j in range(55) if j not in (HEAD, 22, 23, 24)]
        np.testing.assert_allclose(body.weights[vertex, rest], smplx[vertex, rest], atol=1e-7)
