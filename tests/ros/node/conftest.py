"""A running node in this process, and a peer that does what cameras and listeners do.

Everything here needs a sourced ROS 2 with pear's messages built; without it the tests are skipped.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from pear_ros.engine.selftest import SelfTest

MISSING = ""
try:
    import rclpy
    from rclpy.exceptions import InvalidHandle
    from rclpy.node import Node
    from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

    from pear_ros.node.executor import PicturesFirst
except ImportError as error:
    MISSING = f"no ROS 2 is sourced ({error})"
else:
    try:
        import pear.msg  # noqa: F401
    except ImportError as error:
        MISSING = f"pear's messages are not built and sourced ({error})"

# Tests that run beside each other must not hear each other.
os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))


@pytest.fixture(scope="session", autouse=True)
def needs_ros() -> None:
    """Skips whatever lies in this folder where there is no ROS."""
    if MISSING:
        pytest.skip(MISSING)


@pytest.fixture(scope="session")
def ros(needs_ros: None) -> Iterator[None]:
    rclpy.init()
    yield
    rclpy.try_shutdown()


class Peer:
    """Publishes and listens beside the node under test."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.heard: dict[str, list[Any]] = {}
        self._publishers: dict[tuple[str, bool], Any] = {}
        self.changed = threading.Condition()

    def publish(self, topic: str, message: Any, reliable: bool = True) -> None:
        kind = type(message)
        key = (topic, reliable)
        if key not in self._publishers:
            self._publishers[key] = self.node.create_publisher(kind, topic, quality(reliable))
            self.wait(lambda: self._publishers[key].get_subscription_count() > 0, f"{topic} unread")
        self._publishers[key].publish(message)

    def offer(self, topic: str, kind: type, reliable: bool = True) -> Any:
        """A publisher that does not wait for readers."""
        return self.node.create_publisher(kind, topic, quality(reliable))

    def listen(
        self, topic: str, kind: type, reliable: bool = True, latched: bool = False
    ) -> list[Any]:
        heard = self.heard.setdefault(topic, [])

        def keep(message: Any) -> None:
            with self.changed:
                heard.append(message)
                self.changed.notify_all()

        self.node.create_subscription(kind, topic, keep, quality(reliable, latched))
        return heard

    def wait(self, condition: Callable[[], bool], what: str, timeout: float = 30.0) -> None:
        end = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < end, what
            time.sleep(0.01)


def quality(reliable: bool, latched: bool = False) -> QoSProfile:
    return QoSProfile(
        depth=10,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


@pytest.fixture
def spinning(ros: None) -> Iterator[Callable[[Node], Node]]:
    """Spins nodes until the test is over, then destroys them."""
    executor = PicturesFirst(num_threads=4)
    nodes: list[Node] = []
    failures: list[str] = []
    ending = threading.Event()

    def spin() -> None:
        while not ending.is_set():
            try:
                executor.spin()
            except InvalidHandle:
                pass  # as in pear_ros.node.main
            except Exception as error:
                failures.append(f"{type(error).__name__}: {error}")

    thread = threading.Thread(target=spin, daemon=True)

    def add(node: Node) -> Node:
        nodes.append(node)
        executor.add_node(node)
        return node

    thread.start()
    yield add
    ending.set()
    executor.shutdown()
    thread.join(20.0)
    for node in nodes:
        node.destroy_node()
    assert not failures


@pytest.fixture
def peer(spinning: Callable[[Node], Node]) -> Peer:
    return Peer(spinning(rclpy.create_node("peer")))


@pytest.fixture
def start(
    spinning: Callable[[Node], Node], made_up_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Makes spinning nodes with the engine without a network, unconfigured."""
    from pear_ros.node import mesh_recovery_node as module

    monkeypatch.setattr(module, "engine_for", lambda settings: made_up_engine)
    monkeypatch.setattr(module, "self_test", lambda engine, folder: SelfTest(0.0, True, ""))

    def make(*, configured: bool = True, arguments: tuple[str, ...] = (), **parameters: Any) -> Any:
        chosen = {"detector": "whole", "smoothing": False, "diagnostics_period": 0.1} | parameters
        overrides = [rclpy.parameter.Parameter(name, value=value) for name, value in chosen.items()]
        words = ["--ros-args", *arguments] if arguments else None
        node = module.MeshRecoveryNode(parameter_overrides=overrides, cli_args=words)
        spinning(node)
        if configured:
            assert node.trigger_configure().name == "SUCCESS"
            assert node.trigger_activate().name == "SUCCESS"
        return node

    return make


@pytest.fixture
def picture() -> Callable[..., Any]:
    """sensor_msgs/Image of 64 x 48, stamp in nanoseconds."""
    from sensor_msgs.msg import Image

    def make(stamp: int, encoding: str = "rgb8", channels: int = 3, size: int = 1) -> Any:
        message = Image()
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp, 1_000_000_000)
        message.header.frame_id = "camera_optical_frame"
        message.height, message.width, message.encoding = 48, 64, encoding
        message.step = 64 * channels * size
        message.data = np.full(48 * message.step, 90, np.uint8).tobytes()
        return message

    return make


@pytest.fixture
def info() -> Callable[..., Any]:
    """sensor_msgs/CameraInfo of the small camera; zero without a focal length."""
    from sensor_msgs.msg import CameraInfo

    def make(focal: float = 60.0) -> Any:
        message = CameraInfo()
        message.header.frame_id = "camera_optical_frame"
        message.height, message.width = 48, 64
        message.k = [focal, 0.0, 31.5, 0.0, focal, 23.5, 0.0, 0.0, 1.0] if focal else [0.0] * 9
        return message

    return make


@pytest.fixture
def shoot(peer: Peer, picture: Callable[..., Any], info: Callable[..., Any]) -> Callable[..., Any]:
    """Publishes pictures with calibration, 33 ms of stamps apart; gives their stamps."""

    def shots(count: int, start: int = 1_700_000_000_000_000_000) -> list[int]:
        stamps = [start + i * 33_000_000 for i in range(count)]
        for stamp in stamps:
            peer.publish("/camera_info", info())
            peer.publish("/image", picture(stamp))
            time.sleep(0.01)
        return stamps

    return shots
