"""What the live, node and DDS tests share: an engine without a network, and a graph in memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from pear_core import anatomy, layout
from pear_ros.engine.base import EngineInfo, ModelIdentity
from pear_ros.engine.topology import Topology
from pear_ros.live.graph import Level, Qos
from pear_ros.types import Crop, Intrinsics, Parameters, RegressorOutput

K = Intrinsics(60.0, 60.0, 31.5, 23.5, 64, 48)
"""Camera of the small pictures (64 x 48) of these tests."""


class MadeUpEngine:
    """Sees the same upright person in the middle of every crop; can be told to fail or to be slow."""

    def __init__(self, vertices: int = 40) -> None:
        rng = np.random.default_rng(0)
        self.joint_cloud = rng.uniform([-0.25, -0.8, -0.1], [0.25, 0.8, 0.1], (145, 3))
        self.cloud = rng.uniform([-0.3, -0.9, -0.2], [0.3, 0.9, 0.2], (vertices, 3))
        names = {name: name for name in ModelIdentity.__dataclass_fields__}
        hashes = {"body_sha256": "b" * 64, "weights_sha256": "c" * 64, "step": 1}
        identity = ModelIdentity(**{**names, **hashes})  # type: ignore[arg-type]
        self.info = EngineInfo("made-up", "1", "CPU", "f32", 1, identity, "made-up")
        self.topology = Topology(
            faces=rng.integers(0, vertices, (60, 3)).astype(np.int32),
            lod_faces=rng.integers(0, 10, (12, 3)).astype(np.int32),
            lod_indices=rng.integers(0, vertices, (10, 4)).astype(np.int32),
            lod_weights=np.full((10, 4), 0.25, np.float32),
            uv=np.zeros((0, 2), np.float32),
            uv_faces=np.zeros((0, 3), np.int32),
            joint_names=anatomy.EHM_JOINTS,
            joint_parents=anatomy.SMPLX_PARENTS.astype(np.int32),
            expression_names=tuple(f"expression_{i}" for i in range(50)),
            dominant_joint=np.zeros(vertices, np.int32),
        )
        self.failing = False
        self.seconds = 0.0
        self.calls = 0
        self.people_per_call: list[int] = []

    def regress(self, image: np.ndarray, crops: Sequence[Crop]) -> RegressorOutput:
        self.calls += 1
        self.people_per_call.append(len(crops))
        time.sleep(self.seconds)
        if self.failing:
            raise RuntimeError("out of memory")
        count, scale = len(crops), 0.9
        joints = np.tile(self.joint_cloud.astype(np.float32), (count, 1, 1))
        return RegressorOutput(
            neutral(count),
            joints,
            (0.5 + 0.5 * scale * joints[..., :2]).astype(np.float32),
            np.tile(np.array([0, 0, scale], np.float32), (count, 1)),
        )

    def joints(self, parameters: Parameters) -> np.ndarray:
        return np.tile(self.joint_cloud.astype(np.float32), (len(parameters), 1, 1))

    def mesh(self, parameters: Parameters) -> np.ndarray:
        return np.tile(self.cloud.astype(np.float32), (len(parameters), 1, 1))


def neutral(count: int) -> Parameters:
    """T-poses, upright in the optical frame."""
    named = (f for f in layout.FIELDS.values() if f.name in Parameters.__dataclass_fields__)
    zeros = {f.name: np.zeros((count, f.width), np.float32) for f in named}
    rotations = np.tile(np.eye(3, dtype=np.float32), (count, layout.NUM_ROTATIONS, 1, 1))
    rotations[:, 0] = np.diag([1.0, -1.0, -1.0])
    return Parameters(rotations, **zeros)


@dataclass
class Topic:
    """What the graph in memory knows of a topic."""

    kind: str = ""
    sent: list[bytes] = field(default_factory=list)
    listeners: list[Callable[[memoryview], None]] = field(default_factory=list)
    watchers: int = 0
    advertised: bool = False
    qos: Qos | None = None


class MemoryGraph:
    """`live.graph.Graph` within one process: messages are delivered on the caller's thread.

    watch(topic): pretend that somebody subscribes. time: what `now` says.
    """

    def __init__(self, missing: Sequence[str] = ()) -> None:
        self.topics: dict[str, Topic] = {}
        self.logged: list[tuple[Level, str]] = []
        self.services: dict[str, Callable[[], tuple[bool, str]]] = {}
        self.time = 0
        self.missing = tuple(missing)
        self.changed = threading.Condition()

    def topic(self, name: str) -> Topic:
        return self.topics.setdefault(self.resolve(name), Topic())

    def now(self) -> int:
        return self.time

    def resolve(self, topic: str) -> str:
        return topic if topic.startswith("/") else "/" + topic.replace("~", "node")

    def types(self, topic: str) -> tuple[str, ...]:
        kind = self.topic(topic).kind
        return (kind,) if kind else ()

    def subscribe(
        self, topic: str, type_name: str, qos: Qos, callback: Callable[[memoryview], None]
    ) -> _Handle:
        place = self.topic(topic)
        place.listeners.append(callback)
        place.qos = qos
        return _Handle(lambda: place.listeners.remove(callback))

    def advertise(self, topic: str, type_name: str, qos: Qos) -> _Sender:
        from pear_ros.problems import PearError

        if type_name.split("/")[0] in self.missing:
            raise PearError("message type is not installed", where=type_name)
        place = self.topic(topic)
        place.kind, place.advertised, place.qos = type_name, True, qos
        return _Sender(self, place)

    def serve(self, service: str, callback: Callable[[], tuple[bool, str]]) -> None:
        self.services[service] = callback

    def log(self, level: Level, text: str) -> None:
        self.logged.append((level, text))

    def deliver(self, topic: str, data: bytes) -> None:
        """What another node publishes."""
        for listener in list(self.topic(topic).listeners):
            listener(memoryview(data))

    def watch(self, topic: str, readers: int = 1) -> None:
        self.topic(topic).watchers = readers

    def wait(self, topic: str, count: int, timeout: float = 20.0) -> list[bytes]:
        """The messages sent on a topic, once there are `count` of them."""
        place = self.topic(topic)
        with self.changed:
            reached = self.changed.wait_for(lambda: len(place.sent) >= count, timeout)
        assert reached, f"{len(place.sent)} of {count} messages on {topic}"
        return list(place.sent)


class _Handle:
    def __init__(self, end: Callable[[], None]) -> None:
        self._end = end

    def close(self) -> None:
        self._end()


class _Sender:
    def __init__(self, graph: MemoryGraph, place: Topic) -> None:
        self._graph, self._place = graph, place

    @property
    def subscribers(self) -> int:
        return self._place.watchers

    def publish(self, data: bytes) -> None:
        assert isinstance(data, bytes) and self._place.advertised
        with self._graph.changed:
            self._place.sent.append(data)
            self._graph.changed.notify_all()

    def close(self) -> None:
        self._place.advertised = False


@pytest.fixture
def made_up_engine() -> MadeUpEngine:
    return MadeUpEngine()


@pytest.fixture
def memory_graph() -> MemoryGraph:
    return MemoryGraph()


@pytest.fixture(scope="session")
def small_camera() -> Intrinsics:
    return K
