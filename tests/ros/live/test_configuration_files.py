"""The files for RViz, Foxglove, SROS2 and DDS name what the application really uses."""

from __future__ import annotations

import ast
import json
import xml.etree.ElementTree as ElementTree
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pear_ros.live.application import Application
from pear_ros.live.settings import BY_NAME, Settings
from pear_ros.messages.camera_info import camera_info
from pear_ros.perception.detection.elsewhere import Elsewhere

ROOT = Path(__file__).parents[3]
OWN = {"/rosout", "/parameter_events", "/node/transition_event"}
"""Topics that rclpy offers by itself."""


@pytest.fixture
def used(memory_graph: Any, made_up_engine: Any, small_camera: Any) -> tuple[set[str], set[str]]:
    """Every topic an application publishes and subscribes to, with all options on."""
    settings = Settings.of(
        {"use_depth": True, "detector": "topic", "reference_frame": "odom", "sync_wait": 0.0}
    )
    application = Application(memory_graph, made_up_engine, Elsewhere(), settings)
    application.start()
    import numpy as np

    from pear_ros.messages.pictures import image

    stamp = 1_700_000_000_000_000_000
    memory_graph.deliver("camera_info", camera_info(small_camera, stamp, "camera"))
    memory_graph.deliver("image", image(np.zeros((48, 64, 3), np.uint8), stamp, "camera"))
    memory_graph.wait("humans", 1)
    heard = {name for name, topic in memory_graph.topics.items() if topic.listeners}
    said = {name for name, topic in memory_graph.topics.items() if topic.advertised}
    application.stop()
    return said, heard


def allowed(kind: str) -> list[str]:
    tree = ElementTree.parse(ROOT / "config" / "sros2_policy.xml")
    topics = tree.findall(f".//topics[@{kind}='ALLOW']/topic")
    return ["/" + (t.text or "").replace("~", "node").lstrip("/") for t in topics]


def test_the_policy_allows_what_is_used_and_nothing_else(used: tuple[set[str], set[str]]) -> None:
    for kind, names in (("publish", used[0]), ("subscribe", used[1])):
        patterns = allowed(kind)
        refused = {n for n in names if not any(fnmatch(n, p) for p in patterns)}
        assert not refused, f"{kind}: {refused}"
        unused = {p for p in patterns if "*" not in p} - names - OWN - {"/clock"}
        assert not unused, f"{kind} allowed without need: {unused}"


POLICY = {
    "policy": ("enclaves", {"version"}),
    "enclaves": ("enclave", set()),
    "enclave": ("profiles", {"path"}),
    "profiles": ("profile", set()),
    "profile": ("topics services", {"ns", "node"}),
    "topics": ("topic", {"publish", "subscribe"}),
    "services": ("service", {"reply", "request"}),
    "topic": ("", set()),
    "service": ("", set()),
}
"""Element, its children and its attributes, as sros2's policy.xsd has them (Humble and Jazzy)."""


def test_the_policy_has_the_form_that_sros2_reads() -> None:
    root = ElementTree.parse(ROOT / "config" / "sros2_policy.xml").getroot()
    assert root.attrib == {"version": "0.2.0"}
    for element in root.iter():
        children, attributes = POLICY[element.tag]
        assert {child.tag for child in element} <= set(children.split())
        assert set(element.attrib) <= attributes
        if element.tag in ("topics", "services"):
            assert list(element.attrib.values()) == ["ALLOW"] and len(element) > 0
        if not children:
            # sros2's template: "/" absolute, "~" private, else relative to ns
            assert element.text == (element.text or "").strip() != ""


def test_foxglove_shows_topics_that_exist(used: tuple[set[str], set[str]]) -> None:
    layout = json.loads((ROOT / "config" / "foxglove_layout.json").read_text())
    panels = layout["configById"]
    shown = set(panels["3D!people"]["topics"])
    shown.add(panels["Image!picture"]["imageMode"]["imageTopic"])
    shown.add(panels["DiagnosticSummary!health"]["topicToRender"])
    paths = [p["value"] for name, panel in panels.items() for p in panel.get("paths", [])]
    shown |= {path.split(".")[0] for path in (*paths, panels["RawMessages!people"]["topicPath"])}
    assert shown <= used[0]

    def leaves(node: Any) -> set[str]:
        return {node} if isinstance(node, str) else leaves(node["first"]) | leaves(node["second"])

    assert leaves(layout["layout"]) == set(panels)


def test_rviz_shows_topics_that_exist(used: tuple[set[str], set[str]]) -> None:
    content = YAML(typ="safe").load((ROOT / "rviz" / "pear.rviz").read_text())
    displays = content["Visualization Manager"]["Displays"]
    topics = {"/" + d["Topic"]["Value"] for d in displays if "Topic" in d}
    assert topics <= used[0] | used[1] and "/markers" in topics


def test_launch_arguments_that_become_settings_are_settings() -> None:
    tree = ast.parse((ROOT / "launch" / "pear.launch.py").read_text())
    named = {
        node.targets[0].id: ast.literal_eval(node.value)  # type: ignore[attr-defined]
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple)
    }
    assert set(named["SETTINGS"]) <= set(BY_NAME)
    assert set(named["SETTINGS"]) <= {name for name, _, _ in named["ARGUMENTS"]}
