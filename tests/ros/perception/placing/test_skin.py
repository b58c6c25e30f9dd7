"""Skin points on a body of balls, and the chain of rotations against scipy."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from fabricated import ball_body as balls
from pear_core import anatomy
from pear_ros.perception.placing import skin


def test_points_lie_on_the_balls_of_a_posed_body_and_look_outwards() -> None:
    found = skin.Skin.of(balls.BallBody())
    wanted = {patch.bone: patch.points for patch in skin.PATCHES}
    bones = [anatomy.EHM_JOINTS[i] for i in found.bone]
    assert {name: bones.count(name) for name in wanted} == wanted
    assert [skin.PATCHES[i].bone for i in found.patch] == bones
    rng = np.random.default_rng(4)
    rotations = Rotation.random(3 * 52, rng=rng).as_matrix().reshape(3, 52, 3, 3)
    joints = rng.normal(size=(3, 145, 3))
    points, normals = found.pose(rotations, joints)
    radial = points - joints[:, found.bone]
    np.testing.assert_allclose(np.linalg.norm(radial, axis=-1), balls.RADIUS, atol=1e-6)
    # A facet's normal differs from the ball's by half a facet at most.
    assert (np.sum(radial * normals, axis=-1) > 0.97 * balls.RADIUS).all()
    # They turn with their bone: the chain of parents, one matrix after the other.
    for point, bone in ((0, "pelvis"), (-1, "right_shoulder")):
        joint = anatomy.BODY_JOINTS.index(bone)
        assert found.bone[point] == joint
        chain = Rotation.identity()
        while joint >= 0:
            chain = Rotation.from_matrix(rotations[1, joint]) * chain
            joint = int(anatomy.SMPLX_PARENTS[joint])
        np.testing.assert_allclose(
            radial[1, point], chain.apply(found.local[point, :, 0]), atol=1e-6
        )


def test_points_of_a_patch_are_far_from_each_other() -> None:
    found = skin.Skin.of(balls.BallBody())
    pelvis = found.local[found.patch == 0][..., 0]
    apart = np.linalg.norm(pelvis[:, None] - pelvis[None], axis=-1)
    # Twelve points on a sphere can be 1.05 radii apart (the icosahedron).
    assert apart[apart > 0].min() > 0.75 * balls.RADIUS


def test_the_rest_pose_is_neutral_and_nobody_is_nobody() -> None:
    rest = skin.rest_pose(2)
    assert len(rest) == 2 and rest.rotations.shape == (2, 52, 3, 3)
    assert (rest.head_scale == 1).all() and (rest.hand_scale == 1).all() and not rest.betas.any()
    found = skin.Skin.of(balls.BallBody())
    points, normals = found.pose(np.zeros((0, 52, 3, 3)), np.zeros((0, 145, 3)))
    assert points.shape == normals.shape == (0, len(found.bone), 3)
