"""Our bytes in a real ROS 2: rclpy decodes them, and its own serializer gives the same bytes."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from pear_ros.messages import codec
from pear_ros.messages.body_model import body_model
from pear_ros.messages.bridge import cv2_to_imgmsg, imgmsg_to_cv2
from pear_ros.messages.camera_info import camera_info
from pear_ros.messages.detections import read_detections
from pear_ros.messages.diagnostics import Health, Level, diagnostic_array
from pear_ros.messages.heartbeat import heartbeat
from pear_ros.messages.hri import expression
from pear_ros.messages.human import human_array
from pear_ros.messages.identity import Identity
from pear_ros.messages.markers import marker_array
from pear_ros.messages.mesh import human_mesh
from pear_ros.messages.names import Naming
from pear_ros.messages.pictures import compressed_image, image
from pear_ros.messages.rep155 import rep155
from pear_ros.messages.tf import tf_message
from pear_ros.types import Box, Intrinsics, ScaleSource

pytestmark = pytest.mark.ros


def same(message: Any, expected: Any, path: str) -> None:
    """Every field of an rclpy message equals that of the rosbags message."""
    if hasattr(expected, "__msgtype__"):
        for name in message.get_fields_and_field_types():
            same(getattr(message, name), getattr(expected, name), f"{path}.{name}")
    elif isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(np.asarray(message), expected, path)
    elif isinstance(expected, list):
        assert len(message) == len(expected), path
        for i, (a, b) in enumerate(zip(message, expected, strict=True)):
            same(a, b, f"{path}[{i}]")
    else:
        # rclpy gives a `byte` as one byte.
        assert (message[0] if isinstance(message, bytes) else message) == expected, path


@pytest.mark.parametrize("count", [0, 1, 3])
def test_rclpy_reads_and_writes_the_same(
    people: ModuleType, rng: np.random.Generator, count: int
) -> None:
    pytest.importorskip("pear.msg", reason="the ROS package pear is not built")
    frame, identity = people.frame(rng, count), Identity("m", "b", "t", engine="e")
    vertices, faces = people.floats(rng, count, 40, 3), rng.integers(0, 40, (25, 3))
    messages = [
        (codec.HUMAN_ARRAY, human_array(frame, identity)),
        (codec.MARKER_ARRAY, marker_array(frame, vertices, faces, gone=[9], delete_all=True)),
        (codec.BODY_MODEL, body_model(people.topology(), identity)),
        (codec.CAMERA_INFO, camera_info(Intrinsics(1, 2, 3, 4, 5, 6), 7, "eye")),
    ]
    for human, mesh in zip(frame.humans, vertices, strict=True):
        messages.append((codec.HUMAN_MESH, human_mesh(frame, human, mesh, identity)))
    check(messages)


def check(messages: list[tuple[str, bytes]]) -> None:
    """rclpy decodes every message, to what rosbags decodes, and writes the same bytes."""
    serialization = pytest.importorskip("rclpy.serialization", reason="ROS 2 is not sourced")
    get_message = pytest.importorskip("rosidl_runtime_py.utilities").get_message
    for kind, raw in messages:
        message = serialization.deserialize_message(raw, get_message(kind))
        same(message, codec.deserialize(raw, kind), kind)
        assert serialization.serialize_message(message) == raw, kind


def test_standard_messages(people: ModuleType, rng: np.random.Generator) -> None:
    pytest.importorskip("tf2_msgs.msg", reason="tf2_msgs is not installed")
    humans = tuple(replace(people.human(rng, i), scale=ScaleSource.DEPTH) for i in (1, 22))
    frame = replace(people.frame(rng, 0), humans=(people.posed(7), *humans))
    picture = rng.integers(0, 255, (6, 8, 3), np.uint8)
    health = Health("/pear", "cam", Level.WARN, "say", problems={"encoding": 2})
    check(
        [
            (codec.TF_MESSAGE, tf_message(frame, Naming("a_"), joints=True)),
            (codec.TF_MESSAGE, tf_message(replace(frame, humans=()))),
            (codec.DIAGNOSTIC_ARRAY, diagnostic_array(health, 5)),
            (codec.IMAGE, image(picture, 7, "eye")),
            (codec.COMPRESSED_IMAGE, compressed_image(picture, 7, "eye")),
        ]
    )


def test_hri_messages(people: ModuleType, rng: np.random.Generator) -> None:
    pytest.importorskip("hri_msgs.msg", reason="hri_msgs is not installed")
    names = [f"e{i}" for i in range(44)] + ["mouthSmileLeft"]
    frame = replace(people.frame(rng, 0), humans=(people.posed(7), people.posed(8)))
    messages = [
        (one.type_name, one.data) for one in rep155(frame, expression_names=names, face_trust=1)
    ]
    assert len({kind for kind, _ in messages}) >= 7
    check([m for m in messages if "Expression" not in m[0]])


def test_expression_without_valence(people: ModuleType, rng: np.random.Generator) -> None:
    """By itself, because NaN does not equal itself."""
    serialization = pytest.importorskip("rclpy.serialization", reason="ROS 2 is not sourced")
    hri_msgs = pytest.importorskip("hri_msgs.msg", reason="hri_msgs is not installed")
    raw = expression(people.frame(rng, 0), np.zeros(99, np.float32), np.ones(99, np.float32))
    assert raw is not None
    message = serialization.deserialize_message(raw, hri_msgs.Expression)
    assert (message.expression, message.confidence) == ("neutral", 1.0)
    assert np.isnan([message.valence, message.arousal]).all()
    assert serialization.serialize_message(message) == raw


def test_heartbeat() -> None:
    pear = pytest.importorskip("pear.msg", reason="the ROS package pear is not built")
    if not hasattr(pear, "Heartbeat"):
        pytest.skip("the ROS package pear is built from older messages")
    check([(codec.HEARTBEAT, heartbeat(3, 4, "/pear", frames=5, rate=6.5))])


def test_detections_of_vision_msgs() -> None:
    serialization = pytest.importorskip("rclpy.serialization", reason="ROS 2 is not sourced")
    vision = pytest.importorskip("vision_msgs.msg", reason="vision_msgs is not installed")
    array = vision.Detection2DArray()
    for name, score in (("person", 0.75), ("dog", 0.5)):
        one = vision.Detection2D(id="x")
        one.bbox.center.position.x, one.bbox.center.position.y = 100.0, 50.0
        one.bbox.size_x, one.bbox.size_y = 40.0, 20.0
        result = vision.ObjectHypothesisWithPose()
        result.hypothesis.class_id, result.hypothesis.score = name, score
        one.results.append(result)
        array.detections.append(one)
    raw = serialization.serialize_message(array)
    assert read_detections(raw) == [Box(80, 40, 120, 60, 0.75)]


def test_the_bridge_takes_and_gives_rclpy_objects(rng: np.random.Generator) -> None:
    sensor_msgs = pytest.importorskip("sensor_msgs.msg", reason="ROS 2 is not sourced")
    for encoding, shape, dtype in (("bgr8", (4, 6, 3), "u1"), ("32FC1", (4, 6), "f4")):
        pixels = rng.integers(0, 200, shape).astype(dtype)
        message = cv2_to_imgmsg(pixels, encoding, sensor_msgs.Image)
        assert isinstance(message, sensor_msgs.Image)
        np.testing.assert_array_equal(imgmsg_to_cv2(message), pixels)
