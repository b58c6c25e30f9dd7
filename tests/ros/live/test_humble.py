"""What ROS 2 Humble lacks is not used, and its messages are the ones that we write.

No Humble can be run where these tests run. The lists come from reading rclpy, launch_ros and
rosbag2, branch humble against jazzy (2026-11-22); docs/compatibility.md says what else was read.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rosbags.typesys import Stores, get_typestore

ROOT = Path(__file__).parents[3]
SOURCES = sorted([*(ROOT / "pear_ros" / "node").glob("*.py"), *(ROOT / "launch").glob("*.py")])
YOUNGER = {
    # rclpy: callbacks around set_parameters, events, executors, typed services
    "add_pre_set_parameters_callback", "add_post_set_parameters_callback", "ParameterEventHandler",
    "event_handler", "EventsExecutor", "AsyncParameterClient", "TypeDescriptionService",
    "configure_introspection", "content_filter_options",
    "matched_callback", "incompatible_type", "enable_logger_service",
    "get_services_info_by_service", "get_type_hash", "topic_type_hash",
    # launch, launch_ros
    "LifecycleTransition", "StringJoinSubstitution", "ForEach",
}  # fmt: skip
"""Names and keywords that came after Humble."""
KEYWORDS = {"autostart"}
"""Keywords that came after Humble, of names that we use ourselves."""
FLAGS = {
    "--exclude-topics", "--exclude-regex", "--services", "--exclude-services", "--actions",
    "--playback-duration", "--playback-until-sec", "--publish-service-requests",
    "--progress-bar", "--read-order", "--input", "--custom-data", "--all-topics",
}  # fmt: skip
"""Of `ros2 bag play` and `record`; record's --topics too, see below."""


def names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.arg
        elif isinstance(node, ast.ImportFrom):
            yield from (node.module or "").split(".")
            yield from (alias.name for alias in node.names)


def younger(source: str) -> set[str]:
    tree = ast.parse(source)
    texts = {
        n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)
    }
    keywords = {node.arg or "" for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    found = (set(names(tree)) & YOUNGER) | (keywords & KEYWORDS) | (texts & FLAGS)
    for node in ast.walk(tree):
        if isinstance(node, ast.List):
            words = [w.value for w in node.elts if isinstance(w, ast.Constant)]
            if words[:3] == ["ros2", "bag", "record"]:
                found |= {"record --topics"} if "--topics" in words else set()
                found |= set() if {"-s", "mcap"} <= set(words) else {"record without -s mcap"}
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_nothing_younger_is_used(path: Path) -> None:
    assert younger(path.read_text()) == set()


@pytest.mark.parametrize(
    "source",
    [
        "from rclpy.event_handler import SubscriptionEventCallbacks",
        "node.add_post_set_parameters_callback(changed)",
        "LifecycleNode(name='a', namespace='', autostart=True)",
        "['ros2', 'bag', 'play', bag, '--exclude-topics', '/a']",
        "['ros2', 'bag', 'record', '-s', 'mcap', '--topics', '/a']",
        "['ros2', 'bag', 'record', '-o', out]",
    ],
)
def test_the_check_sees_what_is_younger(source: str) -> None:
    assert younger(source)


def parts(store: Any, name: str) -> set[str]:
    """A message and all that it is made of."""
    found, waiting = set(), [name]
    while waiting:
        name = waiting.pop()
        found.add(name)
        for _, kind in store.fielddefs[name][1]:
            deep = set(re.findall(r"[a-z0-9_]+/msg/\w+", str(kind)))
            waiting += [inner for inner in deep if inner not in found]
    return found


def test_messages_have_the_same_members_in_humble() -> None:
    humble, jazzy = get_typestore(Stores.ROS2_HUMBLE), get_typestore(Stores.ROS2_JAZZY)
    text = "".join(p.read_text() for p in (ROOT / "pear_ros").rglob("*.py"))
    named = set(re.findall(r'"([a-z][a-z0-9_]*/msg/[A-Z]\w+)"', text)) & set(jazzy.fielddefs)
    # The one that differs is only for DDS without ROS; docs/dds.md says what that means.
    named -= {"rmw_dds_common/msg/ParticipantEntitiesInfo"}
    assert {"sensor_msgs/msg/Image", "visualization_msgs/msg/MarkerArray"} <= named
    different = {
        part
        for name in named
        for part in parts(jazzy, name)
        if humble.fielddefs.get(part, ((), ()))[1] != jazzy.fielddefs[part][1]
    }
    assert different == set()


def test_our_messages_need_only_what_humble_has() -> None:
    humble = get_typestore(Stores.ROS2_HUMBLE)
    for path in sorted((ROOT / "msg").glob("*.msg")):
        for line in path.read_text().splitlines():
            kind = line.split("#")[0].split(maxsplit=1)[:1]
            outside = [k for k in kind if "/" in k]
            assert all(k.replace("/", "/msg/").split("[")[0] in humble.fielddefs for k in outside)
            # Defaults and keyed members are read differently from one distribution to another.
            assert "@" not in line.split("#")[0]
