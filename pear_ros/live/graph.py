"""What the live application needs of a ROS graph; `pear_ros.node` and `pear_ros.dds` provide it.

Messages cross this line as complete CDR, 4-byte encapsulation header first, so that one codec
serves both sides. Topic names are ROS names: relative ("humans"), absolute ("/tf") or private
("~/reset").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol


class Level(IntEnum):
    """Severity of a log line; the numbers of rcl_interfaces/msg/Log."""

    DEBUG = 10
    INFO = 20
    WARN = 30
    ERROR = 40


@dataclass(frozen=True)
class Qos:
    """reliable: else best effort. latched: transient local, else volatile. depth: keep the last.

    tunable: a user may override it by parameters (qos_overrides) where the graph has them; not for
    topics that come and go with people, since parameters stay.
    """

    reliable: bool = True
    latched: bool = False
    depth: int = 10
    tunable: bool = True


SENSOR = Qos(reliable=False, depth=1)
"""For pictures: the newest one, without waiting for lost ones. Matches every publisher."""
RESULT = Qos(depth=5)
"""For results: reliable, which matches readers of either kind."""
LATCHED = Qos(latched=True, depth=1)
"""Who joins late still gets the last message."""


class Subscription(Protocol):
    """A topic that is listened to."""

    def close(self) -> None:
        """No callback starts after this returns."""
        ...


class Publisher(Protocol):
    """A topic that is written."""

    @property
    def subscribers(self) -> int:
        """How many readers are matched now."""
        ...

    def publish(self, data: bytes) -> None:
        """Send one message; safe to call from any thread."""
        ...

    def close(self) -> None: ...


class Graph(Protocol):
    """One node in a ROS graph."""

    def now(self) -> int:
        """ROS time in nanoseconds; simulated time where that is in use."""
        ...

    def resolve(self, topic: str) -> str:
        """The full name of a topic, with namespace and remappings applied."""
        ...

    def types(self, topic: str) -> tuple[str, ...]:
        """Message types that others offer on a topic now ("sensor_msgs/msg/Image")."""
        ...

    def subscribe(
        self, topic: str, type_name: str, qos: Qos, callback: Callable[[memoryview], None]
    ) -> Subscription:
        """Calls back with the raw CDR of every message, on the graph's own thread: be short.

        Raises PearError where the graph does not know the type.
        """
        ...

    def advertise(self, topic: str, type_name: str, qos: Qos) -> Publisher:
        """Raises PearError where the graph does not know the type."""
        ...

    def serve(self, service: str, callback: Callable[[], tuple[bool, str]]) -> None:
        """Offer std_srvs/srv/Trigger: the callback gives success and message; only where the graph has services."""
        ...

    def log(self, level: Level, text: str) -> None: ...
