"""A graph without ROS and a real ROS 2: rclpy and the ros2 command see, decode and feed it."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

pytest.importorskip("cyclonedds")

from pear_ros.dds.graph import DdsGraph
from pear_ros.live.graph import LATCHED, RESULT, SENSOR, Qos
from pear_ros.messages import codec
from pear_ros.messages.codec import CdrWriter
from pear_ros.messages.human import human_array
from pear_ros.messages.identity import Identity
from pear_ros.messages.markers import marker_array

pytestmark = pytest.mark.ros

STRING = "std_msgs/msg/String"
MODES = list(itertools.product((True, False), repeat=2))


def text(words: str) -> bytes:
    out = CdrWriter()
    out.string(words)
    return out.finish()


@pytest.fixture(scope="module")
def rclpy_node(domain: int, child: Callable[[str], Any]) -> Iterator[Any]:
    pytest.importorskip("rclpy", reason="ROS 2 is not sourced")
    process = child("remote_rclpy.py")
    yield process
    process.end()


@pytest.fixture
def graph() -> Iterator[DdsGraph]:
    with DdsGraph("pip_node", "robot") as opened:
        yield opened


def ros2(*words: str) -> str:
    """What the ros2 command prints; it asks the graph itself, without a daemon."""
    if not shutil.which("ros2"):
        pytest.skip("ROS 2 is not sourced")
    done = subprocess.run(["ros2", *words], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "hash" not in done.stderr, done.stderr
    return done.stdout


def ask(*words: str) -> str:
    return ros2(*words, "--no-daemon", "--spin-time", "5")


@pytest.mark.parametrize("kind", [codec.HUMAN_ARRAY, codec.MARKER_ARRAY])
def test_rclpy_decodes_our_messages(
    rclpy_node: Any,
    graph: DdsGraph,
    until: Callable[..., Any],
    people: ModuleType,
    rng: np.random.Generator,
    kind: str,
) -> None:
    pytest.importorskip("pear.msg", reason="the ROS package pear is not built")
    frame, faces = people.frame(rng, 2), rng.integers(0, 40, (25, 3))
    if kind == codec.HUMAN_ARRAY:
        raw = human_array(frame, Identity("m", "b", "t", engine="e"))
    else:
        raw = marker_array(frame, people.floats(rng, 2, 40, 3), faces)
    writer = graph.advertise("people", kind, RESULT)
    rclpy_node("subscribe", key=kind, topic="/robot/people", type=kind, qos={})
    got = until(lambda: writer.publish(raw) or rclpy_node("got", key=kind))
    # rclpy decoded it into objects and serialised those again.
    assert bytes.fromhex(got[0]) == raw
    fields, expected = rclpy_node("fields", key=kind)[0], codec.deserialize(raw, kind)
    if kind == codec.HUMAN_ARRAY:
        for seen, wanted in zip(fields["humans"], expected.humans, strict=True):
            np.testing.assert_array_equal(np.float32(seen["betas"]), wanted.betas)
    else:
        for seen, wanted in zip(fields["markers"], expected.markers, strict=True):
            assert [p["x"] for p in seen["points"]] == [p.x for p in wanted.points]


def test_pictures_of_rclpy_arrive_byte_for_byte(
    rclpy_node: Any, graph: DdsGraph, until: Callable[..., Any], rng: np.random.Generator
) -> None:
    got: list[memoryview] = []
    reader = graph.subscribe("/camera/image", codec.IMAGE, SENSOR, got.append)
    rclpy_node("advertise", key="i", topic="/camera/image", type=codec.IMAGE, qos={"depth": 5})
    until(lambda: rclpy_node("subscribers", key="i") and reader.publishers)
    for width in (5, 6, 7, 8):
        pixels = rng.integers(0, 256, (3, width, 1), dtype=np.uint8)
        values = {
            "header": {"stamp": {"sec": 7, "nanosec": 8}, "frame_id": "eye"},
            "height": 3, "width": width, "step": width, "encoding": "mono8",
            "data": pixels.ravel().tolist(),
        }  # fmt: skip
        sent = bytes.fromhex(rclpy_node("publish", key="i", values=values))
        view = until(lambda width=width: got[-1] if len(got) == width - 4 else None)
        # rmw sends whole words.
        assert bytes(view) == sent + bytes(-len(sent) % 4)
        data = codec.deserialize(view, codec.IMAGE).data
        np.testing.assert_array_equal(data, pixels.ravel())
    assert graph.types("/camera/image") == (codec.IMAGE,)


def test_the_matrix_of_qualities_with_rclpy(
    rclpy_node: Any, graph: DdsGraph, until: Callable[..., Any]
) -> None:
    writers, got = [], []
    for i, (reliable, latched) in enumerate(MODES):
        qos = {"reliable": reliable, "latched": latched}
        writers.append(graph.advertise("/to_ros", STRING, Qos(**qos)))
        rclpy_node("subscribe", key=f"r{i}", topic="/to_ros", type=STRING, qos=qos)
        got.append([])
        graph.subscribe("/from_ros", STRING, Qos(**qos), got[i].append)
        rclpy_node("advertise", key=f"w{i}", topic="/from_ros", type=STRING, qos=qos)
    match = [
        [all(has or not wants for has, wants in zip(offered, asked)) for asked in MODES]
        for offered in MODES
    ]

    def all_arrived() -> bool:
        # A reader that has not found its writer yet misses what that sends.
        for w, writer in enumerate(writers):
            writer.publish(text(f"writer {w}"))
            rclpy_node("publish", key=f"w{w}", values={"data": f"writer {w}"})
        theirs = [{m["data"] for m in rclpy_node("fields", key=f"r{r}")} for r in range(4)]
        ours = [{codec.deserialize(m, STRING).data for m in got[r]} for r in range(4)]
        return theirs == ours == names

    names = [{f"writer {w}" for w in range(4) if match[w][r]} for r in range(4)]
    until(all_arrived)
    for w, writer in enumerate(writers):
        assert writer.subscribers == sum(match[w])
        assert rclpy_node("subscribers", key=f"w{w}") == sum(match[w])


def test_rclpy_sees_the_node_come_and_go(rclpy_node: Any, until: Callable[..., Any]) -> None:
    with DdsGraph("brief", "robot"):
        until(lambda: rclpy_node("nodes"), lambda seen: ["brief", "/robot"] in seen)
    until(lambda: rclpy_node("nodes"), lambda seen: ["brief", "/robot"] not in seen)


def test_the_ros2_command_sees_everything(domain: int) -> None:
    with DdsGraph("pip_node", "robot") as graph:
        latched = graph.advertise("model", STRING, LATCHED)
        latched.publish(text("hello from pip"))
        graph.advertise("humans", codec.MARKER_ARRAY, RESULT)
        graph.subscribe("/camera/image", codec.IMAGE, SENSOR, lambda message: None)
        listed = ask("topic", "list", "-t").split("\n")
        assert f"/robot/model [{STRING}]" in listed
        assert f"/robot/humans [{codec.MARKER_ARRAY}]" in listed
        assert f"/camera/image [{codec.IMAGE}]" in listed
        info = ask("topic", "info", "-v", "/camera/image")
        for line in (
            f"Type: {codec.IMAGE}",
            "Node name: pip_node",
            "Node namespace: /robot",
            f"Topic type hash: {codec.typestore().hash_rihs01(codec.IMAGE)}",
            "Endpoint type: SUBSCRIPTION",
            "Reliability: BEST_EFFORT",
            "Durability: VOLATILE",
        ):
            assert line in info
        assert "data: hello from pip" in ask("topic", "echo", "--once", "/robot/model")
