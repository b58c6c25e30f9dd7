"""A node in a ROS 2 graph over cyclonedds from PyPI, without ROS: topics, no services, no parameters.

Implements `pear_ros.live.graph.Graph`.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from cyclonedds.core import DDSException, GuardCondition, WaitSet
from cyclonedds.domain import DomainParticipant
from cyclonedds.internal import dds_infinity
from cyclonedds.qos import Policy
from cyclonedds.qos import Qos as DdsQos

from pear_ros.dds import domain, raw, rosout
from pear_ros.dds.discovery import PARTICIPANT_DATA, Announcement, Neighbours
from pear_ros.dds.endpoints import Endpoint, Reader, Writer
from pear_ros.dds.names import Names
from pear_ros.live.graph import SENSOR, Level, Qos
from pear_ros.messages.codec import CdrReader
from pear_ros.problems import PearError

CLOCK = "rosgraph_msgs/msg/Clock"

_E = TypeVar("_E", bound=Endpoint)


class DdsGraph:
    """One node.

    namespace: "/robot" or "". domain_id: ROS_DOMAIN_ID where it is None. remappings: names to names,
    as `from:=to`. use_sim_time: `now` follows /clock and is 0 until it has spoken.

    Raises: PearError for names, numbers and settings that ROS would refuse.
    """

    def __init__(
        self,
        node_name: str,
        namespace: str = "/",
        *,
        domain_id: int | None = None,
        remappings: Mapping[str, str] | None = None,
        use_sim_time: bool = False,
    ) -> None:
        raw.check_version()
        self.names = Names(node_name, namespace, remappings or {})
        self.domain_id = domain.domain_id(os.environ) if domain_id is None else domain_id
        domain.join(self.domain_id, os.environ)
        try:
            self._participant = DomainParticipant(
                self.domain_id, DdsQos(Policy.Userdata(PARTICIPANT_DATA))
            )
        except DDSException as error:
            domain.leave(self.domain_id)
            raise PearError(f"cannot join DDS domain {self.domain_id}", found=str(error)) from None
        self._lock = threading.Lock()
        self._endpoints: list[Endpoint] = []
        self._closed = False
        self._announcement = Announcement(self._participant, self.names)
        self._neighbours = Neighbours(self._participant)
        self._wake = GuardCondition(self._participant)
        self._waitset = WaitSet(self._participant)
        self._waitset.attach(self._wake)
        self._rosout = self._add(
            Writer(
                self._participant,
                rosout.TOPIC,
                rosout.TYPE,
                rosout.QOS,
                self._warn,
                self._remove,
                Policy.Lifespan(rosout.LIFESPAN),
            )
        )
        self._clock: int | None = None
        if use_sim_time:
            self._clock = 0
            self.subscribe("/clock", CLOCK, SENSOR, self._tick)
        self._thread = threading.Thread(target=self._spin, name=f"dds {node_name}", daemon=True)
        self._thread.start()

    def now(self) -> int:
        """ROS time in nanoseconds."""
        return time.time_ns() if self._clock is None else self._clock

    def resolve(self, topic: str) -> str:
        """The full name of a topic, with namespace and remappings applied."""
        return self.names.resolve(topic)

    def types(self, topic: str) -> tuple[str, ...]:
        """Message types that others offer on a topic now."""
        return self._neighbours.types(self.resolve(topic))

    def subscribe(
        self, topic: str, type_name: str, qos: Qos, callback: Callable[[memoryview], None]
    ) -> Reader:
        """Call back with the raw CDR of every message, on the graph's thread. The views own their
        memory; up to three zero bytes may follow the message, as DDS sends whole words."""
        name = self.resolve(topic)
        reader = Reader(self._participant, name, type_name, qos, callback, self._warn, self._remove)
        return self._add(reader)

    def advertise(self, topic: str, type_name: str, qos: Qos) -> Writer:
        name = self.resolve(topic)
        return self._add(Writer(self._participant, name, type_name, qos, self._warn, self._remove))

    def serve(self, service: str, callback: Callable[[], tuple[bool, str]]) -> None:
        """This graph has no services: nothing is offered."""

    def log(self, level: Level, text: str) -> None:
        """Write a line on stderr and on /rosout; below INFO it is left out, as ROS does."""
        if level < Level.INFO:
            return
        stamp, node = self.now(), self.names.full_node
        rosout.print_line(stamp, level, node, text)
        self._rosout.publish(rosout.log_message(stamp, level, node, text))

    def close(self) -> None:
        """Leave the graph. No callback starts afterwards; threads and sockets are gone."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._wake.set(True)
        if threading.current_thread() is not self._thread:
            self._thread.join()
        self._announcement.withdraw()
        for endpoint in self._all():
            endpoint.close()
        raw.delete(self._waitset)
        raw.delete(self._participant)
        domain.leave(self.domain_id)

    def __enter__(self) -> DdsGraph:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _add(self, endpoint: _E) -> _E:
        with self._lock:
            self._endpoints.append(endpoint)
            for entity in endpoint.wakers:
                self._waitset.attach(entity)
            self._announce()
        return endpoint

    def _remove(self, endpoint: Endpoint) -> None:
        with self._lock:
            self._endpoints.remove(endpoint)
            for entity in endpoint.wakers:
                self._waitset.detach(entity)
            if not self._closed:
                self._announce()

    def _announce(self) -> None:
        readers = [e.guid for e in self._endpoints if isinstance(e, Reader)]
        writers = [e.guid for e in self._endpoints if isinstance(e, Writer)]
        self._announcement.say(readers, writers)

    def _all(self) -> tuple[Endpoint, ...]:
        with self._lock:
            return tuple(self._endpoints)

    def _spin(self) -> None:
        while True:
            self._waitset.wait(dds_infinity)
            self._wake.take()
            for endpoint in self._all():
                if self._closed:
                    return
                endpoint.poll()

    def _tick(self, message: memoryview) -> None:
        seconds, nanoseconds = CdrReader(message).unpack("iI")
        self._clock = seconds * 1_000_000_000 + nanoseconds

    def _warn(self, text: str) -> None:
        self.log(Level.WARN, text)
