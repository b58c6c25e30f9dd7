"""A frame's people as the filters take them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pear_core import anatomy, layout
from pear_ros.perception.smoothing.remembered import FACE, SHAPE
from pear_ros.perception.smoothing.seen import seen_of
from pear_ros.types import Box, Crop, Human, Parameters, Reference, ScaleSource, TrackState


def person(seed: int, transl: tuple[float, float, float]) -> Human:
    rng = np.random.default_rng(seed)
    turns = Rotation.random(layout.NUM_ROTATIONS, rng=rng).as_matrix().astype(np.float32)
    values = {
        n: 0.2 * rng.standard_normal((1, layout.FIELDS[n].width)).astype(np.float32)
        for n in Parameters.__dataclass_fields__
        if n != "rotations"
    }
    own = Parameters(turns[None], **values)
    return Human(
        seed, TrackState.TRACKED, Box(0, 0, 9, 9), Crop(5, 5, 9), own, own,
        np.zeros(3, np.float32), np.array(transl, np.float32), np.zeros((145, 3), np.float32),
        np.zeros((145, 2), np.float32), np.ones(145, np.float32), ScaleSource.INTRINSICS, 0.1,
    )  # fmt: skip


def test_every_number_is_where_it_belongs() -> None:
    people = [person(1, (0.0, 0.0, 2.0)), person(2, (3.0, 0.0, 4.0))]
    seen = seen_of(people, None)
    for i, human in enumerate(people):
        own = human.parameters
        turns = Rotation.from_quat(seen.pose[i])
        np.testing.assert_allclose(turns[:52].as_matrix(), own.rotations[0], atol=1e-6)
        small = np.concatenate([own.jaw_pose[0], own.eye_pose[0]]).reshape(3, 3)
        np.testing.assert_allclose(turns[52:].as_rotvec(), small, atol=1e-6)
        face = np.concatenate([getattr(own, n)[0] for n in FACE])
        np.testing.assert_array_equal(seen.face[i, :, 0], face)
        np.testing.assert_array_equal(
            seen.shape[i], np.concatenate([getattr(own, n)[0] for n in SHAPE])
        )
    assert seen.distance.tolist() == [2.0, 5.0] and seen.sight[1, 0].tolist() == [3.0, 0.0, 4.0]


def test_a_reference_turns_the_root_and_the_place_and_nothing_else() -> None:
    human = person(3, (0.5, -0.2, 3.0))
    turn = Rotation.from_euler("xyz", [0.4, -1.0, 2.0])
    reference = Reference("odom", turn.as_matrix(), np.array([1.0, 2.0, 3.0]))
    seen, plain = seen_of([human], reference), seen_of([human], None)
    root = Rotation.from_quat(seen.pose[0, 0]).as_matrix()
    np.testing.assert_allclose(root, turn.as_matrix() @ human.parameters.rotations[0, 0], atol=1e-6)
    np.testing.assert_array_equal(seen.pose[0, 1:], plain.pose[0, 1:])
    place = turn.apply([0.5, -0.2, 3.0]) + [1.0, 2.0, 3.0]
    np.testing.assert_allclose(seen.place[0, 0], place, atol=1e-6)
    # The line of sight begins at the camera, not at the origin of the world.
    np.testing.assert_allclose(seen.sight[0, 0], turn.apply([0.5, -0.2, 3.0]), atol=1e-6)
    assert seen.distance[0] == pytest.approx(plain.distance[0])


def test_what_a_depth_image_measured_has_no_uncertain_direction() -> None:
    human = replace(person(4, (0.0, 0.0, 2.0)), scale=ScaleSource.DEPTH)
    seen = seen_of([human, person(5, (0.0, 0.0, 2.0))], None)
    assert not seen.sight[0].any() and seen.sight[1, 0].tolist() == [0.0, 0.0, 2.0]
    assert seen.distance.tolist() == [2.0, 2.0]


@pytest.mark.parametrize(
    ("hidden", "turn"),
    [("left_knee", 1), ("right_elbow", 17), ("left_index1", 20), ("left_foot", 7),
     ("left_index3", 23), ("jaw", 15)],
)  # fmt: skip
def test_a_rotation_is_hidden_with_the_joint_that_it_moves(hidden: str, turn: int) -> None:
    """The hip turns the knee, the last phalanx but one the last; the jaw moves with the head."""
    confidence = np.ones(145, np.float32)
    confidence[anatomy.SMPLX_JOINTS.index(hidden)] = 0.0
    human = replace(person(6, (0, 0, 2.0)), joint_confidence=confidence)
    seen = seen_of([human], None)
    assert not seen.shown[0, turn]
    # Ends of the tree have nothing else to be judged by than themselves.
    ends = [52] if hidden == "jaw" else [24] if hidden == "left_index3" else []
    ends = [10] if hidden == "left_foot" else ends
    assert sorted(np.flatnonzero(~seen.shown[0])) == sorted([turn, *ends])


def test_people_at_hand_in_one_are_seen_alike() -> None:
    people = [person(seed, (0.1 * seed, 0.0, 3.0)) for seed in (7, 8, 9)]
    names = Parameters.__dataclass_fields__
    together = Parameters(
        **{n: np.concatenate([getattr(p.parameters, n) for p in people]) for n in names}
    )
    one_by_one, at_once = seen_of(people, None), seen_of(people, None, together)
    for name in type(at_once).__dataclass_fields__:
        np.testing.assert_array_equal(getattr(at_once, name), getattr(one_by_one, name))
