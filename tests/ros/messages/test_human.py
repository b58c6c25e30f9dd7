"""HumanArray decoded by rosbags, compared with the people it was made of."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pear_ros.messages import codec
from pear_ros.messages.human import human_array
from pear_ros.messages.identity import Identity
from pear_ros.types import Human, Parameters, ScaleSource, StageTimes

IDENTITY = Identity("model@1", "body@2", "body@2", engine="openvino 1", engine_precision="bf16")


def decode(raw: bytes) -> Any:
    return codec.deserialize(raw, codec.HUMAN_ARRAY)


@pytest.mark.parametrize("count", [0, 1, 2, 5])
@pytest.mark.parametrize("frame_id", ["", "c", "camera_optical"])
def test_bytes_are_those_of_rosbags(
    people: ModuleType, rng: np.random.Generator, count: int, frame_id: str
) -> None:
    raw = human_array(people.frame(rng, count, frame_id=frame_id), IDENTITY)
    message = decode(raw)
    assert len(message.humans) == count
    assert codec.serialize(message, codec.HUMAN_ARRAY) == raw


def test_the_frame_comes_through(people: ModuleType, rng: np.random.Generator) -> None:
    frame = people.frame(rng, 1)
    m = decode(human_array(frame, IDENTITY, decode_seconds=4.0))
    assert (m.header.stamp.sec, m.header.stamp.nanosec) == (1_234_567_890, 123_456_789)
    assert m.header.frame_id == "camera_optical"
    assert (m.image_width, m.image_height, m.calibrated) == (640, 480, True)
    assert (m.fx, m.fy, m.cx, m.cy) == (501.5, 502.25, 319.5, 239.25)
    assert (m.model, m.body_model, m.joint_order) == ("model@1", "body@2", "ehm_s_145")
    assert (m.engine, m.engine_precision, m.engine_fallback) == ("openvino 1", "bf16", "")
    stages = ("decode", "detect", "track", "crop", "network", "body", "place", "smooth", "total")
    times = [getattr(m, f"{stage}_seconds") for stage in stages]
    assert times == [4.0, 0.5, 0.25, 0.125, 0.0625, 0.03125, 1.0, 2.0, 7.96875]


def test_times_can_be_left_out(people: ModuleType, rng: np.random.Generator) -> None:
    m = decode(human_array(people.frame(rng, 0), IDENTITY, times=StageTimes()))
    assert m.network_seconds == m.total_seconds == 0


def vectors(parameters: Parameters) -> np.ndarray:
    return Rotation.from_matrix(parameters.rotations[0]).as_rotvec()


def check_pose(message: Any, prefix: str, parameters: Parameters) -> None:
    expected = vectors(parameters)
    parts = {"global_orient": (0, 1), "body_pose": (1, 22)}
    parts |= {"left_hand_pose": (22, 37), "right_hand_pose": (37, 52)}
    for name, (start, stop) in parts.items():
        found = getattr(message, prefix + name).reshape(-1, 3)
        np.testing.assert_allclose(found, expected[start:stop], atol=2e-6)


@pytest.mark.parametrize("smoothed", [True, False])
def test_every_field_of_a_person(
    people: ModuleType, rng: np.random.Generator, smoothed: bool
) -> None:
    humans: tuple[Human, ...] = tuple(people.human(rng, i, smoothed=smoothed) for i in (4, 9))
    frame = replace(people.frame(rng, 0), humans=humans)
    for human, m in zip(humans, decode(human_array(frame, IDENTITY)).humans, strict=True):
        assert m.track_id == human.track_id
        assert (m.state, m.scale_source) == (human.state, human.scale)
        assert m.depth_sigma == np.float32(human.depth_sigma)
        assert m.score == np.float32(human.box.score)
        box, crop = human.box, human.crop
        np.testing.assert_array_equal(m.box, np.float32([box.x0, box.y0, box.x1, box.y1]))
        np.testing.assert_array_equal(m.crop, np.float32([crop.cx, crop.cy, crop.side]))
        np.testing.assert_array_equal(m.transl, human.transl)
        np.testing.assert_array_equal(m.crop_camera, human.camera)
        np.testing.assert_array_equal(m.velocity, human.velocity)
        raw_transl = human.transl if human.raw_transl is None else human.raw_transl
        np.testing.assert_array_equal(m.raw_transl, raw_transl)
        np.testing.assert_array_equal(m.joints.reshape(145, 3), human.joints)
        np.testing.assert_array_equal(m.keypoints.reshape(145, 2), human.keypoints)
        np.testing.assert_array_equal(m.joint_confidence, human.joint_confidence)
        for name in people.WIDTHS:
            np.testing.assert_array_equal(getattr(m, name), getattr(human.parameters, name)[0])
        check_pose(m, "", human.parameters)
        check_pose(m, "raw_", human.raw_parameters)
        np.testing.assert_array_equal(m.raw_jaw_pose, human.raw_parameters.jaw_pose[0])
        np.testing.assert_array_equal(m.raw_eye_pose, human.raw_parameters.eye_pose[0])


def test_where_the_camera_was(people: ModuleType, rng: np.random.Generator) -> None:
    frame = people.frame(rng, 0)
    message = decode(human_array(frame, IDENTITY))
    assert message.reference_frame == "map" and list(message.ended) == [3, 8]
    pose = message.reference_from_camera
    np.testing.assert_array_equal(pose[:3], frame.reference.translation)
    matrix = Rotation.from_quat(pose[3:]).as_matrix()
    np.testing.assert_allclose(matrix, frame.reference.rotation, atol=1e-12)
    message = decode(human_array(replace(frame, reference=None, ended=()), IDENTITY))
    assert message.reference_frame == "" and len(message.ended) == 0
    np.testing.assert_array_equal(message.reference_from_camera, [0, 0, 0, 0, 0, 0, 1])


def test_people_are_sorted_by_id(people: ModuleType, rng: np.random.Generator) -> None:
    humans = tuple(people.human(rng, i) for i in (7, 2, 5))
    frame = replace(people.frame(rng, 0), humans=humans)
    assert [h.track_id for h in decode(human_array(frame, IDENTITY)).humans] == [2, 5, 7]


def test_an_unknown_scale_has_an_infinite_sigma(
    people: ModuleType, rng: np.random.Generator
) -> None:
    human = replace(people.human(rng, 1), scale=ScaleSource.NONE, depth_sigma=float("inf"))
    m = decode(human_array(replace(people.frame(rng, 0), humans=(human,)), IDENTITY)).humans[0]
    assert m.scale_source == 0
    assert np.isinf(m.depth_sigma)
