"""Names: hand-made cases of ROS's rules, and rclpy's own functions where ROS is sourced."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("cyclonedds")

from pear_ros.dds.names import Names, wire_topic
from pear_ros.problems import PearError

LEGAL = ["humans", "/tf", "~", "~/reset", "a/b", "_x", "{node}/a", "/{ns}_2", "a__b", "/a/~b"[:2]]
ILLEGAL = ["", "/", "a/", "a//b", "1a", "a/1b", "a b", "a-b", "~x", "a~", "{other}", "a" * 248, "é"]


@pytest.mark.parametrize(
    ("namespace", "topic", "full"),
    [
        ("/", "humans", "/humans"),
        ("", "humans", "/humans"),
        ("/robot", "humans", "/robot/humans"),
        ("robot/", "a/b", "/robot/a/b"),
        ("/robot/left", "/tf", "/tf"),
        ("/robot", "~", "/robot/eye"),
        ("/robot", "~/reset", "/robot/eye/reset"),
        ("/", "~/reset", "/eye/reset"),
        ("/robot", "{node}_x", "/robot/eye_x"),
    ],
)
def test_full_names(namespace: str, topic: str, full: str) -> None:
    assert Names("eye", namespace).resolve(topic) == full
    assert wire_topic(full) == f"rt{full}"


def test_remapping_compares_full_names() -> None:
    names = Names(
        "eye",
        "/robot",
        {
            "image": "/camera/image_raw",
            "/robot/humans": "people",
            "~/reset": "~/again",
            "/tf": "tf",
        },
    )
    assert names.resolve("image") == "/camera/image_raw"
    assert names.resolve("/robot/image") == "/camera/image_raw"
    assert names.resolve("/image") == "/image"
    assert names.resolve("humans") == "/robot/people"
    assert names.resolve("~/reset") == "/robot/eye/again"
    assert names.resolve("/tf") == "/robot/tf"
    assert names.full_node == "/robot/eye"


@pytest.mark.parametrize("topic", ILLEGAL)
def test_illegal_topics_are_refused(topic: str) -> None:
    with pytest.raises(PearError):
        Names("eye").resolve(topic)


@pytest.mark.parametrize(
    ("node", "namespace", "remappings"),
    [("", "/", {}), ("a/b", "/", {}), ("1", "/", {}), ("a", "/b c", {}), ("a", "/", {"x": "y z"})],
)
def test_illegal_nodes_are_refused(node: str, namespace: str, remappings: dict[str, str]) -> None:
    with pytest.raises(PearError):
        Names(node, namespace, remappings)


@given(st.text(alphabet="ab1_/~{}-", max_size=8))
@settings(deadline=None, max_examples=200)
def test_a_resolved_name_stays_and_is_absolute(topic: str) -> None:
    names = Names("eye", "/robot")
    try:
        full = names.resolve(topic)
    except PearError:
        return
    assert full.startswith("/") and names.resolve(full) == full


@pytest.mark.ros
@pytest.mark.parametrize("topic", LEGAL + [t for t in ILLEGAL if t != "~x"])
def test_rclpy_gives_the_same_names(topic: str) -> None:
    expand = pytest.importorskip("rclpy.expand_topic_name", reason="ROS 2 is not sourced")
    words = pytest.importorskip("rclpy.validate_topic_name")
    valid = pytest.importorskip("rclpy.validate_full_topic_name")
    try:
        words.validate_topic_name(topic)
        expected = expand.expand_topic_name(topic, "eye", "/robot")
        valid.validate_full_topic_name(expected)
    except Exception:
        expected = None
    # "~x" is left out: rclpy takes it, the rules of topic names do not.
    try:
        found = Names("eye", "/robot").expand(topic)
    except PearError:
        found = None
    assert found == expected
