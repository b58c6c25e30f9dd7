"""Our bytes in a real ROS 2: rclpy decodes them, and its own serializer gives the same bytes."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

from pear_ros.messages import codec
from pear_ros.messages.body_model import body_model
from pear_ros.messages.camera_info import camera_info
from pear_ros.messages.human import human_array
from pear_ros.messages.identity import Identity
from pear_ros.messages.markers import marker_array
from pear_ros.messages.mesh import human_mesh
from pear_ros.types import Intrinsics

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
        assert message == expected, path


@pytest.mark.parametrize("count", [0, 1, 3])
def test_rclpy_reads_and_writes_the_same(
    people: ModuleType, rng: np.random.Generator, count: int
) -> None:
    serialization = pytest.importorskip("rclpy.serialization", reason="ROS 2 is not sourced")
    pytest.importorskip("pear.msg", reason="the ROS package pear is not built")
    get_message = pytest.importorskip("rosidl_runtime_py.utilities").get_message
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
    for kind, raw in messages:
        message = serialization.deserialize_message(raw, get_message(kind))
        same(message, codec.deserialize(raw, kind), kind)
        assert serialization.serialize_message(message) == raw
