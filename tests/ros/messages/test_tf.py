"""TFMessage decoded by rosbags: who has which frame, and where points land."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pear_core import anatomy
from pear_ros.messages import codec, frames
from pear_ros.messages.names import Naming
from pear_ros.messages.tf import tf_message
from pear_ros.types import HumanFrame, ScaleSource


def decode(raw: bytes) -> dict[str, Any]:
    message = codec.deserialize(raw, codec.TF_MESSAGE)
    assert codec.serialize(message, codec.TF_MESSAGE) == raw
    assert len({t.child_frame_id for t in message.transforms}) == len(message.transforms)
    return {t.child_frame_id: t for t in message.transforms}


def matrix(transform: Any) -> np.ndarray:
    r, t = transform.transform.rotation, transform.transform.translation
    out = np.eye(4)
    out[:3, :3] = Rotation.from_quat([r.x, r.y, r.z, r.w]).as_matrix()
    out[:3, 3] = t.x, t.y, t.z
    return out


@pytest.fixture
def frame(people: ModuleType, rng: np.random.Generator) -> HumanFrame:
    """One who is seen, one without a metric scale, one of random pose."""
    other = replace(people.human(rng, 12), scale=ScaleSource.DEPTH)
    humans = (people.posed(7), people.posed(8, scale=ScaleSource.NONE), other)
    return replace(people.frame(rng, 0), humans=humans)


def test_frames_of_somebody_who_faces_the_camera(frame: HumanFrame) -> None:
    only = replace(frame, humans=frame.humans[:2])
    found = decode(tf_message(only))
    assert list(found) == ["body_b7", "face_f7", "gaze_f7"]
    for transform in found.values():
        assert transform.header.frame_id == "camera_optical"
        stamp = transform.header.stamp
        assert (stamp.sec, stamp.nanosec) == (1_234_567_890, 123_456_789)
    # One metre in front of the belly is one metre nearer to the camera; one metre up is -y.
    np.testing.assert_allclose(matrix(found["body_b7"]) @ [1, 0, 0, 1], [0, 0.02, 2, 1], atol=1e-6)
    np.testing.assert_allclose(matrix(found["body_b7"]) @ [0, 0, 1, 1], [0, -0.98, 3, 1], atol=1e-6)
    np.testing.assert_allclose(
        matrix(found["face_f7"]) @ [1, 0, 0, 1], [0, -0.7, 1.9, 1], atol=1e-6
    )
    np.testing.assert_allclose(
        matrix(found["gaze_f7"]) @ [0, 0, 1, 1], [0, -0.7, 1.9, 1], atol=1e-6
    )


def test_joints_hang_under_their_body(frame: HumanFrame) -> None:
    found = decode(tf_message(frame, Naming("front_"), joints=True))
    for human in (frame.humans[0], frame.humans[2]):
        name = f"front_b{human.track_id}"
        body = matrix(found[f"body_{name}"])
        rotations, _ = frames.joints([human])
        for joint, link in enumerate(frames.JOINT_LINKS):
            transform = found[f"{link}_{name}"]
            assert transform.header.frame_id == f"body_{name}"
            placed = body @ matrix(transform)
            np.testing.assert_allclose(placed[:3, 3], human.joints[joint], atol=1e-6)
            np.testing.assert_allclose(placed[:3, :3], rotations[0, joint], atol=1e-6)
    assert "body_front_b8" not in found
    at = anatomy.SMPLX_JOINTS.index("left_hip")
    hip = found["l_hip_front_b7"].transform.translation
    # Hips 20 cm apart: the left one is 10 cm along the body's y.
    assert (hip.x, hip.y, hip.z) == pytest.approx((0, 0.1, 0), abs=1e-6), at


def test_the_layout_follows_people_and_names(frame: HumanFrame, people: ModuleType) -> None:
    """The cached layout is neither shared between other names nor written to."""
    first = tf_message(frame)
    moved = replace(frame, humans=(people.posed(7, distance=5.0), *frame.humans[1:]), stamp=5)
    assert decode(tf_message(moved))["body_b7"].transform.translation.z == pytest.approx(5)
    assert tf_message(frame) == first
    renamed = decode(tf_message(replace(frame, frame_id="eye")))
    assert {t.header.frame_id for t in renamed.values()} == {"eye"}


def test_faces_can_be_left_out_and_nobody_is_an_empty_message(frame: HumanFrame) -> None:
    assert list(decode(tf_message(frame, faces=False))) == ["body_b7", "body_b12"]
    assert decode(tf_message(replace(frame, humans=()))) == {}
    assert decode(tf_message(replace(frame, humans=frame.humans[1:2]))) == {}


@pytest.mark.parametrize("frame_id", ["", "c", "cam", "camera_link", "camera_optical"])
def test_bytes_are_those_of_rosbags_for_any_alignment(
    people: ModuleType, rng: np.random.Generator, frame_id: str
) -> None:
    for count in (1, 2, 10, 12):
        humans = tuple(
            replace(people.human(rng, 10**i % 99_999), scale=ScaleSource.DEPTH)
            for i in range(count % 7)
        )
        frame = replace(people.frame(rng, 0, frame_id=frame_id), humans=humans)
        decode(tf_message(frame, joints=count % 2 == 0))
