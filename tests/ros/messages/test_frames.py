"""Axes of people: a person facing the camera by hand, chains against scipy."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pear_core import anatomy
from pear_ros.messages import frames
from pear_ros.types import Human, TrackState

RIGHT, DOWN, AHEAD = np.eye(3)
"""The optical frame's axes."""


def test_the_body_frame_of_somebody_who_faces_the_camera(people: ModuleType) -> None:
    poses = frames.body([people.posed()])
    x, y, z = poses.rotation[0].T
    np.testing.assert_allclose(x, -AHEAD, atol=1e-7)  # out of the belly, towards the camera
    np.testing.assert_allclose(y, RIGHT, atol=1e-7)  # to the person's left
    np.testing.assert_allclose(z, -DOWN, atol=1e-7)
    np.testing.assert_allclose(poses.origin[0], [0, 0.02, 3], atol=1e-6)


def test_the_face_frame_turns_with_the_head(people: ModuleType) -> None:
    human = people.posed()
    # The head joint turned 90 degrees to the person's left, which is the right of the picture.
    left = Rotation.from_euler("y", 90, degrees=True).as_matrix()
    turned = replace(human, parameters=people.turned(human.parameters, 15, left))
    poses = frames.face([human, turned])
    np.testing.assert_allclose(poses.rotation[0].T, [-AHEAD, RIGHT, -DOWN], atol=1e-7)
    np.testing.assert_allclose(poses.rotation[1].T, [RIGHT, AHEAD, -DOWN], atol=1e-7)
    np.testing.assert_allclose(poses.origin, [[0, -0.7, 2.9]] * 2, atol=1e-6)


def test_a_straight_gaze_is_optical(people: ModuleType) -> None:
    poses = frames.gaze([people.posed()])
    # z to the camera, y down, x to the person's right: the left of the picture.
    np.testing.assert_allclose(poses.rotation[0].T, [-RIGHT, DOWN, -AHEAD], atol=1e-7)
    np.testing.assert_allclose(poses.origin[0], [0, -0.7, 2.9], atol=1e-6)


@pytest.mark.parametrize(
    ("about", "degrees", "expected"),
    [
        ("y", 30, [0.5, 0, -np.sqrt(0.75)]),  # the person's left: right in the picture
        ("x", 30, [0, 0.5, -np.sqrt(0.75)]),  # down
        ("x", -30, [0, -0.5, -np.sqrt(0.75)]),
    ],
)
def test_eyes_that_turn(
    people: ModuleType, about: str, degrees: float, expected: list[float]
) -> None:
    vector = Rotation.from_euler(about, degrees, degrees=True).as_rotvec().astype(np.float32)
    human = people.posed(eye_pose=np.tile(vector, 2)[None])
    rotation = frames.gaze([human]).rotation[0]
    np.testing.assert_allclose(rotation[:, 2], expected, atol=1e-6)
    assert rotation[1, 1] > 0.8  # y still points down
    np.testing.assert_allclose(np.linalg.det(rotation), 1, atol=1e-9)


def test_eyes_that_converge_look_ahead(people: ModuleType) -> None:
    inwards = np.float32(
        [[0, -0.2, 0, 0, 0.2, 0]]
    )  # the left eye to the right, the right to the left
    human = people.posed(eye_pose=inwards)
    np.testing.assert_allclose(frames.gaze([human]).rotation[0, :, 2], -AHEAD, atol=1e-7)
    left, right = frames.eye_directions([human])[0]
    np.testing.assert_allclose(left, [-np.sin(0.2), 0, -np.cos(0.2)], atol=1e-6)
    np.testing.assert_allclose(right, [np.sin(0.2), 0, -np.cos(0.2)], atol=1e-6)


def test_eyes_rolled_up_still_give_a_frame(people: ModuleType) -> None:
    human = people.posed(eye_pose=np.float32([[-np.pi / 2, 0, 0] * 2]))
    rotation = frames.gaze([human]).rotation[0]
    np.testing.assert_allclose(rotation[:, 2], -DOWN, atol=1e-6)
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(3), atol=1e-6)


def chain(human: Human, joint: int) -> np.ndarray:
    """Global rotation of a kinematic joint by walking up the tree with scipy."""
    own = human.parameters
    total = Rotation.identity()
    while joint >= 0:
        if joint == anatomy.JAW:
            local = Rotation.from_rotvec(own.jaw_pose[0])
        elif joint in (anatomy.LEFT_EYE, anatomy.RIGHT_EYE):
            local = Rotation.from_rotvec(own.eye_pose[0].reshape(2, 3)[joint - anatomy.LEFT_EYE])
        else:
            local = Rotation.from_matrix(own.rotations[0, joint if joint < 22 else joint - 3])
        total = local * total
        joint = int(anatomy.SMPLX_PARENTS[joint])
    return total.as_matrix()


def test_links_follow_the_tree(people: ModuleType, rng: np.random.Generator) -> None:
    humans = [people.human(rng, i) for i in (1, 2)]
    rotations, origins = frames.joints(humans)
    axes = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]])
    hang = {  # the T-pose seen from hanging arms, in REP-155's axes (x forward)
        "left": Rotation.from_euler("x", 90, degrees=True).as_matrix(),
        "right": Rotation.from_euler("x", -90, degrees=True).as_matrix(),
    }
    for human, rotation, origin in zip(humans, rotations, origins, strict=True):
        np.testing.assert_array_equal(origin, human.joints[:55])
        for joint, name in enumerate(anatomy.SMPLX_JOINTS):
            side = name.split("_")[0]
            arm = any(w in name for w in ("shoulder", "elbow", "wrist")) or joint >= 25
            rest = axes @ hang[side] if arm else axes
            np.testing.assert_allclose(rotation[joint], chain(human, joint) @ rest, atol=1e-6)
        face = frames.face([human]).rotation[0]
        np.testing.assert_allclose(face, chain(human, 15) @ axes, atol=1e-6)


def test_with_hanging_arms_all_links_are_parallel_to_the_body(people: ModuleType) -> None:
    own = people.posed().parameters
    down = {16: -90, 17: 90}  # about the body model's z, which points forward
    for joint, degrees in down.items():
        turn = Rotation.from_euler("z", degrees, degrees=True).as_matrix()
        own = people.turned(own, joint, turn)
    human = replace(people.posed(), parameters=own)
    rotations, _ = frames.joints([human])
    body = frames.body([human]).rotation
    np.testing.assert_allclose(rotations[0], np.broadcast_to(body, (55, 3, 3)), atol=1e-6)


def test_links_have_the_names_of_rep_155() -> None:
    link = dict(zip(anatomy.SMPLX_JOINTS, frames.JOINT_LINKS, strict=True))
    assert len(set(frames.JOINT_LINKS)) == 55
    assert [link[n] for n in ("spine1", "spine3", "head")] == ["waist", "torso", "head"]
    assert [link[f"left_{n}"] for n in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")] == [
        "l_shoulder", "l_elbow", "l_wrist", "l_hip", "l_knee", "l_ankle"
    ]  # fmt: skip
    assert link["right_wrist"] == "r_wrist" and link["right_thumb3"] == "right_thumb3"


def test_only_faces_that_can_be_seen_count(people: ModuleType) -> None:
    human = people.posed()
    away = replace(human.parameters, rotations=np.tile(np.eye(3, dtype=np.float32), (1, 52, 1, 1)))
    unseen = human.joint_confidence.copy()
    unseen[frames.SELLION] = 0
    humans = [
        human,
        replace(human, parameters=away),
        replace(human, joint_confidence=unseen),
        replace(human, state=TrackState.PREDICTED),
        replace(human, state=TrackState.NEW),
    ]
    assert frames.visible_faces(humans).tolist() == [True, False, False, False, True]
    assert frames.visible_faces([]).tolist() == []
