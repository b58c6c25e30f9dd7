"""What a live node publishes, and when: people always, everything else only while somebody listens."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pear_ros.engine.base import EngineInfo
from pear_ros.engine.topology import Topology
from pear_ros.live.graph import LATCHED, RESULT, Graph, Publisher, Qos
from pear_ros.live.people_topics import PeopleTopics
from pear_ros.live.settings import Settings
from pear_ros.live.worker import Done
from pear_ros.messages import codec
from pear_ros.messages.body_model import body_model
from pear_ros.messages.frames import axes
from pear_ros.messages.human import human_array
from pear_ros.messages.identity import Identity
from pear_ros.messages.markers import MarkerStyle, marker_array
from pear_ros.messages.mesh import human_mesh
from pear_ros.messages.names import Naming
from pear_ros.messages.tf import tf_message
from pear_ros.output.mesh import joined
from pear_ros.output.sketch import debug_image
from pear_ros.types import FloatArray, Frame, HumanFrame, Parameters

HUMANS, MESHES, BODY_MODEL, MARKERS = "humans", "humans/meshes", "body_model", "markers"
DEBUG, TF = "debug_image/compressed", "/tf"
TF_MESSAGE = "tf2_msgs/msg/TFMessage"
_SHOWN = Qos(reliable=True, depth=1)
"""For what people look at: only the newest."""


class Meshes(Protocol):
    """The part of an engine that outputs need."""

    @property
    def info(self) -> EngineInfo: ...

    @property
    def topology(self) -> Topology: ...

    def mesh(self, parameters: Parameters) -> FloatArray: ...


@dataclass(frozen=True)
class Published:
    """What one frame took: seconds for vertices and for building and sending the messages."""

    mesh: float
    publish: float


class Outputs:
    """Turns results into messages while it is open."""

    def __init__(self, graph: Graph, engine: Meshes, settings: Callable[[], Settings]) -> None:
        self._graph, self._engine, self._settings = graph, engine, settings
        self.identity = Identity.of(engine.info)
        self._topics: dict[str, Publisher] = {}
        self._people: PeopleTopics | None = None
        self._drawn: set[int] = set()
        self._last_debug = 0
        self._naming = Naming()

    def open(self) -> None:
        """Advertise, and say once and for all what the numbers mean."""
        for name, kind, qos in (
            (HUMANS, codec.HUMAN_ARRAY, RESULT),
            (MESHES, codec.HUMAN_MESH, RESULT),
            (BODY_MODEL, codec.BODY_MODEL, LATCHED),
            (MARKERS, codec.MARKER_ARRAY, _SHOWN),
            (DEBUG, codec.COMPRESSED_IMAGE, _SHOWN),
            (TF, TF_MESSAGE, Qos(depth=100)),
        ):
            self._topics[name] = self._graph.advertise(name, kind, qos)
        naming = self._naming = Naming(self._settings().id_prefix)
        self._people = PeopleTopics(self._graph, naming, self._engine.topology.expression_names)
        self._topics[BODY_MODEL].publish(body_model(self._engine.topology, self.identity))

    def close(self) -> None:
        """Take everybody's markers away and stop."""
        if self._people is not None:
            self._people.close()
        for publisher in self._topics.values():
            publisher.close()
        self._topics, self._people = {}, None

    def publish(self, done: Done) -> Published:
        """Everything somebody wants of one result."""
        settings, result = self._settings(), done.result
        start = time.perf_counter()
        self._topics[HUMANS].publish(
            human_array(result, self.identity, decode_seconds=done.decode_seconds)
        )
        # Without a calibration there is no place to put a frame at.
        placed = bool(result.calibrated and settings.publish_tf and result.humans)
        known = axes(result.humans) if placed or (settings.rep155 and result.humans) else None
        if placed:
            message = tf_message(
                result, self._naming, joints=settings.publish_joint_tf, known=known
            )
            self._topics[TF].publish(message)
        if settings.rep155 and self._people is not None:
            self._people.publish(result, known)
        sent = time.perf_counter()
        vertices = self._vertices(result, settings)
        meshed = time.perf_counter()
        self._publish_meshes(result, vertices)
        self._publish_markers(result, vertices, settings)
        self._publish_debug(done.frame, result, settings)
        mesh = meshed - sent
        return Published(mesh, time.perf_counter() - start - mesh)

    def _wanted(self, name: str) -> bool:
        return self._topics[name].subscribers > 0

    def _vertices(self, result: HumanFrame, settings: Settings) -> FloatArray | None:
        drawn = settings.marker_mesh != "none" and self._wanted(MARKERS)
        if not result.humans or not (drawn or self._wanted(MESHES)):
            return None
        return self._engine.mesh(joined([human.parameters for human in result.humans]))

    def _publish_meshes(self, result: HumanFrame, vertices: FloatArray | None) -> None:
        if vertices is None or not self._wanted(MESHES):
            return
        for human, mesh in zip(result.humans, vertices, strict=True):
            self._topics[MESHES].publish(human_mesh(result, human, mesh, self.identity))

    def _publish_markers(
        self, result: HumanFrame, vertices: FloatArray | None, settings: Settings
    ) -> None:
        if not self._wanted(MARKERS):
            self._drawn = set()
            return
        topology = self._engine.topology
        faces: NDArray[np.int32] | None = None
        if vertices is not None and settings.marker_mesh == "full":
            faces = topology.faces
        elif vertices is not None and settings.marker_mesh == "lod":
            faces, vertices = topology.lod_faces, topology.lod(vertices)
        shown = {human.track_id for human in result.humans}
        gone, self._drawn = self._drawn - shown, shown
        style = MarkerStyle(
            skeleton=settings.marker_skeleton,
            label=settings.marker_labels,
            gaze=settings.marker_gaze,
        )
        placed = None if faces is None else vertices
        self._topics[MARKERS].publish(marker_array(result, placed, faces, style=style, gone=gone))

    def _publish_debug(self, frame: Frame, result: HumanFrame, settings: Settings) -> None:
        now = time.monotonic_ns()
        # A little early counts as on time: frames do not come at exact multiples.
        due = now - self._last_debug >= 0.9e9 / settings.debug_rate
        if not due or not self._wanted(DEBUG):
            return
        self._last_debug = now
        self._topics[DEBUG].publish(debug_image(frame, result, settings.jpeg_quality))
